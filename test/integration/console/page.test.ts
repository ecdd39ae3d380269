// The console's port in plain HTTP: the page and its headers, the sign-in, and who may call.

import { request } from 'node:http';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { createTokens } from '../../support/identity/credentials.ts';
import { type ConsoleFixture, PAGE, SCRIPT, startConsoleFixture } from '../../support/services/console.ts';

let open: ConsoleFixture;
let guarded: ConsoleFixture;
beforeAll(async () => {
  [open, guarded] = await Promise.all([startConsoleFixture(), startConsoleFixture({ CONSOLE_SIGN_IN: 'on' })]);
});
beforeEach(() => {
  open.shop.reset();
  guarded.shop.reset();
});
afterAll(async () => {
  await open?.[Symbol.asyncDispose]();
  await guarded?.[Symbol.asyncDispose]();
});

describe('the page', () => {
  it('may load and run only what the console serves, and no other page may frame it', async () => {
    const response = await fetch(open.url);

    expect(await response.text()).toBe(PAGE);
    const policy = response.headers.get('content-security-policy')?.split('; ');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("style-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy?.join()).not.toMatch(/unsafe|\*|data:|https?:/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('cache-control')).toBe('no-cache');
  });

  it('has assets that are compressed and never change', async () => {
    const response = await fetch(`${open.url}/assets/main-1a2b.js`);

    expect(await response.text()).toBe(SCRIPT);
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(response.headers.get('cache-control')).toContain('immutable');
  });

  it.each([
    '/../operator.token',
    '/assets/../../operator.token',
    '/%2e%2e/operator.token',
    '/operator.token',
    '/assets',
  ])('does not serve %s', async (path) => {
    const token = await createTokens()('operator', 'console');

    const response = await fetch(`${open.url}${path}`);

    expect(response.status).toBe(404);
    expect(await response.text()).not.toContain(token);
  });

  it('says how it is built when it is not', async () => {
    await using bare = await startConsoleFixture({ CONSOLE_PAGE_DIR: '/nowhere' });

    const response = await fetch(bare.url);

    expect(response.status).toBe(503);
    expect(await response.text()).toContain('make console-page');
  });

  it('is refused under a host name that is not its own', async () => {
    const { status } = await requestAs(open.url, '/', { host: 'evil.example' });

    expect(status).toBe(403);
  });
});

describe('the sign-in', () => {
  const signIn = (token: string, headers: Record<string, string> = {}) =>
    fetch(`${guarded.url}/console/sign-in`, { method: 'POST', body: token, headers });
  const orders = (headers: Record<string, string> = {}) => guarded.client(OrderService, headers).listOrders({});

  it('is needed for what is not open to guests', async () => {
    await expect(orders()).rejects.toMatchObject({ code: Code.Unauthenticated });
    expect((await fetch(`${guarded.url}/console/overview`)).status).toBe(401);
    expect(guarded.shop.calls(OrderService.method.listOrders)).toEqual([]);
  });

  it('keeps the token in a cookie that no script and no other site can use', async () => {
    const token = await createTokens()('operator', 'ada');
    guarded.shop.stub(OrderService.method.listOrders).replies({});

    const response = await signIn(token);
    const cookie = response.headers.get('set-cookie') ?? '';
    await orders({ cookie: cookie.split(';')[0] ?? '' });

    expect(await response.json()).toEqual({ caller: { kind: 'operator', name: 'operator:ada' } });
    expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/);
    const [call] = guarded.shop.calls(OrderService.method.listOrders);
    expect(call!.requestHeader.get('authorization')).toBe(`Bearer ${token}`);
    expect(call!.requestHeader.get('cookie')).toBeNull();
  });

  it.each([
    ['nothing', '', 400],
    ['text', 'not a token', 400],
    ['an endless text', 'x'.repeat(20_000), 400],
    ['a header in disguise', 'a.b.c\r\nset-cookie: x=y', 400],
    ['a token that no issuer signed', 'a.b.c', 401],
  ])('refuses %s', async (_, token, status) => {
    const response = await signIn(token);

    expect(response.status).toBe(status);
    expect(response.headers.get('set-cookie')).toBeNull();
  });

  it('is for people: a service cannot sign in', async () => {
    const response = await signIn(await createTokens()('service', 'order'));

    expect(response.status).toBe(401);
    expect(response.headers.get('set-cookie')).toBeNull();
  });

  it('is kept by no cache', async () => {
    const token = await createTokens()('operator', 'ada');

    for (const response of [await signIn(token), await fetch(`${guarded.url}/console/session`)])
      expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('ends by deleting the cookie', async () => {
    const response = await fetch(`${guarded.url}/console/sign-out`, { method: 'POST' });

    expect(response.headers.get('set-cookie')).toMatch(/^touchstone_console=; .*Max-Age=0/);
  });

  it('is unknown, not missing, while the keys of the issuer cannot be read', async () => {
    await using blind = await startConsoleFixture({ CONSOLE_SIGN_IN: 'on', TOKEN_KEYS: 'http://127.0.0.1:1/keys' });
    const cookie = `touchstone_console=${await createTokens()('operator', 'ada')}`;

    const response = await fetch(`${blind.url}/console/session`, { headers: { cookie } });

    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ reason: 'TOKEN_KEYS_UNAVAILABLE' });
    expect(
      (await fetch(`${guarded.url}/console/session`, { headers: { cookie: 'touchstone_console=a.b.c' } })).status,
    ).toBe(200);
  });

  it('is not needed where the local stack runs the console', async () => {
    const session = async ({ url }: ConsoleFixture) => await (await fetch(`${url}/console/session`)).json();

    expect(await session(open)).toMatchObject({ signInNeeded: false, caller: { kind: 'operator' } });
    expect(await session(guarded)).toMatchObject({ signInNeeded: true, caller: null });
  });
});

describe('another page', () => {
  it.each([
    ['of another site', { origin: 'https://evil.example' }],
    ['of another port of this machine', { origin: 'http://localhost:3000' }],
    ['of this machine, without an origin', { 'sec-fetch-site': 'same-site' }],
    ['of another site, without an origin', { 'sec-fetch-site': 'cross-site' }],
  ])('%s can neither call nor read', async (_, headers) => {
    const list = open.client(OrderService, headers as Record<string, string>).listOrders({});

    await expect(list).rejects.toMatchObject({ code: Code.PermissionDenied });
    expect((await requestAs(open.url, '/console/session', headers as Record<string, string>)).status).toBe(403);
    expect(open.shop.calls(OrderService.method.listOrders)).toEqual([]);
  });

  it('of the console itself can', async () => {
    open.shop.stub(OrderService.method.listOrders).replies({});
    const headers = { origin: open.url, 'sec-fetch-site': 'same-origin' };

    await open.client(OrderService, headers).listOrders({});

    expect(open.shop.calls(OrderService.method.listOrders)).toHaveLength(1);
  });
});

it('does not start without a sign-in where other machines can reach it', async () => {
  await expect(startConsoleFixture({ HOST: '0.0.0.0', INSECURE: 'on' })).rejects.toThrow('CONSOLE_SIGN_IN must be on');
});

/** Sends headers that `fetch` does not let a caller choose. */
async function requestAs(url: string, path: string, headers: Record<string, string>): Promise<{ status: number }> {
  const answered = Promise.withResolvers<{ status: number }>();
  const sent = request(`${url}${path}`, { headers, agent: false }, (response) => {
    response.resume();
    answered.resolve({ status: response.statusCode ?? 0 });
  });
  sent.once('error', answered.reject).end();
  return await answered.promise;
}

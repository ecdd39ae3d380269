import { describe, expect, it } from 'vitest';
import { makeCredentials } from '#services/console/credentials.ts';
import { isOfForeignPage } from '#services/console/own-page.ts';
import { cookieOf, isCookieToken, tokenOf } from '#services/console/session-cookie.ts';
import { unauthenticated } from '#services/platform/base/errors.ts';

describe('the session cookie', () => {
  it.each([
    ['touchstone_console=a.b.c', 'a.b.c'],
    ['other=1; touchstone_console=a.b.c; more=2', 'a.b.c'],
    [undefined, undefined],
    ['', undefined],
    ['touchstone_console=', undefined],
    ['touchstone_console=text', undefined],
    ['xtouchstone_console=a.b.c', undefined],
    ['touchstone_console_other=a.b.c', undefined],
    ['touchstone_console_other=d.e.f; touchstone_console=a.b.c', 'a.b.c'],
    ['touchstone_console=a.b.c d', undefined],
  ])('of the header %s is %s', (header, token) => {
    expect(tokenOf(header)).toBe(token);
  });

  it('is for one site, over TLS only where there is TLS', () => {
    expect(cookieOf('a.b.c', false)).toBe('touchstone_console=a.b.c; Path=/; HttpOnly; SameSite=Strict');
    expect(cookieOf('a.b.c', true)).toContain('; Secure');
    expect(cookieOf(undefined, false)).toContain('Max-Age=0');
  });

  it.each(['', 'a.b', 'a.b.c.d', 'a.b.c;x', 'ä.b.c', `a.b.${'c'.repeat(4_000)}`])('does not keep %j', (token) => {
    expect(isCookieToken(token)).toBe(false);
  });
});

describe('credentials', () => {
  const verify = async (token: string) => {
    if (token === 'own') return { kind: 'operator', id: 'console' } as const;
    if (token === 'a.b.c') return { kind: 'customer', id: 'cust123' } as const;
    throw unauthenticated('TOKEN_INVALID', 'unknown');
  };
  const open = makeCredentials(verify, async () => 'own', false);
  const guarded = makeCredentials(verify, async () => 'own', true);
  const cookie = 'touchstone_console=a.b.c';

  it.each([
    ['the header', open, { authorization: 'Bearer x', cookie }, 'Bearer x'],
    ['the cookie without a header', guarded, { cookie }, 'Bearer a.b.c'],
    ['the console where no sign-in is needed, whatever cookie is left', open, { cookie }, 'Bearer own'],
    ['the token of the console without either', open, {}, 'Bearer own'],
    ['none without either where a sign-in is needed', guarded, {}, undefined],
  ])('are those of %s', async (_, credentials, headers, found) => {
    expect(await credentials.find(headers)).toBe(found);
  });

  it('of an operator are required as such', async () => {
    await expect(open.requireOperator({})).resolves.toBeUndefined();
    await expect(guarded.requireOperator({})).rejects.toMatchObject({ kind: 'unauthenticated' });
    await expect(guarded.requireOperator({ cookie })).rejects.toMatchObject({ kind: 'permission_denied' });
    await expect(open.requireOperator({ authorization: 'Basic b3du' })).rejects.toMatchObject({
      kind: 'unauthenticated',
    });
  });
});

describe('isOfForeignPage', () => {
  const ask = (headers: Record<string, string>) =>
    isOfForeignPage({ headers: { host: 'localhost:8080', ...headers } } as never);

  it.each([
    [{}, false],
    [{ 'sec-fetch-site': 'none' }, false],
    [{ 'sec-fetch-site': 'same-origin', origin: 'http://localhost:8080' }, false],
    [{ origin: 'http://localhost:8080' }, false],
    [{ origin: 'http://localhost:3000' }, true],
    [{ origin: 'null' }, true],
    [{ origin: 'https://evil.example' }, true],
    [{ 'sec-fetch-site': 'same-site' }, true],
    [{ 'sec-fetch-site': 'cross-site' }, true],
    [{ 'sec-fetch-site': 'cross-site', origin: 'http://localhost:8080' }, true],
  ])('of %j is %s', (headers, foreign) => {
    expect(ask(headers as Record<string, string>)).toBe(foreign);
  });

  it.each([
    ['https://localhost:8080', false],
    ['https://localhost:3000', true],
  ])('of the origin %s over HTTP/2, which has an authority in place of Host, is %s', (origin, foreign) => {
    expect(isOfForeignPage({ headers: { origin }, authority: 'localhost:8080' } as never)).toBe(foreign);
  });
});

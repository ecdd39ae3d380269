import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { type FakePaymentProvider, startFakePaymentProvider } from '#local/provider/provider.ts';
import { createManualClock } from '../../unit/local/manual-clock.ts';
import { startProgram } from './programs.ts';

type Answer = {
  status: number;
  body: {
    id?: string;
    charges?: { id: string; status: string; order_id: string }[];
    refunds?: unknown[];
    has_more?: boolean;
    error?: { code: string; message: string; fields?: { field: string }[] };
  };
};

const sample = {
  order_id: 'order-1',
  customer_id: 'cust123',
  amount: { currency_code: 'EUR', minor_units: 5999 },
  payment_method: 'pm_approved',
};

async function post(
  provider: Pick<FakePaymentProvider, 'url'>,
  path: string,
  key: string,
  body: unknown,
): Promise<Answer> {
  const response = await fetch(`${provider.url}${path}`, {
    method: 'POST',
    headers: { 'idempotency-key': key },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

async function get(provider: Pick<FakePaymentProvider, 'url'>, path: string): Promise<Answer> {
  const response = await fetch(`${provider.url}${path}`);
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

describe('the fake payment provider', () => {
  it('makes one charge when fifty concurrent calls share a key', async () => {
    await using provider = await startFakePaymentProvider();

    const answers = await Promise.all(
      Array.from({ length: 50 }, () => post(provider, '/v1/charges', 'unique-key-123', sample)),
    );

    expect(answers.map(({ status }) => status).every((status) => status === 200 || status === 409)).toBe(true);
    expect(answers.some(({ status }) => status === 200)).toBe(true);
    expect((await get(provider, '/v1/charges?order_id=order-1')).body.charges).toHaveLength(1);
  });

  it('counts characters, so that every customer id of the shop is accepted', async () => {
    await using provider = await startFakePaymentProvider();
    const charge = (key: string, customerId: string) =>
      post(provider, '/v1/charges', key, { ...sample, customer_id: customerId });

    expect((await charge('longest-of-the-shop', '🎁'.repeat(128))).status).toBe(200);
    expect((await charge('longest', '🎁'.repeat(255))).status).toBe(200);
    expect((await charge('too-long', '🎁'.repeat(256))).body.error?.fields).toMatchObject([{ field: 'customer_id' }]);
  });

  it('captures although the caller disconnected', async () => {
    const clock = createManualClock();
    await using provider = await startFakePaymentProvider({ clock, slowCaptureMs: 5_000 });
    const caller = httpRequest(`${provider.url}/v1/charges`, { method: 'POST', headers: { 'idempotency-key': 'key' } });
    caller.end(JSON.stringify({ ...sample, payment_method: 'pm_slow' }));
    const statusOf = async () => (await get(provider, '/v1/charges?order_id=order-1')).body.charges?.[0]?.status;
    await expect.poll(statusOf).toBe('pending');

    const hungUp = expect(once(caller, 'response')).rejects.toThrow('socket hang up');
    caller.destroy();
    await hungUp;
    expect(await statusOf()).toBe('pending');
    await clock.advance(5_000);

    await expect.poll(statusOf).toBe('captured');
  });

  it('closes while a slow capture is awaited, which is never made', async () => {
    const cancelled: string[] = [];
    const clock = { ...createManualClock(), schedule: () => () => void cancelled.push('capture') };
    await using provider = await startFakePaymentProvider({ clock });
    const call = expect(post(provider, '/v1/charges', 'key', { ...sample, payment_method: 'pm_slow' })).rejects.toThrow(
      'fetch failed',
    );
    await expect.poll(async () => (await get(provider, '/v1/ledger')).body.charges).toHaveLength(1);

    await provider.close();

    await call;
    expect(cancelled).toEqual(['capture']);
  });

  it('restores its ledger and its keys after a restart', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const ledgerFile = join(folder.path, 'ledger.jsonl');
    const before = await startFakePaymentProvider({ ledgerFile });
    const charge = await post(before, '/v1/charges', 'key', sample);
    await post(before, '/v1/refunds', 'refund-key', { charge_id: charge.body.id });
    const ledger = (await get(before, '/v1/ledger')).body;
    await before.close();

    await using after = await startFakePaymentProvider({ ledgerFile });

    expect((await get(after, '/v1/ledger')).body).toEqual(ledger);
    expect((await post(after, '/v1/charges', 'key', sample)).body.id).toBe(charge.body.id);
    expect(ledger).toMatchObject({ charges: [{ status: 'captured' }], refunds: [{ charge_id: charge.body.id }] });
    expect(await readFile(ledgerFile, 'utf8')).not.toContain('pm_approved');
  });

  it('restores every acknowledged charge after SIGKILL', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const environment = { PAYMENT_PROVIDER_PORT: '0', PAYMENT_PROVIDER_LEDGER: join(folder.path, 'ledger.jsonl') };
    await using first = await startProgram('provider', environment);
    const charges = await Promise.all(
      Array.from({ length: 20 }, (_, n) => post({ url: String(first.said.url) }, '/v1/charges', `key-${n}`, sample)),
    );
    await first.kill();

    await using second = await startProgram('provider', environment);

    const ledger = await get({ url: String(second.said.url) }, '/v1/ledger');
    const ids = charges.map(({ body }) => body.id);
    expect(ledger.body.charges?.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(20);
  });

  it('finds charges by order, by customer and by both, a page at a time', async () => {
    await using provider = await startFakePaymentProvider();
    for (const [order, customer] of [
      ['a', 'anna'],
      ['b', 'anna'],
      ['c', 'anna'],
      ['d', 'bert'],
    ] as const) {
      await post(provider, '/v1/charges', order, { ...sample, order_id: order, customer_id: customer });
    }
    const ordersOf = (answer: Answer) => answer.body.charges?.map((charge) => charge.order_id);

    const first = await get(provider, '/v1/charges?customer_id=anna&limit=2');
    const last = await get(
      provider,
      `/v1/charges?customer_id=anna&limit=2&starting_after=${first.body.charges?.[1]?.id}`,
    );

    expect([ordersOf(first), first.body.has_more]).toEqual([['a', 'b'], true]);
    expect([ordersOf(last), last.body.has_more]).toEqual([['c'], false]);
    expect(ordersOf(await get(provider, '/v1/charges?order_id=d'))).toEqual(['d']);
    expect(ordersOf(await get(provider, '/v1/charges?order_id=d&customer_id=anna'))).toEqual([]);
  });

  it('names every invalid field', async () => {
    await using provider = await startFakePaymentProvider();

    const answer = await post(provider, '/v1/charges', 'key', {
      order_id: '',
      amount: { currency_code: 'euro', minor_units: 59.99 },
      payment_method: 'pm_hidden',
      extra: 1,
    });

    expect(answer.status).toBe(400);
    expect(answer.body.error?.fields?.map(({ field }) => field)).toEqual([
      'order_id',
      'customer_id',
      'amount.currency_code',
      'amount.minor_units',
      'payment_method',
      'extra',
    ]);
    expect(JSON.stringify(answer.body)).not.toContain('pm_hidden');
    expect((await get(provider, '/v1/ledger')).body.charges).toEqual([]);
  });

  it.each([
    ['a body that is not JSON', 'key', '{"payment_method": "pm_hidden', 400, 'body'],
    ['a body that is too large', 'key', `"${'x'.repeat(1_000_000)}"`, 413, 'body'],
    ['a missing key', '', JSON.stringify(sample), 400, 'Idempotency-Key'],
    ['a key that is too long', 'k'.repeat(256), JSON.stringify(sample), 400, 'Idempotency-Key'],
    [
      'an amount beyond the safe integers',
      'key',
      JSON.stringify(sample).replace('5999', '9007199254740993'),
      400,
      'amount.minor_units',
    ],
    ['an amount of nothing', 'key', JSON.stringify(sample).replace('5999', '0'), 400, 'amount.minor_units'],
  ])('refuses %s, naming it, and goes on', async (_, key, body, status, field) => {
    await using provider = await startFakePaymentProvider();

    const answer = await post(provider, '/v1/charges', key, body);

    expect(answer).toMatchObject({ status, body: { error: { fields: [{ field }] } } });
    expect(JSON.stringify(answer.body)).not.toContain('pm_hidden');
    expect((await get(provider, '/healthz')).status).toBe(200);
  });

  it('rejects unknown paths, methods and queries', async () => {
    await using provider = await startFakePaymentProvider();

    expect(await get(provider, '/v2/charges')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    expect((await get(provider, '/v1/charge')).status).toBe(404);
    expect(await get(provider, '/v1/refunds')).toMatchObject({ status: 405 });
    expect((await get(provider, '/v1/charges?order_id=a&limit=1000')).status).toBe(200);
    expect(await get(provider, '/v1/charges')).toMatchObject({
      status: 400,
      body: { error: { fields: [{ field: 'order_id' }] } },
    });
    for (const query of ['limit=0', 'limit=x', 'limit=1001', 'starting_after=ch_unknown']) {
      const field = query.split('=')[0];
      expect(await get(provider, `/v1/charges?order_id=a&${query}`)).toMatchObject({
        status: 400,
        body: { error: { fields: [{ field }] } },
      });
    }
  });
});

// The mapping of the provider's responses, and which of them count for the breaker.
import { describe, expect, it, vi } from 'vitest';
import { createPolicies } from '#services/payment/policies.ts';
import { createProviderClient, toProviderFailure } from '#services/payment/provider-client.ts';
import { NoAnswer, type ProviderAnswer, type ProviderHttp } from '#services/payment/provider-http.ts';
import { createCallPolicy } from '#services/platform/client/call-policy.ts';
import { createLog } from '#services/platform/observability/log.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';

const ORDER = {
  orderId: 'o 1',
  customerId: 'cust123',
  amount: { currencyCode: 'EUR', minorUnits: 5999n },
  paymentMethod: 'pm_approved',
};
const PAID = { transactionId: 'ch_1', amount: ORDER.amount };
const COUNTED = { timeoutMs: 1_000, counted: true };
const UNCOUNTED = { timeoutMs: 1_000, counted: false };
const CHARGE = { id: 'ch_1', order_id: 'o 1', status: 'captured' };

function createClient(...answers: readonly (ProviderAnswer | Error)[]) {
  const send = vi.fn<ProviderHttp['send']>();
  for (const answer of answers) {
    if (answer instanceof Error) send.mockRejectedValueOnce(answer);
    else send.mockResolvedValueOnce(answer);
  }
  const policy = createCallPolicy({
    policy: {
      ...createPolicies({ providerTimeoutMs: 10_000, breakerResetMs: 60_000 }).provider,
      breakerFailures: 2,
      retryBackoff: { firstMs: 1, maximumMs: 2 },
    },
    toFailure: (thrown) => toProviderFailure('payment-provider', thrown),
    metrics: createMetrics('payment'),
    log: createLog({ service: 'payment', level: 'silent' }),
  });
  const http = { send, stop: vi.fn() };
  return { client: createProviderClient({ http, policy }), send, http };
}

function errorBody(code: string, message = 'words') {
  return { error: { code, message } };
}

function badRequest(...fields: readonly string[]) {
  const faults = fields.map((field) => ({ field, message: 'not pm_secret' }));
  return { error: { code: 'invalid_request', message: 'not pm_secret', fields: faults } };
}

describe('asking for a charge', () => {
  it('posts the order with its key', async () => {
    const { client, send } = createClient({ status: 200, body: CHARGE });
    await client.charge('key-1', ORDER, COUNTED);

    expect(send.mock.calls[0]?.[0]).toMatchObject({
      method: 'POST',
      path: 'v1/charges',
      headers: { 'idempotency-key': 'key-1' },
      body: {
        order_id: 'o 1',
        customer_id: 'cust123',
        amount: { currency_code: 'EUR', minor_units: 5999 },
        payment_method: 'pm_approved',
      },
    });
    const { timeoutMs } = send.mock.calls[0]![0];
    expect(timeoutMs).toBeLessThanOrEqual(1_000);
    expect(timeoutMs).toBeGreaterThan(900);
  });

  it.each<[string, ProviderAnswer, object]>([
    ['a capture', { status: 200, body: CHARGE }, { kind: 'captured', transactionId: 'ch_1', refunded: false }],
    [
      'a refunded capture',
      { status: 200, body: { ...CHARGE, refund_id: 're_1' } },
      { kind: 'captured', refunded: true },
    ],
    ['a charge still pending', { status: 200, body: { ...CHARGE, status: 'pending' } }, { kind: 'in_flight' }],
    [
      'a decline',
      { status: 402, body: errorBody('expired_card', 'Expired card') },
      { kind: 'declined', code: 'expired_card', message: 'Expired card' },
    ],
    [
      'a refused payment method',
      { status: 400, body: badRequest('payment_method') },
      { kind: 'declined', code: 'invalid_request' },
    ],
    ['a first call in flight', { status: 409, body: errorBody('idempotency_key_in_use') }, { kind: 'in_flight' }],
    ['a key of other content', { status: 422, body: errorBody('idempotency_key_reused') }, { kind: 'key_conflict' }],
  ])('maps %s', async (_name, answer, result) => {
    expect(await createClient(answer).client.charge('key', ORDER, COUNTED)).toMatchObject(result);
  });

  it.each<[string, ProviderAnswer | Error]>([
    ['no answer', new NoAnswer('no answer: socket hang up', { timedOut: true })],
    ['a failure of the provider', { status: 500, body: errorBody('provider_error') }],
    ['a gateway in between', { status: 504, body: undefined }],
    ['a success that is not JSON', { status: 200, body: undefined }],
    ['a success without an id', { status: 200, body: { status: 'captured' } }],
    ['a success with an id that cannot be stored', { status: 200, body: { ...CHARGE, id: 'ch_\u0000' } }],
    ['a decline without a code', { status: 402, body: {} }],
    ['a limit of requests', { status: 429, body: errorBody('rate_limited') }],
    ['a corrupted request', { status: 400, body: badRequest('body') }],
    [
      'a request that is invalid in more than its payment method',
      { status: 400, body: badRequest('payment_method', 'amount') },
    ],
    ['a bad request that names no field', { status: 400, body: errorBody('invalid_request') }],
    ['a refused credential', { status: 401, body: errorBody('unauthorized') }],
  ])('maps %s to unknown, never to a decline', async (_name, answer) => {
    expect(await createClient(answer).client.charge('key', ORDER, COUNTED)).toMatchObject({ kind: 'unknown' });
  });

  it('drops the message of a refused request', async () => {
    const { client } = createClient({ status: 400, body: badRequest('payment_method') });
    const refused = await client.charge('key', ORDER, COUNTED);

    expect(JSON.stringify(refused)).not.toContain('pm_secret');
  });

  it('throws an unexpected error on', async () => {
    const { client } = createClient(new TypeError('a mistake'));
    await expect(client.charge('key', ORDER, COUNTED)).rejects.toThrow('a mistake');
  });
});

describe('looking for a charge', () => {
  it('queries by the order id', async () => {
    const { client, send } = createClient({ status: 200, body: { charges: [] } });
    expect(await client.findCharge('o 1&x', UNCOUNTED)).toEqual({ kind: 'none' });
    expect(send.mock.calls[0]?.[0]).toMatchObject({ method: 'GET', path: 'v1/charges?order_id=o+1%26x' });
  });

  const held = { id: 'ch_held', status: 'captured' };
  const returned = { id: 'ch_back', status: 'captured', refund_id: 're_1' };
  const pending = { id: 'ch_wait', status: 'pending' };
  const refused = { id: 'ch_no', status: 'declined', failure_code: 'expired_card', failure_message: 'Expired card' };

  it.each<[string, object[], object]>([
    ['held money before all else', [refused, returned, pending, held], { kind: 'captured', transactionId: 'ch_held' }],
    ['a charge in flight before refunded money', [returned, pending, refused], { kind: 'in_flight' }],
    ['refunded money before a decline', [refused, returned], { kind: 'captured', refunded: true }],
    ['a decline with its reason', [refused], { kind: 'declined', code: 'expired_card', message: 'Expired card' }],
  ])('finds %s', async (_name, charges, result) => {
    expect(await createClient({ status: 200, body: { charges } }).client.findCharge('o1', UNCOUNTED)).toMatchObject(
      result,
    );
  });

  it.each<[string, ProviderAnswer | Error]>([
    ['an error', { status: 404, body: errorBody('not_found') }],
    ['another content', { status: 200, body: [] }],
    ['no answer', new NoAnswer('timeout', { timedOut: true })],
  ])('maps %s to unknown, never to none', async (_name, answer) => {
    expect(await createClient(answer).client.findCharge('o1', UNCOUNTED)).toMatchObject({ kind: 'unknown' });
  });
});

describe('asking for a refund', () => {
  it('posts the transaction and its whole amount with the key', async () => {
    const { client, send } = createClient({ status: 200, body: { id: 're_1' } });
    expect(await client.refund('key-2', PAID, UNCOUNTED)).toEqual({ kind: 'refunded' });
    expect(send.mock.calls[0]?.[0]).toMatchObject({
      path: 'v1/refunds',
      headers: { 'idempotency-key': 'key-2' },
      body: { charge_id: 'ch_1', amount: { currency_code: 'EUR', minor_units: 5999 } },
    });
  });

  it('treats an earlier refund as a success', async () => {
    const { client } = createClient({ status: 422, body: errorBody('charge_already_refunded') });
    expect(await client.refund('key', PAID, UNCOUNTED)).toEqual({ kind: 'refunded' });
  });

  it.each<[string, ProviderAnswer, string]>([
    ['in flight', { status: 409, body: errorBody('idempotency_key_in_use') }, 'in_flight'],
    ['of a charge that is not captured', { status: 422, body: errorBody('charge_not_captured') }, 'unknown'],
    ['of an unknown charge', { status: 404, body: errorBody('charge_not_found') }, 'unknown'],
    ['without an id', { status: 200, body: {} }, 'unknown'],
  ])('does not treat one %s as done', async (_name, answer, kind) => {
    expect(await createClient(answer).client.refund('key', PAID, UNCOUNTED)).toMatchObject({ kind });
  });
});

describe('a provider that is briefly unavailable', () => {
  const captured = { status: 200, body: CHARGE };

  it.each<[string, ProviderAnswer | Error]>([
    ['a connection that broke', new NoAnswer('reset', { timedOut: false })],
    ['an answer of 503', { status: 503, body: undefined }],
    ['a limit of requests that is soon over', { status: 429, body: undefined, retryAfterMs: 1 }],
  ])('is called again with the same key after %s', async (_, first) => {
    const { client, send } = createClient(first, captured);

    expect(await client.charge('key-1', ORDER, COUNTED)).toMatchObject({ kind: 'captured' });
    expect(send.mock.calls.map(([{ headers }]) => headers['idempotency-key'])).toEqual(['key-1', 'key-1']);
  });

  it.each<[string, ProviderAnswer | Error]>([
    ['a timeout', new NoAnswer('timeout', { timedOut: true })],
    ['a failure of the provider', { status: 500, body: undefined }],
    ['a limit of requests that lasts', { status: 429, body: undefined, retryAfterMs: 60_000 }],
  ])('is not called again after %s', async (_, first) => {
    const { client, send } = createClient(first, captured);

    expect(await client.charge('key-1', ORDER, COUNTED)).toMatchObject({ kind: 'unknown' });
    expect(send).toHaveBeenCalledOnce();
  });

  it.each<[string, ProviderAnswer | Error, boolean]>([
    ['an error of the provider itself', { status: 500, body: errorBody('provider_error') }, true],
    ['a gateway that times out', { status: 504, body: undefined }, false],
    ['a provider that is away', { status: 503, body: undefined }, false],
    ['no answer', new NoAnswer('timeout', { timedOut: true }), false],
  ])('says of %s whether the provider failed this payment itself', async (_, answer, failedItself) => {
    const { client } = createClient(answer, answer, answer);
    expect(await client.charge('key-1', ORDER, COUNTED)).toMatchObject({ kind: 'unknown', failedItself });
  });
});

describe('the breaker of the provider', () => {
  const failure = { status: 500, body: undefined };
  const unreachable = new NoAnswer('connection lost', { timedOut: false });

  it('opens after counted failures and then makes no call', async () => {
    const { client, send } = createClient(
      { status: 504, body: undefined },
      new NoAnswer('too late', { timedOut: true }),
    );
    await client.charge('key', ORDER, COUNTED);
    await client.charge('key', ORDER, COUNTED);

    expect(await client.charge('key', ORDER, COUNTED)).toMatchObject({
      kind: 'unknown',
      reason: expect.stringContaining('open'),
    });
    expect(await client.findCharge('o1', UNCOUNTED)).toMatchObject({ kind: 'unknown' });
    expect(send).toHaveBeenCalledTimes(2);
    expect(client.breaker()).toMatchObject({ dependency: 'payment-provider', state: 'open' });
  });

  it('does not count an error of the provider itself, which may be about one payment method, nor forgets others for it', async () => {
    const { client } = createClient(
      failure,
      failure,
      failure,
      unreachable,
      unreachable,
      unreachable,
      failure,
      unreachable,
      unreachable,
      unreachable,
    );
    for (let call = 0; call < 4; call += 1) await client.charge('key', ORDER, COUNTED);
    expect(client.breaker().state).toBe('closed');
    for (let call = 0; call < 2; call += 1) await client.charge('key', ORDER, COUNTED);
    expect(client.breaker().state).toBe('open');
  });

  it('stays closed after uncounted failures and declines', async () => {
    const declined = { status: 402, body: errorBody('expired_card') };
    const late = new NoAnswer('too late', { timedOut: true });
    const { client } = createClient(late, late, late, declined, declined, declined);
    for (let call = 0; call < 3; call += 1) await client.charge('key', ORDER, UNCOUNTED);
    for (let call = 0; call < 3; call += 1) await client.charge('key', ORDER, COUNTED);
    expect(client.breaker().state).toBe('closed');
  });

  it('closes its connections when it stops', async () => {
    const { client, http } = createClient();
    await client.stop();
    expect(http.stop).toHaveBeenCalledOnce();
  });
});

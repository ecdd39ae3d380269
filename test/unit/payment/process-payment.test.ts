import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { ProcessPaymentRequestSchema } from '#gen/shop/payment/v1/payment_service_pb.ts';
import type { Charge, StoredCharge } from '#services/payment/charge.ts';
import { processPayment } from '#services/payment/process-payment.ts';
import { createSettlements } from '#services/payment/settlements.ts';
import { DomainError } from '#services/platform/base/errors.ts';
import { syntheticHeaders } from '#services/platform/base/synthetic.ts';
import { TEST_CREDENTIAL } from '../../support/services/order-builders.ts';
import { serve } from '../../support/services/serve.ts';
import {
  captured,
  createMemoryStore,
  createProvider,
  createSettlement,
  declined,
  inFlight,
  requestOf,
  silentLog,
  storedCharge,
  unknown,
} from './fakes.ts';

function createPaymentClient(...charges: readonly StoredCharge[]) {
  const store = createMemoryStore(...charges);
  const provider = createProvider();
  const { dependencies } = createSettlement(store, provider);
  const settlements = createSettlements<Charge>({ timeoutMs: 5_000, log: silentLog });
  const pay = (changes: object = {}, signal = new AbortController().signal, headers = new Headers()) =>
    serve(ProcessPaymentRequestSchema, requestOf(changes), (request) =>
      processPayment({ store, settlement: dependencies, settlements, syntheticCredential: TEST_CREDENTIAL }, request, {
        signal,
        headers,
      }),
    );
  return { store, provider, settlements, pay };
}

async function failureOf(call: Promise<unknown>): Promise<DomainError> {
  const error = await call.catch((thrown: unknown) => thrown);
  if (error instanceof DomainError) return error;
  throw new Error(`no DomainError but ${String(error)}`);
}

describe('ProcessPayment', () => {
  it('charges and answers with the charge', async () => {
    const { provider, pay } = createPaymentClient();
    provider.charge.mockResolvedValueOnce(captured);

    expect((await pay()).charge).toMatchObject({
      orderId: 'o1',
      customerId: 'cust123',
      status: ChargeStatus.COMPLETED,
      transactionId: 'ch_1',
      amount: { currencyCode: 'EUR', minorUnits: 5999n },
    });
  });

  it('stores the charge before it calls the provider, and calls it once', async () => {
    const { store, provider, pay } = createPaymentClient();
    const storedAtCall: (string | undefined)[] = [];
    provider.charge.mockImplementation(async () => {
      storedAtCall.push(store.rows.get('o1')?.charge.status);
      return captured;
    });
    await pay();

    expect(storedAtCall).toEqual(['CHARGING']);
  });

  it('answers a duplicate without calling the provider', async () => {
    const { provider, pay } = createPaymentClient();
    provider.charge.mockResolvedValueOnce(declined);
    await pay();

    expect((await pay()).charge).toMatchObject({ status: ChargeStatus.DECLINED, declineCode: 'insufficient_funds' });
    expect(provider.charge).toHaveBeenCalledOnce();
  });

  it('shares one call among concurrent duplicates', async () => {
    const { provider, pay } = createPaymentClient();
    const answer = Promise.withResolvers<typeof captured>();
    provider.charge.mockReturnValueOnce(answer.promise);
    const calls = Promise.all(Array.from({ length: 10 }, () => pay()));
    await expect.poll(() => provider.charge).toHaveBeenCalled();
    answer.resolve(captured);

    expect(new Set((await calls).map(({ charge }) => charge.transactionId))).toEqual(new Set(['ch_1']));
    expect(provider.charge).toHaveBeenCalledOnce();
  });

  it.each([
    ['another amount', { amount: { currencyCode: 'EUR', minorUnits: 6000n } }],
    ['another currency', { amount: { currencyCode: 'USD', minorUnits: 5999n } }],
    ['another customer', { customerId: 'cust124' }],
    ['another payment method', { paymentMethod: 'pm_other' }],
    ['another order under the key', { orderId: 'o2' }],
    ['another key with another content', { idempotencyKey: 'key-2', customerId: 'cust124' }],
  ])('refuses %s', async (_name, changes) => {
    const { provider, pay } = createPaymentClient();
    provider.charge.mockResolvedValueOnce(captured);
    await pay();

    const error = await failureOf(pay(changes));
    expect(error).toMatchObject({ kind: 'failed_precondition', reason: 'IDEMPOTENCY_KEY_REUSED' });
    expect(error.message).not.toContain('pm_');
  });

  it.each([
    { first: true, second: false, name: 'a real payment of an order that was charged synthetically' },
    { first: false, second: true, name: 'a synthetic payment of an order that was really charged' },
  ])('refuses $name', async ({ first, second }) => {
    const { provider, pay } = createPaymentClient();
    const headers = new Headers(syntheticHeaders(TEST_CREDENTIAL));
    provider.charge.mockResolvedValueOnce(captured);
    await pay({ synthetic: first }, undefined, headers);

    const error = await failureOf(pay({ synthetic: second }, undefined, headers));
    expect(error).toMatchObject({ kind: 'failed_precondition', reason: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it('treats another key with the same content as a duplicate', async () => {
    const { provider, pay } = createPaymentClient();
    provider.charge.mockResolvedValueOnce(captured);
    await pay();
    expect((await pay({ idempotencyKey: 'key-2' })).charge.transactionId).toBe('ch_1');
  });

  it('answers REFUNDED where a refund came first, and never charges', async () => {
    const { store, provider, pay } = createPaymentClient();
    await store.requestRefund('o1', 'refund-key');

    expect((await pay()).charge).toMatchObject({ orderId: 'o1', status: ChargeStatus.REFUNDED, transactionId: '' });
    expect(provider.charge).not.toHaveBeenCalled();
  });

  it('answers COMPLETED while a refund is pending', async () => {
    const { store, provider, pay } = createPaymentClient();
    provider.charge.mockResolvedValueOnce(captured);
    await pay();
    await store.requestRefund('o1', 'refund-key');

    expect((await pay()).charge.status).toBe(ChargeStatus.COMPLETED);
    expect(provider.refund).not.toHaveBeenCalled();
  });

  it('calls again for a charge left open, as a duplicate that does not count for the breaker', async () => {
    const { store, provider, pay } = createPaymentClient();
    provider.charge.mockResolvedValueOnce(unknown).mockResolvedValueOnce(captured);
    await failureOf(pay());
    expect(store.rows.get('o1')?.charge.status).toBe('CHARGING');

    expect((await pay()).charge.status).toBe(ChargeStatus.COMPLETED);
    expect(provider.charge.mock.calls.map(([, , { counted }]) => counted)).toEqual([true, false]);
  });

  it('forgets the payment method with the answer', async () => {
    const { store, provider, pay } = createPaymentClient();
    provider.charge.mockResolvedValueOnce(captured);
    await pay();
    expect(store.rows.get('o1')?.paymentMethod).toBe('');
  });
});

describe('a payment that is refused', () => {
  it.each([
    ['order_id', { orderId: '' }],
    ['order_id', { orderId: 'x'.repeat(129) }],
    ['idempotency_key', { idempotencyKey: '' }],
    ['idempotency_key', { idempotencyKey: 'x'.repeat(129) }],
    ['customer_id', { customerId: 'cust\u0000' }],
    ['amount', { amount: undefined }],
    ['amount.currency_code', { amount: { currencyCode: 'eur', minorUnits: 1n } }],
    ['amount.minor_units', { amount: { currencyCode: 'EUR', minorUnits: 0n } }],
    ['amount.minor_units', { amount: { currencyCode: 'EUR', minorUnits: -1n } }],
    ['amount.minor_units', { amount: { currencyCode: 'EUR', minorUnits: 2n ** 53n } }],
    ['payment_method', { paymentMethod: '' }],
    ['payment_method', { paymentMethod: '4111111111111111' }],
    ['payment_method', { paymentMethod: '4111 1111 1111 1111' }],
    ['payment_method', { paymentMethod: '3782-822463-10005' }],
    ['payment_method', { paymentMethod: 'pm\r\nx' }],
  ])('reports the invalid field %s (%o)', async (field, changes) => {
    const { store, pay } = createPaymentClient();
    const error = await failureOf(pay(changes));

    expect(error.kind).toBe('invalid_argument');
    expect(error.violations.map((violation) => violation.field)).toEqual([field]);
    expect(store.rows.size).toBe(0);
  });

  it('has all its violations reported at once', async () => {
    const { pay } = createPaymentClient();
    const nothing = { orderId: '', idempotencyKey: '', customerId: '', amount: undefined, paymentMethod: '' };
    expect((await failureOf(pay(nothing))).violations).toHaveLength(5);
  });

  it('never has its payment method in the error', async () => {
    const { pay } = createPaymentClient();
    expect((await failureOf(pay({ paymentMethod: `secret${'x'.repeat(200)}` }))).message).not.toContain('secret');
  });

  it('is synthetic, and its caller has no credential', async () => {
    const { store, pay } = createPaymentClient();
    expect(await failureOf(pay({ synthetic: true }))).toMatchObject({
      kind: 'permission_denied',
      reason: 'SYNTHETIC_NOT_ALLOWED',
    });
    expect(store.rows.size).toBe(0);
  });

  it('is the duplicate of a synthetic one, and its caller has no credential', async () => {
    const { provider, pay } = createPaymentClient();
    provider.charge.mockResolvedValueOnce(captured);
    await pay({ synthetic: true }, undefined, new Headers(syntheticHeaders(TEST_CREDENTIAL)));
    expect(await failureOf(pay({ synthetic: true }))).toMatchObject({
      kind: 'permission_denied',
      reason: 'SYNTHETIC_NOT_ALLOWED',
    });
  });

  it('stores nothing when its caller has already hung up', async () => {
    const { store, pay } = createPaymentClient();
    await expect(pay({}, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(store.rows.size).toBe(0);
  });

  it('stores nothing when too many are in flight', async () => {
    const { store, settlements, pay } = createPaymentClient();
    const never = new Promise<Charge>(() => undefined);
    for (let running = 0; running < 500; running += 1) {
      settlements.run(`running-${running}`, () => never).catch(() => undefined);
    }

    expect(await failureOf(pay())).toMatchObject({ kind: 'resource_exhausted', reason: 'TOO_MANY_PAYMENTS' });
    expect(store.rows.size).toBe(0);
  });
});

describe('the time of a settlement', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('begins before the intent is stored: the provider has the rest of it', async () => {
    const { store, provider, pay } = createPaymentClient();
    const { insertIntent } = store;
    store.insertIntent = (intent) => {
      vi.advanceTimersByTime(2_000);
      return insertIntent(intent);
    };
    provider.charge.mockResolvedValueOnce(captured);
    await pay();
    expect(provider.charge.mock.calls.map(([, , { timeoutMs }]) => timeoutMs)).toEqual([3_000]);
  });
});

describe('a caller who hangs up', () => {
  it('gets the error at once, while the charge is settled in the background', async () => {
    const { store, provider, pay } = createPaymentClient();
    const answer = Promise.withResolvers<typeof inFlight>();
    provider.charge.mockReturnValueOnce(answer.promise).mockResolvedValueOnce(captured);
    const caller = new AbortController();
    const call = pay({}, caller.signal);
    await expect.poll(() => provider.charge).toHaveBeenCalled();
    caller.abort(new Error('gone'));

    await expect(call).rejects.toThrow('gone');
    answer.resolve(inFlight);
    await expect.poll(() => store.rows.get('o1')?.charge.status).toBe('COMPLETED');
  });

  it('finds the outcome with a retry', async () => {
    const { provider, pay } = createPaymentClient(storedCharge({ orderId: 'o9' }));
    const answer = Promise.withResolvers<typeof captured>();
    provider.charge.mockReturnValueOnce(answer.promise);
    const caller = new AbortController();
    const call = pay({}, caller.signal);
    await expect.poll(() => provider.charge).toHaveBeenCalled();
    caller.abort(new Error('gone'));
    await expect(call).rejects.toThrow('gone');

    const retry = pay();
    answer.resolve(captured);
    expect((await retry).charge.transactionId).toBe('ch_1');
    expect(provider.charge).toHaveBeenCalledOnce();
  });
});

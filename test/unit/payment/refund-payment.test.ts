// rpc RefundPayment without HTTP and SQL.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { RefundPaymentRequestSchema } from '#gen/shop/payment/v1/payment_service_pb.ts';
import type { Charge, StoredCharge } from '#services/payment/charge.ts';
import { refundPayment } from '#services/payment/refund-payment.ts';
import { settleCharge } from '#services/payment/settlement.ts';
import { createSettlements } from '#services/payment/settlements.ts';
import { serve } from '../../support/services/serve.ts';
import {
  captured,
  createMemoryStore,
  createProvider,
  createSettlement,
  silentLog,
  storedCharge,
  unknown,
} from './fakes.ts';

const PAID = storedCharge({ status: 'COMPLETED', transactionId: 'ch_1', version: 2 });

function createRefundClient(...charges: readonly StoredCharge[]) {
  const store = createMemoryStore(...charges);
  const provider = createProvider();
  const { dependencies } = createSettlement(store, provider);
  const settlements = createSettlements<Charge>({ timeoutMs: 5_000, log: silentLog });
  const refund = (orderId = 'o1', idempotencyKey = 'refund-1', signal = new AbortController().signal) =>
    serve(RefundPaymentRequestSchema, { orderId, idempotencyKey }, (request) =>
      refundPayment({ store, settlement: dependencies, settlements }, request, { signal }),
    );
  return { store, provider, dependencies, settlements, refund };
}

describe('RefundPayment', () => {
  it('refunds a completed charge', async () => {
    const { provider, refund } = createRefundClient(PAID);
    provider.refund.mockResolvedValueOnce({ kind: 'refunded' });
    expect((await refund()).charge).toMatchObject({ status: ChargeStatus.REFUNDED, transactionId: 'ch_1' });
  });

  it('answers a duplicate, with any key, without calling the provider', async () => {
    const { provider, refund } = createRefundClient(PAID);
    provider.refund.mockResolvedValueOnce({ kind: 'refunded' });
    await refund();

    const duplicates = await Promise.all([refund(), refund('o1', 'refund-2')]);
    expect(duplicates.map(({ charge }) => charge.status)).toEqual([ChargeStatus.REFUNDED, ChargeStatus.REFUNDED]);
    expect(provider.refund).toHaveBeenCalledOnce();
  });

  it('answers a decline with the decline', async () => {
    const { refund } = createRefundClient(storedCharge({ status: 'DECLINED', declineCode: 'expired_card' }));
    expect((await refund()).charge).toMatchObject({ status: ChargeStatus.DECLINED, declineCode: 'expired_card' });
  });

  it('inserts a tombstone for an order without a charge', async () => {
    const { store, refund } = createRefundClient();
    const { charge } = await refund();

    expect(charge).toMatchObject({ orderId: 'o1', status: ChargeStatus.REFUNDED, transactionId: '', customerId: '' });
    expect(charge).not.toHaveProperty('amount');
    expect(store.rows.get('o1')?.charge.status).toBe('TOMBSTONE');
  });

  it('continues when a charge that started before it captures the money', async () => {
    const { store, provider, dependencies, settlements, refund } = createRefundClient(storedCharge());
    const answer = Promise.withResolvers<typeof captured>();
    provider.charge.mockReturnValueOnce(answer.promise);
    provider.refund.mockResolvedValueOnce({ kind: 'refunded' });
    const charging = settlements.run('o1', (run) => settleCharge(dependencies, 'o1', run));
    await expect.poll(() => provider.charge).toHaveBeenCalled();
    const refunding = refund();
    answer.resolve(captured);

    await charging;
    expect((await refunding).charge.status).toBe(ChargeStatus.REFUNDED);
    expect(store.events.map(({ subject }) => subject)).toEqual([
      'shop.payment.v1.PaymentCompleted',
      'shop.payment.v1.PaymentRefunded',
    ]);
  });

  it('is made after a settlement that had completed the charge before the request was stored', async () => {
    const { provider, settlements, refund } = createRefundClient(PAID);
    const ended = Promise.withResolvers<Charge>();
    const charging = settlements.run('o1', () => ended.promise);
    provider.refund.mockResolvedValueOnce({ kind: 'refunded' });
    const refunding = refund();
    ended.resolve(PAID.charge);

    expect((await refunding).charge.status).toBe(ChargeStatus.REFUNDED);
    await charging;
  });

  it('stores nothing when its caller has already hung up', async () => {
    const { store, refund } = createRefundClient();
    await expect(refund('o1', 'refund-1', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(store.rows.size).toBe(0);
  });

  it('stores nothing when too many settlements are in flight', async () => {
    const { store, settlements, refund } = createRefundClient();
    for (let running = 0; running < 500; running += 1) {
      void settlements.run(`running-${running}`, () => new Promise<Charge>(() => undefined));
    }
    await expect(refund()).rejects.toMatchObject({ kind: 'resource_exhausted', reason: 'TOO_MANY_PAYMENTS' });
    expect(store.rows.size).toBe(0);
  });

  it('refuses a key that refunded another order', async () => {
    const { refund } = createRefundClient();
    await refund('o2', 'refund-1');
    await expect(refund('o1', 'refund-1')).rejects.toMatchObject({
      kind: 'failed_precondition',
      reason: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  it('is unavailable while the provider reports no outcome, and keeps the charge', async () => {
    const { store, provider, refund } = createRefundClient(PAID);
    provider.refund.mockResolvedValueOnce(unknown);
    await expect(refund()).rejects.toMatchObject({ kind: 'unavailable', reason: 'PAYMENT_PROVIDER_UNAVAILABLE' });
    expect(store.rows.get('o1')).toMatchObject({ charge: { status: 'COMPLETED' }, refundRequested: true });
  });

  it('continues when its caller hangs up', async () => {
    const { store, provider, refund } = createRefundClient(PAID);
    const answer = Promise.withResolvers<{ kind: 'refunded' }>();
    provider.refund.mockReturnValueOnce(answer.promise);
    const caller = new AbortController();
    const call = refund('o1', 'refund-1', caller.signal);
    await expect.poll(() => provider.refund).toHaveBeenCalled();
    caller.abort(new Error('gone'));
    await expect(call).rejects.toThrow('gone');

    answer.resolve({ kind: 'refunded' });
    await expect.poll(() => store.rows.get('o1')?.charge.status).toBe('REFUNDED');
  });

  it('reports every invalid field', async () => {
    const { store, refund } = createRefundClient();
    await expect(refund('', 'x'.repeat(129))).rejects.toMatchObject({
      kind: 'invalid_argument',
      violations: [{ field: 'order_id' }, { field: 'idempotency_key' }],
    });
    expect(store.rows.size).toBe(0);
  });
});

describe('the time of a refund', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('begins before the request is stored: the provider has the rest of it', async () => {
    const { store, provider, refund } = createRefundClient(PAID);
    const { requestRefund } = store;
    store.requestRefund = (...given) => {
      vi.advanceTimersByTime(2_000);
      return requestRefund(...given);
    };
    provider.refund.mockResolvedValueOnce({ kind: 'refunded' });
    await refund();
    expect(provider.refund.mock.calls.map(([, , { timeoutMs }]) => timeoutMs)).toEqual([3_000]);
  });

  it('does not begin again after a charge that started before it', async () => {
    const { provider, dependencies, settlements, refund } = createRefundClient(storedCharge());
    const answer = Promise.withResolvers<typeof captured>();
    provider.charge.mockReturnValueOnce(answer.promise);
    provider.refund.mockResolvedValueOnce({ kind: 'refunded' });
    const charging = settlements.run('o1', (run) => settleCharge(dependencies, 'o1', run));
    await vi.advanceTimersByTimeAsync(0);
    expect(provider.charge).toHaveBeenCalledOnce();
    const refunding = refund();
    await vi.advanceTimersByTimeAsync(2_000);
    answer.resolve(captured);
    await charging;
    expect((await refunding).charge.status).toBe(ChargeStatus.REFUNDED);
    expect(provider.refund.mock.calls.map(([, , { timeoutMs }]) => timeoutMs)).toEqual([3_000]);
  });
});

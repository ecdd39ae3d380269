// RefundPayment on the real service, from every state of a charge and against the races with charging.
import { describe, expect, it, vi } from 'vitest';
import { PaymentRefundedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { readEventBodies } from '../../support/events.ts';
import { reasonOf } from '../../support/services/inventory.ts';
import {
  age,
  captureAtProvider,
  leaveOpen,
  type PaymentFixture,
  paymentOf,
  refundOf,
  startPaymentFixture,
  startProviderProxy,
  untilTold,
} from '../../support/services/payment.ts';

describe('RefundPayment', () => {
  it('gives a completed charge back once, tells of it, and answers repeats the same', async () => {
    await using till = await startPaymentFixture();
    const paid = await till.client.processPayment(paymentOf('o1'));

    const answers = await Promise.all(Array.from({ length: 10 }, () => till.client.refundPayment(refundOf('o1'))));

    expect(answers.every(({ charge }) => charge?.status === ChargeStatus.REFUNDED)).toBe(true);
    expect(answers[0]?.charge?.transactionId).toBe(paid.charge?.transactionId);
    expect(await refundsAtProvider(till)).toHaveLength(1);
    await vi.waitFor(async () => {
      const refunded = await readEventBodies(till.nats, PaymentRefundedSchema);
      expect(refunded).toMatchObject([{ orderId: 'o1', transactionId: paid.charge?.transactionId, version: 3n }]);
    });
    expect((await till.client.processPayment(paymentOf('o1'))).charge?.status).toBe(ChargeStatus.REFUNDED);
  });

  it('leaves a declined charge declined', async () => {
    await using till = await startPaymentFixture();
    await till.client.processPayment(paymentOf('o1', { paymentMethod: 'pm_expired_card' }));

    const { charge } = await till.client.refundPayment(refundOf('o1'));

    expect(charge).toMatchObject({ status: ChargeStatus.DECLINED, declineCode: 'expired_card' });
  });

  it('of an order never charged keeps it from ever being charged', async () => {
    await using till = await startPaymentFixture();
    const refunded = await till.client.refundPayment(refundOf('o1'));
    const late = await till.client.processPayment(paymentOf('o1'));

    expect([refunded.charge?.status, late.charge?.status]).toEqual([ChargeStatus.REFUNDED, ChargeStatus.REFUNDED]);
    expect(await till.chargesAtProvider('o1')).toEqual([]);
    expect((await till.client.listCharges({})).charges).toMatchObject([{ orderId: 'o1', transactionId: '' }]);
  });

  it('settles an open charge that was captured, then gives it back', async () => {
    await using till = await startPaymentFixture();
    await leaveOpen(till, paymentOf('o1'));
    const captured = await captureAtProvider(till, paymentOf('o1'));

    const { charge } = await till.client.refundPayment(refundOf('o1'));

    expect(charge).toMatchObject({ status: ChargeStatus.REFUNDED, transactionId: captured });
    expect(await till.chargesAtProvider('o1')).toMatchObject([{ refund_id: expect.any(String) }]);
  });

  it('gives up an open charge the provider knows nothing of, once no call can be on its way', async () => {
    await using till = await startPaymentFixture({ environment: { PAYMENT_PROVIDER_TIMEOUT_MS: '200' } });
    await leaveOpen(till, paymentOf('o1'), { PAYMENT_PROVIDER_TIMEOUT_MS: '2000' });
    expect(await reasonOf(till.client.refundPayment(refundOf('o1')))).toBe('PAYMENT_PROVIDER_UNAVAILABLE');

    await vi.waitFor(async () => await till.client.refundPayment(refundOf('o1')), 5_000);
    const late = await till.client.processPayment(paymentOf('o1'));

    expect(late.charge?.status).toBe(ChargeStatus.REFUNDED);
    expect(await till.chargesAtProvider('o1')).toEqual([]);
  });

  it('holds no money when it meets a charge in flight on another replica', async () => {
    await using till = await startPaymentFixture();
    await using replica = await till.startReplica();
    const charging = replica.client.processPayment(paymentOf('o1', { paymentMethod: 'pm_slow' }));
    await vi.waitFor(async () => expect(await till.chargesAtProvider('o1')).toHaveLength(1));

    const { charge } = await till.client.refundPayment(refundOf('o1'));

    expect(charge?.status).toBe(ChargeStatus.REFUNDED);
    await charging;
    expect(await till.chargesAtProvider('o1')).toMatchObject([{ status: 'captured', refund_id: expect.any(String) }]);
  });

  it('gives back what a call that was long on its way captures after the charge was given up', async () => {
    await using till = await startPaymentFixture({
      environment: { PAYMENT_SETTLE_AFTER_MS: '200', PAYMENT_PROVIDER_TIMEOUT_MS: '300' },
    });
    await using proxy = await startProviderProxy(till.provider);
    await using replica = await till.startReplica({
      PAYMENT_PROVIDER_URL: proxy.url,
      PAYMENT_SETTLE_AFTER_MS: '60000',
    });
    proxy.fate = 'hold';
    await reasonOf(replica.client.processPayment(paymentOf('o1')));
    await age(till, 'o1', '1 second');
    await till.client.refundPayment(refundOf('o1'));
    expect(await till.chargesAtProvider('o1')).toEqual([]);

    await proxy.release();

    await vi.waitFor(
      async () => expect(await till.chargesAtProvider('o1')).toMatchObject([{ refund_id: expect.any(String) }]),
      10_000,
    );
  });

  it('is finished after a kill between the refund and its commit, with one refund', async () => {
    await using till = await startPaymentFixture();
    const { charge } = await till.client.processPayment(paymentOf('o1'));
    await fetch(`${till.provider.url}/v1/refunds`, {
      method: 'POST',
      headers: { 'idempotency-key': 'a-key-forgotten-by-now' },
      body: JSON.stringify({ charge_id: charge?.transactionId }),
    });

    expect((await till.client.refundPayment(refundOf('o1'))).charge?.status).toBe(ChargeStatus.REFUNDED);
    expect(await refundsAtProvider(till)).toHaveLength(1);
  });

  it('is finished by the background when the provider was away and nobody repeats the call', async () => {
    await using till = await startPaymentFixture({ environment: { PAYMENT_SETTLE_AFTER_MS: '100' } });
    await till.client.processPayment(paymentOf('o1'));
    await using cutOff = await till.startReplica({ PAYMENT_PROVIDER_URL: 'http://127.0.0.1:1' });
    expect(await reasonOf(cutOff.client.refundPayment(refundOf('o1')))).toBe('PAYMENT_PROVIDER_UNAVAILABLE');
    await cutOff.stop();

    await vi.waitFor(async () => expect(await refundsAtProvider(till)).toHaveLength(1), 10_000);
  });

  it('refuses a key that refunded another order', async () => {
    await using till = await startPaymentFixture();
    await Promise.all(['o2', 'o3', 'o4'].map((orderId) => till.client.processPayment(paymentOf(orderId))));
    await till.client.refundPayment({ orderId: 'o1', idempotencyKey: 'key-1' });
    await till.client.refundPayment({ orderId: 'o2', idempotencyKey: 'key-2' });
    const used = [
      { orderId: 'o3', idempotencyKey: 'key-1' },
      { orderId: 'o3', idempotencyKey: 'key-2' },
      { orderId: 'o2', idempotencyKey: 'key-1' },
      { orderId: 'o5', idempotencyKey: 'key-2' },
    ];
    const reasons = await Promise.all(used.map((request) => reasonOf(till.client.refundPayment(request))));
    expect(reasons).toEqual(used.map(() => 'IDEMPOTENCY_KEY_REUSED'));

    const atOnce = ['o3', 'o4'].map((orderId) => till.client.refundPayment({ orderId, idempotencyKey: 'key-3' }));
    const outcomes = await Promise.allSettled(atOnce);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await refundsAtProvider(till)).toHaveLength(2);
  });

  it('leaves no money with the shop, whichever of 60 charges and refunds of 20 orders comes first', async () => {
    await using till = await startPaymentFixture();
    await using replica = await till.startReplica();
    const orders = Array.from({ length: 20 }, (_, index) => `o${index}`);

    await Promise.all(
      orders.flatMap((orderId) => [
        untilTold(() => till.client.processPayment(paymentOf(orderId))),
        untilTold(() => replica.client.refundPayment(refundOf(orderId))),
        untilTold(() => replica.client.processPayment(paymentOf(orderId))),
      ]),
    );

    const { charges } = await till.client.listCharges({});
    expect(charges.map(({ status }) => status)).toEqual(orders.map(() => ChargeStatus.REFUNDED));
    const held = (await Promise.all(orders.map((orderId) => till.chargesAtProvider(orderId)))).flat();
    expect(held.filter(({ status, refund_id }) => status === 'captured' && refund_id === undefined)).toEqual([]);
  });
});

async function refundsAtProvider(till: PaymentFixture): Promise<unknown[]> {
  const answer = await fetch(`${till.provider.url}/v1/ledger`);
  return ((await answer.json()) as { refunds: unknown[] }).refunds;
}

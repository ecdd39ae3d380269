// RefundPayment on the real service, from every state of a charge and in races with charging.
import { describe, expect, it, vi } from 'vitest';
import { PaymentRefundedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { readEventBodies } from '../../support/events.ts';
import { PATIENCE } from '../../support/patience.ts';
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
  untilAnswered,
} from '../../support/services/payment.ts';

describe('RefundPayment', () => {
  it('refunds a completed charge once, publishes it, and gives duplicates the same answer', async () => {
    await using fixture = await startPaymentFixture();
    const paid = await fixture.client.processPayment(paymentOf('o1'));

    const answers = await Promise.all(Array.from({ length: 10 }, () => fixture.client.refundPayment(refundOf('o1'))));

    expect(answers.every(({ charge }) => charge?.status === ChargeStatus.REFUNDED)).toBe(true);
    expect(answers[0]?.charge?.transactionId).toBe(paid.charge?.transactionId);
    expect(await refundsAtProvider(fixture)).toHaveLength(1);
    await expect
      .poll(() => readEventBodies(fixture.nats, PaymentRefundedSchema))
      .toMatchObject([{ orderId: 'o1', transactionId: paid.charge?.transactionId, version: 3n }]);
    expect((await fixture.client.processPayment(paymentOf('o1'))).charge?.status).toBe(ChargeStatus.REFUNDED);
  });

  it('leaves a declined charge declined', async () => {
    await using fixture = await startPaymentFixture();
    await fixture.client.processPayment(paymentOf('o1', { paymentMethod: 'pm_expired_card' }));

    const { charge } = await fixture.client.refundPayment(refundOf('o1'));

    expect(charge).toMatchObject({ status: ChargeStatus.DECLINED, declineCode: 'expired_card' });
  });

  it('of an order never charged inserts a tombstone: it can never be charged', async () => {
    await using fixture = await startPaymentFixture();
    const refunded = await Promise.allSettled([fixture.client.refundPayment(refundOf('o1'))]);
    const late = await Promise.allSettled([fixture.client.processPayment(paymentOf('o1'))]);

    const answer = { status: 'fulfilled', value: { charge: { status: ChargeStatus.REFUNDED } } };
    expect([refunded, late]).toMatchObject([[answer], [answer]]);
    expect(await fixture.chargesAtProvider('o1')).toEqual([]);
    expect((await fixture.client.listCharges({})).charges).toMatchObject([{ orderId: 'o1', transactionId: '' }]);
  });

  it('settles an open charge that was captured, then refunds it', async () => {
    await using fixture = await startPaymentFixture();
    await leaveOpen(fixture, paymentOf('o1'));
    const captured = await captureAtProvider(fixture, paymentOf('o1'));

    const { charge } = await fixture.client.refundPayment(refundOf('o1'));

    expect(charge).toMatchObject({ status: ChargeStatus.REFUNDED, transactionId: captured });
    expect(await fixture.chargesAtProvider('o1')).toMatchObject([{ refund_id: expect.any(String) }]);
  });

  it('voids an open charge without a capture, once no call can be in flight', async () => {
    await using fixture = await startPaymentFixture({ environment: { PAYMENT_PROVIDER_TIMEOUT_MS: '200' } });
    await leaveOpen(fixture, paymentOf('o1'), { PAYMENT_PROVIDER_TIMEOUT_MS: '2000' });
    expect(await reasonOf(fixture.client.refundPayment(refundOf('o1')))).toBe('PAYMENT_PROVIDER_UNAVAILABLE');

    await vi.waitFor(async () => await fixture.client.refundPayment(refundOf('o1')), PATIENCE);
    const late = await fixture.client.processPayment(paymentOf('o1'));

    expect(late.charge?.status).toBe(ChargeStatus.REFUNDED);
    expect(await fixture.chargesAtProvider('o1')).toEqual([]);
  });

  it('holds no money when it meets a charge in flight on another replica', async () => {
    await using fixture = await startPaymentFixture();
    await using replica = await fixture.startReplica();
    const charging = replica.client.processPayment(paymentOf('o1', { paymentMethod: 'pm_slow' }));
    await expect.poll(() => fixture.chargesAtProvider('o1')).toHaveLength(1);

    const { charge } = await fixture.client.refundPayment(refundOf('o1'));

    expect(charge?.status).toBe(ChargeStatus.REFUNDED);
    await charging;
    expect(await fixture.chargesAtProvider('o1')).toMatchObject([
      { status: 'captured', refund_id: expect.any(String) },
    ]);
  });

  it('refunds what a delayed call captures after the charge was voided', async () => {
    await using fixture = await startPaymentFixture({
      environment: { PAYMENT_SETTLE_AFTER_MS: '200', PAYMENT_PROVIDER_TIMEOUT_MS: '300' },
    });
    await using proxy = await startProviderProxy(fixture.provider);
    await using replica = await fixture.startReplica({
      PAYMENT_PROVIDER_URL: proxy.url,
      PAYMENT_SETTLE_AFTER_MS: '60000',
    });
    proxy.fate = 'hold';
    await reasonOf(replica.client.processPayment(paymentOf('o1')));
    await age(fixture, 'o1', '1 second');
    await fixture.client.refundPayment(refundOf('o1'));
    expect(await fixture.chargesAtProvider('o1')).toEqual([]);

    await proxy.release();

    await expect.poll(() => fixture.chargesAtProvider('o1')).toMatchObject([{ refund_id: expect.any(String) }]);
  });

  it('is finished after a kill between the refund and its commit, with one refund', async () => {
    await using fixture = await startPaymentFixture();
    const { charge } = await fixture.client.processPayment(paymentOf('o1'));
    await fetch(`${fixture.provider.url}/v1/refunds`, {
      method: 'POST',
      headers: { 'idempotency-key': 'a-key-forgotten-by-now' },
      body: JSON.stringify({ charge_id: charge?.transactionId }),
    });

    expect((await fixture.client.refundPayment(refundOf('o1'))).charge?.status).toBe(ChargeStatus.REFUNDED);
    expect(await refundsAtProvider(fixture)).toHaveLength(1);
  });

  it('is finished by the background when the provider was down and the caller does not retry', async () => {
    await using fixture = await startPaymentFixture({ environment: { PAYMENT_SETTLE_AFTER_MS: '100' } });
    await fixture.client.processPayment(paymentOf('o1'));
    await using cutOff = await fixture.startReplica({ PAYMENT_PROVIDER_URL: 'http://127.0.0.1:1' });
    expect(await reasonOf(cutOff.client.refundPayment(refundOf('o1')))).toBe('PAYMENT_PROVIDER_UNAVAILABLE');
    await cutOff.stop();

    await expect.poll(() => refundsAtProvider(fixture)).toHaveLength(1);
  });

  it('refuses a key that refunded another order', async () => {
    await using fixture = await startPaymentFixture();
    await Promise.all(['o2', 'o3', 'o4'].map((orderId) => fixture.client.processPayment(paymentOf(orderId))));
    await fixture.client.refundPayment({ orderId: 'o1', idempotencyKey: 'key-1' });
    await fixture.client.refundPayment({ orderId: 'o2', idempotencyKey: 'key-2' });
    const used = [
      { orderId: 'o3', idempotencyKey: 'key-1' },
      { orderId: 'o3', idempotencyKey: 'key-2' },
      { orderId: 'o2', idempotencyKey: 'key-1' },
      { orderId: 'o5', idempotencyKey: 'key-2' },
    ];
    const reasons = await Promise.all(used.map((request) => reasonOf(fixture.client.refundPayment(request))));
    expect(reasons).toEqual(used.map(() => 'IDEMPOTENCY_KEY_REUSED'));

    const atOnce = ['o3', 'o4'].map((orderId) => fixture.client.refundPayment({ orderId, idempotencyKey: 'key-3' }));
    const outcomes = await Promise.allSettled(atOnce);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await refundsAtProvider(fixture)).toHaveLength(2);
  });

  it('keeps no money, whichever of 60 charges and refunds of 20 orders comes first', async () => {
    await using fixture = await startPaymentFixture();
    await using replica = await fixture.startReplica();
    const orders = Array.from({ length: 20 }, (_, index) => `o${index}`);

    await Promise.all(
      orders.flatMap((orderId) => [
        untilAnswered(() => fixture.client.processPayment(paymentOf(orderId))),
        untilAnswered(() => replica.client.refundPayment(refundOf(orderId))),
        untilAnswered(() => replica.client.processPayment(paymentOf(orderId))),
      ]),
    );

    const { charges } = await fixture.client.listCharges({});
    expect(charges.map(({ status }) => status)).toEqual(orders.map(() => ChargeStatus.REFUNDED));
    const held = (await Promise.all(orders.map((orderId) => fixture.chargesAtProvider(orderId)))).flat();
    expect(held.filter(({ status, refund_id }) => status === 'captured' && refund_id === undefined)).toEqual([]);
  });
});

async function refundsAtProvider(fixture: PaymentFixture): Promise<unknown[]> {
  const answer = await fetch(`${fixture.provider.url}/v1/ledger`);
  return ((await answer.json()) as { refunds: unknown[] }).refunds;
}

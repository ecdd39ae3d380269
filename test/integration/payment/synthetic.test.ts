// Synthetic payments in the real payment service: no call to the provider, and deleted after their retention.
import { expect, it } from 'vitest';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { TEST_CREDENTIAL } from '../../support/services/order-builders.ts';
import { paymentOf, startPaymentFixture } from '../../support/services/payment.ts';

const call = { headers: { 'x-synthetic-credential': TEST_CREDENTIAL } };

it('are completed, declined and refunded without a call to the provider', { tags: 'seed-8.1' }, async () => {
  await using fixture = await startPaymentFixture();
  const paid = await fixture.client.processPayment(paymentOf('paid', { synthetic: true }), call);
  const declined = await fixture.client.processPayment(
    paymentOf('declined', { synthetic: true, paymentMethod: 'pm_insufficient_funds' }),
    call,
  );
  const refunded = await fixture.client.refundPayment({ orderId: 'paid', idempotencyKey: 'refund:paid' });

  expect(paid.charge).toMatchObject({ status: ChargeStatus.COMPLETED, synthetic: true });
  expect(declined.charge).toMatchObject({ status: ChargeStatus.DECLINED, declineCode: 'insufficient_funds' });
  expect(refunded.charge).toMatchObject({ status: ChargeStatus.REFUNDED });
  for (const orderId of ['paid', 'declined']) expect(await fixture.chargesAtProvider(orderId)).toEqual([]);
});

it('that are open are voided at once when their order is cancelled', async () => {
  await using fixture = await startPaymentFixture();
  const hanging = paymentOf('hanging', { synthetic: true, paymentMethod: 'pm_provider_error' });
  await expect(fixture.client.processPayment(hanging, call)).rejects.toThrow('retry the call');
  const { charge } = await fixture.client.refundPayment(
    { orderId: 'hanging', idempotencyKey: 'r' },
    { timeoutMs: 1_000 },
  );
  expect(charge?.status).toBe(ChargeStatus.REFUNDED);
});

it('are deleted after their retention, except the tombstones', { tags: 'seed-8.1' }, async () => {
  await using fixture = await startPaymentFixture();
  for (const orderId of ['paid', 'refunded']) {
    await fixture.client.processPayment(paymentOf(orderId, { synthetic: true }), call);
  }
  const declined = paymentOf('declined', { synthetic: true, paymentMethod: 'pm_insufficient_funds' });
  await fixture.client.processPayment(declined, call);
  await fixture.client.processPayment(paymentOf('real'));
  await fixture.client.refundPayment({ orderId: 'refunded', idempotencyKey: 'r' });
  await fixture.query(`update charge set update_time = now() - interval '25 hours'`);

  await using _replica = await fixture.startReplica();

  const left = async () => (await fixture.query('select order_id from charge order by 1')).map((row) => row.order_id);
  await expect.poll(left, { timeout: 10_000 }).toEqual(['real', 'refunded']);
  const late = await fixture.client.processPayment(paymentOf('refunded', { synthetic: true }), call);
  expect(late.charge?.status).toBe(ChargeStatus.REFUNDED);
});

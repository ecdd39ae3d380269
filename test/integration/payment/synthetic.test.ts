// Synthetic payments in the real payment service: no money at the provider, and forgotten after a while.
import { expect, it } from 'vitest';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { TEST_CREDENTIAL } from '../../support/services/order-builders.ts';
import { paymentOf, startPaymentFixture } from '../../support/services/payment.ts';

const call = { headers: { 'x-synthetic-credential': TEST_CREDENTIAL } };

it('are completed, declined and refunded without the provider hearing of them', async () => {
  await using till = await startPaymentFixture();
  const paid = await till.client.processPayment(paymentOf('paid', { synthetic: true }), call);
  const declined = await till.client.processPayment(
    paymentOf('declined', { synthetic: true, paymentMethod: 'pm_insufficient_funds' }),
    call,
  );
  const refunded = await till.client.refundPayment({ orderId: 'paid', idempotencyKey: 'refund:paid' });

  expect(paid.charge).toMatchObject({ status: ChargeStatus.COMPLETED, synthetic: true });
  expect(declined.charge).toMatchObject({ status: ChargeStatus.DECLINED, declineCode: 'insufficient_funds' });
  expect(refunded.charge).toMatchObject({ status: ChargeStatus.REFUNDED });
  for (const orderId of ['paid', 'declined']) expect(await till.chargesAtProvider(orderId)).toEqual([]);
});

it('that hang are given back at once when their order is cancelled', async () => {
  await using till = await startPaymentFixture();
  const hanging = paymentOf('hanging', { synthetic: true, paymentMethod: 'pm_provider_error' });
  await expect(till.client.processPayment(hanging, call)).rejects.toThrow('repeat the call');
  const { charge } = await till.client.refundPayment({ orderId: 'hanging', idempotencyKey: 'r' }, { timeoutMs: 1_000 });
  expect(charge?.status).toBe(ChargeStatus.REFUNDED);
});

it('are forgotten after their retention, but for the tombstones', async () => {
  await using till = await startPaymentFixture();
  for (const orderId of ['paid', 'refunded']) {
    await till.client.processPayment(paymentOf(orderId, { synthetic: true }), call);
  }
  await till.client.processPayment(paymentOf('real'));
  await till.client.refundPayment({ orderId: 'refunded', idempotencyKey: 'r' });
  await till.query(`update charge set update_time = now() - interval '25 hours'`);

  await using _replica = await till.startReplica();

  const left = async () => (await till.query('select order_id from charge order by 1')).map((row) => row.order_id);
  await expect.poll(left, { timeout: 10_000 }).toEqual(['real', 'refunded']);
  const late = await till.client.processPayment(paymentOf('refunded', { synthetic: true }), call);
  expect(late.charge?.status).toBe(ChargeStatus.REFUNDED);
});

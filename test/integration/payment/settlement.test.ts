// Charges with an unknown outcome: lost responses, slow captures, kills, forgotten keys.
import { Code } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { BreakerState } from '#gen/shop/ops/v1/ops_pb.ts';
import { PaymentCompletedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { readEventBodies } from '../../support/events.ts';
import { PATIENCE } from '../../support/patience.ts';
import { failureOf, reasonOf } from '../../support/services/inventory.ts';
import {
  age,
  captureAtProvider,
  leaveOpen,
  paymentOf,
  type RunningPaymentService,
  startPaymentFixture,
  startProviderProxy,
} from '../../support/services/payment.ts';

const UNAVAILABLE = 'PAYMENT_PROVIDER_UNAVAILABLE';

describe('a charge whose outcome is unknown', () => {
  it('stays open when the provider fails, and asks the caller to retry', async () => {
    await using fixture = await startPaymentFixture();
    const failure = await failureOf(
      fixture.client.processPayment(paymentOf('o1', { paymentMethod: 'pm_provider_error' })),
    );

    expect(failure.code).toBe(Code.Unavailable);
    expect(failure.findDetails(RetryInfoSchema)).toHaveLength(1);
    expect(await statusOf(fixture, 'o1')).toBe(ChargeStatus.CHARGING);
    expect(await fixture.chargesAtProvider('o1')).toEqual([]);
  });

  it('is charged once when the response was lost', async () => {
    await using fixture = await startPaymentFixture();
    await using proxy = await startProviderProxy(fixture.provider);
    await using replica = await fixture.startReplica({ PAYMENT_PROVIDER_URL: proxy.url });
    proxy.fate = 'lose_answer';
    expect(await reasonOf(replica.client.processPayment(paymentOf('o1')))).toBe(UNAVAILABLE);
    expect(await statusOf(fixture, 'o1')).toBe(ChargeStatus.CHARGING);

    proxy.fate = 'pass';
    const { charge } = await replica.client.processPayment(paymentOf('o1'));

    expect(charge?.status).toBe(ChargeStatus.COMPLETED);
    expect((await fixture.chargesAtProvider('o1')).map(({ id }) => id)).toEqual([charge?.transactionId]);
  });

  it('is completed although its caller hung up', async () => {
    await using fixture = await startPaymentFixture({ provider: { slowCaptureMs: 2_000 } });
    const payment = paymentOf('o1', { paymentMethod: 'pm_slow' });
    const caller = new AbortController();
    const called = failureOf(fixture.client.processPayment(payment, { signal: caller.signal }));
    await expect.poll(() => statusOf(fixture, 'o1')).toBe(ChargeStatus.CHARGING);
    caller.abort();

    expect((await called).code).toBe(Code.Canceled);
    await expect.poll(() => statusOf(fixture, 'o1')).toBe(ChargeStatus.COMPLETED);
    expect(await fixture.chargesAtProvider('o1')).toHaveLength(1);
  });

  it('is charged once when the provider is slower than the timeout, and still in flight at the retry', async () => {
    await using fixture = await startPaymentFixture({
      provider: { slowCaptureMs: 2_000 },
      environment: { PAYMENT_PROVIDER_TIMEOUT_MS: '200' },
    });
    const payment = paymentOf('o1', { paymentMethod: 'pm_slow' });
    expect(await reasonOf(fixture.client.processPayment(payment))).toBe(UNAVAILABLE);
    expect(await fixture.chargesAtProvider('o1')).toMatchObject([{ status: 'pending' }]);

    await vi.waitFor(async () => await fixture.client.processPayment(payment), PATIENCE);

    expect(await statusOf(fixture, 'o1')).toBe(ChargeStatus.COMPLETED);
    expect(await fixture.chargesAtProvider('o1')).toMatchObject([{ status: 'captured' }]);
  });

  it('gets the answer of the charge that a killed replica made', async () => {
    await using fixture = await startPaymentFixture();
    const payment = paymentOf('o1');
    await leaveOpen(fixture, payment);
    const captured = await captureAtProvider(fixture, payment);

    const { charge } = await fixture.client.processPayment(payment);

    expect(charge?.transactionId).toBe(captured);
    expect(await fixture.chargesAtProvider('o1')).toHaveLength(1);
    await expect.poll(() => readEventBodies(fixture.nats, PaymentCompletedSchema)).toHaveLength(1);
  });

  it.each([
    { when: 'once the provider may have forgotten its key', aged: '13 hours' },
    {
      when: 'when the clock was set back since',
      aged: '-13 hours',
    },
  ])('is looked up, never retried, $when', async ({ aged }) => {
    await using fixture = await startPaymentFixture();
    const payment = paymentOf('o1');
    await leaveOpen(fixture, payment);
    const captured = await captureAtProvider(fixture, payment, 'a key that is forgotten by now'.replaceAll(' ', '-'));
    await age(fixture, 'o1', aged);

    const { charge } = await fixture.client.processPayment(payment);

    expect(charge?.transactionId).toBe(captured);
    expect(await fixture.chargesAtProvider('o1')).toHaveLength(1);
  });

  it('is charged again, once, when it is old and the provider has no charge', async () => {
    await using fixture = await startPaymentFixture();
    await using replica = await fixture.startReplica();
    const payment = paymentOf('o1', { paymentMethod: 'pm_slow' });
    await leaveOpen(fixture, payment);
    await age(fixture, 'o1', '13 hours');

    const callers = [fixture, replica, fixture, replica];
    const answers = await Promise.all(callers.map(({ client }) => client.processPayment(payment)));

    expect(new Set(answers.map(({ charge }) => charge?.transactionId)).size).toBe(1);
    expect(await fixture.chargesAtProvider('o1')).toHaveLength(1);
  });

  it('is settled by the background when the caller does not retry', async () => {
    await using fixture = await startPaymentFixture({ environment: { PAYMENT_SETTLE_AFTER_MS: '100' } });
    await using replica = await fixture.startReplica();
    await leaveOpen(fixture, paymentOf('o1'));

    await expect.poll(() => statusOf(replica, 'o1')).toBe(ChargeStatus.COMPLETED);
    expect(await fixture.chargesAtProvider('o1')).toHaveLength(1);
  });

  it('is settled, refunds included, although a clock set back since has moved its due time to next year', async () => {
    await using fixture = await startPaymentFixture();
    await fixture.stop();
    for (const orderId of ['o1', 'o2']) await leaveOpen(fixture, paymentOf(orderId));
    await fixture.query(`update charge set due_time = now() + interval '1 year', call_until = now() + interval '1 year',
      refund_key = case order_id when 'o2' then 'refund-key-of-o2' end`);

    const hasty = { PAYMENT_PROVIDER_TIMEOUT_MS: '500', PAYMENT_SETTLE_AFTER_MS: '200' };
    await using replica = await fixture.startReplica(hasty);

    await expect.poll(() => statusOf(replica, 'o1')).toBe(ChargeStatus.COMPLETED);
    await expect.poll(() => statusOf(replica, 'o2')).toBe(ChargeStatus.REFUNDED);
    expect(await fixture.chargesAtProvider('o2')).toEqual([]);
  });

  it('is finished, and its caller answered, when the service is stopped during a call', async () => {
    await using fixture = await startPaymentFixture({ provider: { slowCaptureMs: 1_000 } });
    const calling = fixture.client.processPayment(paymentOf('o1', { paymentMethod: 'pm_slow' }));
    await expect.poll(() => fixture.chargesAtProvider('o1')).toHaveLength(1);
    await fixture.stop();

    expect((await calling).charge?.status).toBe(ChargeStatus.COMPLETED);
    expect(await fixture.query('select status from charge')).toEqual([{ status: 'COMPLETED' }]);
  });
});

describe("the provider's circuit breaker", () => {
  it('opens after five failed payments, makes no call while open, and closes again', async () => {
    await using fixture = await startPaymentFixture();
    await using proxy = await startProviderProxy(fixture.provider);
    await using replica = await fixture.startReplica({ PAYMENT_PROVIDER_URL: proxy.url, BREAKER_RESET_MS: '3000' });
    proxy.fate = 'fail';
    for (const orderId of ['o1', 'o2', 'o3', 'o4', 'o5'])
      await failureOf(replica.client.processPayment(paymentOf(orderId)));
    expect(await breakerOf(replica)).toMatchObject({ dependency: 'payment-provider', state: BreakerState.OPEN });

    expect(await reasonOf(replica.client.processPayment(paymentOf('o6')))).toBe(UNAVAILABLE);
    // Each had three tries and counted once.
    expect(proxy.requests).toHaveLength(15);

    proxy.fate = 'pass';
    await vi.waitFor(async () => await replica.client.processPayment(paymentOf('o6')), PATIENCE);
    expect(await breakerOf(replica)).toMatchObject({ state: BreakerState.CLOSED });
  });

  it('counts the repeated failures of one order once', async () => {
    await using fixture = await startPaymentFixture();
    const payment = paymentOf('o1', { paymentMethod: 'pm_provider_error' });
    for (let attempt = 0; attempt < 8; attempt += 1) await failureOf(fixture.client.processPayment(payment));

    expect((await fixture.client.processPayment(paymentOf('o2'))).charge?.status).toBe(ChargeStatus.COMPLETED);
  });
});

async function statusOf({ client }: RunningPaymentService, orderId: string) {
  return (await client.listCharges({ orderId })).charges[0]?.status;
}

async function breakerOf({ ops }: RunningPaymentService) {
  return (await ops.getStatus({})).status?.breakers[0];
}

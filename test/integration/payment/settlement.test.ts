// What becomes of charges whose outcome payment did not learn: lost answers, slow captures, kills, forgotten keys.
import { Code } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { BreakerState } from '#gen/shop/ops/v1/ops_pb.ts';
import { PaymentCompletedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { readEventBodies } from '../../support/events.ts';
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
  it('stays open when the provider fails, and asks the caller to repeat', async () => {
    await using till = await startPaymentFixture();
    const failure = await failureOf(
      till.client.processPayment(paymentOf('o1', { paymentMethod: 'pm_provider_error' })),
    );

    expect(failure.code).toBe(Code.Unavailable);
    expect(failure.findDetails(RetryInfoSchema)).toHaveLength(1);
    expect(await statusOf(till, 'o1')).toBe(ChargeStatus.CHARGING);
    expect(await till.chargesAtProvider('o1')).toEqual([]);
  });

  it('is charged once when the answer was lost on the way', async () => {
    await using till = await startPaymentFixture();
    await using proxy = await startProviderProxy(till.provider);
    await using replica = await till.startReplica({ PAYMENT_PROVIDER_URL: proxy.url });
    proxy.fate = 'lose_answer';
    expect(await reasonOf(replica.client.processPayment(paymentOf('o1')))).toBe(UNAVAILABLE);
    expect(await statusOf(till, 'o1')).toBe(ChargeStatus.CHARGING);

    proxy.fate = 'pass';
    const { charge } = await replica.client.processPayment(paymentOf('o1'));

    expect(charge?.status).toBe(ChargeStatus.COMPLETED);
    expect((await till.chargesAtProvider('o1')).map(({ id }) => id)).toEqual([charge?.transactionId]);
  });

  it('is completed although its caller hung up', async () => {
    await using till = await startPaymentFixture();
    const payment = paymentOf('o1', { paymentMethod: 'pm_slow' });
    const failure = await failureOf(till.client.processPayment(payment, { timeoutMs: 100 }));

    expect(failure.code).toBe(Code.DeadlineExceeded);
    await vi.waitFor(async () => expect(await statusOf(till, 'o1')).toBe(ChargeStatus.COMPLETED), 5_000);
    expect(await till.chargesAtProvider('o1')).toHaveLength(1);
  });

  it('is charged once when the provider is slower than payment waits, and still in flight at the repeat', async () => {
    await using till = await startPaymentFixture({ environment: { PAYMENT_PROVIDER_TIMEOUT_MS: '200' } });
    const payment = paymentOf('o1', { paymentMethod: 'pm_slow' });
    expect(await reasonOf(till.client.processPayment(payment))).toBe(UNAVAILABLE);
    expect(await till.chargesAtProvider('o1')).toMatchObject([{ status: 'pending' }]);

    await vi.waitFor(async () => await till.client.processPayment(payment), 5_000);

    expect(await statusOf(till, 'o1')).toBe(ChargeStatus.COMPLETED);
    expect(await till.chargesAtProvider('o1')).toMatchObject([{ status: 'captured' }]);
  });

  it('gets the answer of the charge that a killed replica made', async () => {
    await using till = await startPaymentFixture();
    const payment = paymentOf('o1');
    await leaveOpen(till, payment);
    const captured = await captureAtProvider(till, payment);

    const { charge } = await till.client.processPayment(payment);

    expect(charge?.transactionId).toBe(captured);
    expect(await till.chargesAtProvider('o1')).toHaveLength(1);
    await vi.waitFor(async () => expect(await readEventBodies(till.nats, PaymentCompletedSchema)).toHaveLength(1));
  });

  it.each([
    { when: 'once the provider may have forgotten its key', aged: '13 hours' },
    {
      when: 'when the clock was set back since',
      aged: '-13 hours',
    },
  ])('is looked up, never repeated, $when', async ({ aged }) => {
    await using till = await startPaymentFixture();
    const payment = paymentOf('o1');
    await leaveOpen(till, payment);
    const captured = await captureAtProvider(till, payment, 'a key that is forgotten by now'.replaceAll(' ', '-'));
    await age(till, 'o1', aged);

    const { charge } = await till.client.processPayment(payment);

    expect(charge?.transactionId).toBe(captured);
    expect(await till.chargesAtProvider('o1')).toHaveLength(1);
  });

  it('is charged anew, once, when it is old and the provider knows nothing of it', async () => {
    await using till = await startPaymentFixture();
    await using replica = await till.startReplica();
    const payment = paymentOf('o1', { paymentMethod: 'pm_slow' });
    await leaveOpen(till, payment);
    await age(till, 'o1', '13 hours');

    const callers = [till, replica, till, replica];
    const answers = await Promise.all(callers.map(({ client }) => client.processPayment(payment)));

    expect(new Set(answers.map(({ charge }) => charge?.transactionId)).size).toBe(1);
    expect(await till.chargesAtProvider('o1')).toHaveLength(1);
  });

  it('is settled by the background when nobody repeats the call', async () => {
    await using till = await startPaymentFixture({ environment: { PAYMENT_SETTLE_AFTER_MS: '100' } });
    await using replica = await till.startReplica();
    await leaveOpen(till, paymentOf('o1'));

    await vi.waitFor(async () => expect(await statusOf(replica, 'o1')).toBe(ChargeStatus.COMPLETED), 10_000);
    expect(await till.chargesAtProvider('o1')).toHaveLength(1);
  });

  it('is settled, refunds included, although a clock set back since has put it off to next year', async () => {
    await using till = await startPaymentFixture();
    await till.stop();
    for (const orderId of ['o1', 'o2']) await leaveOpen(till, paymentOf(orderId));
    await till.query(`update charge set due_time = now() + interval '1 year', call_until = now() + interval '1 year',
      refund_key = case order_id when 'o2' then 'refund-key-of-o2' end`);

    const hasty = { PAYMENT_PROVIDER_TIMEOUT_MS: '500', PAYMENT_SETTLE_AFTER_MS: '200' };
    await using replica = await till.startReplica(hasty);

    await expect.poll(() => statusOf(replica, 'o1'), { timeout: 10_000 }).toBe(ChargeStatus.COMPLETED);
    await expect.poll(() => statusOf(replica, 'o2'), { timeout: 10_000 }).toBe(ChargeStatus.REFUNDED);
    expect(await till.chargesAtProvider('o2')).toEqual([]);
  });

  it('is finished, and its caller answered, when the service is stopped in the middle of a call', async () => {
    await using till = await startPaymentFixture({ provider: { slowCaptureMs: 1_000 } });
    const calling = till.client.processPayment(paymentOf('o1', { paymentMethod: 'pm_slow' }));
    await vi.waitFor(async () => expect(await till.chargesAtProvider('o1')).toHaveLength(1));
    await till.stop();

    expect((await calling).charge?.status).toBe(ChargeStatus.COMPLETED);
    expect(await till.query('select status from charge')).toEqual([{ status: 'COMPLETED' }]);
  });
});

describe("the provider's circuit breaker", () => {
  it('opens after five payments that failed, makes no call then, and closes again', async () => {
    await using till = await startPaymentFixture();
    await using proxy = await startProviderProxy(till.provider);
    await using replica = await till.startReplica({ PAYMENT_PROVIDER_URL: proxy.url, BREAKER_RESET_MS: '3000' });
    proxy.fate = 'fail';
    for (const orderId of ['o1', 'o2', 'o3', 'o4', 'o5'])
      await failureOf(replica.client.processPayment(paymentOf(orderId)));
    expect(await breakerOf(replica)).toMatchObject({ dependency: 'payment-provider', state: BreakerState.OPEN });

    expect(await reasonOf(replica.client.processPayment(paymentOf('o6')))).toBe(UNAVAILABLE);
    // Each was tried three times and counted once.
    expect(proxy.requests).toHaveLength(15);

    proxy.fate = 'pass';
    await vi.waitFor(async () => await replica.client.processPayment(paymentOf('o6')), 10_000);
    expect(await breakerOf(replica)).toMatchObject({ state: BreakerState.CLOSED });
  });

  it('counts an order that fails again and again once', async () => {
    await using till = await startPaymentFixture();
    const payment = paymentOf('o1', { paymentMethod: 'pm_provider_error' });
    for (let repeat = 0; repeat < 8; repeat += 1) await failureOf(till.client.processPayment(payment));

    expect((await till.client.processPayment(paymentOf('o2'))).charge?.status).toBe(ChargeStatus.COMPLETED);
  });
});

async function statusOf({ client }: RunningPaymentService, orderId: string) {
  return (await client.listCharges({ orderId })).charges[0]?.status;
}

async function breakerOf({ ops }: RunningPaymentService) {
  return (await ops.getStatus({})).status?.breakers[0];
}

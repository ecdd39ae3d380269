// ProcessPayment on the real service: real Postgres, real broker, the fake provider over HTTP.
import { describe, expect, it } from 'vitest';
import { PaymentCompletedSchema, PaymentFailedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { readEventBodies } from '../../support/events.ts';
import { failureOf, reasonOf } from '../../support/services/inventory.ts';
import { paymentOf, startPaymentFixture, untilAnswered } from '../../support/services/payment.ts';
import { openProviderTap } from '../../support/services/provider-tap.ts';

describe('ProcessPayment', () => {
  it('charges 59.99 once for the same payment twice, with one transaction id', { tags: 'seed-7.3' }, async () => {
    await using fixture = await startPaymentFixture();
    const payment = paymentOf('order-7-3', { idempotencyKey: 'unique-key-123' });

    const first = await fixture.client.processPayment(payment);
    const second = await fixture.client.processPayment(payment);

    expect([first.charge?.status, second.charge?.status]).toEqual([ChargeStatus.COMPLETED, ChargeStatus.COMPLETED]);
    expect(second.charge?.transactionId).toBe(first.charge?.transactionId);
    expect(first.charge?.transactionId).toMatch(/^ch_/);
    expect((await fixture.client.listCharges({ customerId: 'cust123' })).charges).toHaveLength(1);
    expect(await fixture.chargesAtProvider('order-7-3')).toMatchObject([{ status: 'captured' }]);
    await expect
      .poll(() => readEventBodies(fixture.nats, PaymentCompletedSchema))
      .toMatchObject([
        {
          orderId: 'order-7-3',
          customerId: 'cust123',
          transactionId: first.charge?.transactionId,
          amount: { currencyCode: 'EUR', minorUnits: 5999n },
          version: 2n,
        },
      ]);
  });

  it('answers 50 concurrent payments with one key by one charge and equal answers, from two replicas', {
    tags: 'seed-7.3',
  }, async () => {
    await using fixture = await startPaymentFixture();
    await using replica = await fixture.startReplica();
    const payment = paymentOf('order-50', { idempotencyKey: 'unique-key-123', paymentMethod: 'pm_slow' });
    const callers = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? fixture : replica));

    const answers = await Promise.all(callers.map(({ client }) => untilAnswered(() => client.processPayment(payment))));

    expect(answers.every(({ charge }) => charge?.status === ChargeStatus.COMPLETED)).toBe(true);
    expect(
      answers.every((answer) => JSON.stringify(answer, writeBigInt) === JSON.stringify(answers[0], writeBigInt)),
    ).toBe(true);
    expect((await fixture.client.listCharges({})).charges).toHaveLength(1);
    expect(await fixture.chargesAtProvider('order-50')).toHaveLength(1);
    await expect.poll(() => readEventBodies(fixture.nats, PaymentCompletedSchema)).toHaveLength(1);
  });

  it('refuses a key or an order with other content', { tags: 'seed-7.3' }, async () => {
    await using fixture = await startPaymentFixture();
    const payment = paymentOf('order-1', { idempotencyKey: 'unique-key-123' });
    await fixture.client.processPayment(payment);

    const requests = [
      { ...payment, amount: { currencyCode: 'EUR', minorUnits: 6000n } },
      { ...payment, amount: { currencyCode: 'USD', minorUnits: 5999n } },
      { ...payment, customerId: 'cust124' },
      { ...payment, paymentMethod: 'pm_expired_card' },
      { ...payment, orderId: 'order-2' },
      { ...payment, idempotencyKey: 'another-key', customerId: 'cust124' },
    ];
    const reasons = await Promise.all(requests.map((request) => reasonOf(fixture.client.processPayment(request))));
    expect(reasons).toEqual(requests.map(() => 'IDEMPOTENCY_KEY_REUSED'));

    expect(await fixture.chargesAtProvider('order-1')).toHaveLength(1);
    expect(await fixture.chargesAtProvider('order-2')).toHaveLength(0);
  });

  it('answers declined when the provider’s words hold what Postgres refuses', async () => {
    await using tap = await openProviderTap();
    await using fixture = await startPaymentFixture({ environment: { PAYMENT_PROVIDER_URL: tap.url } });
    const error = { code: 'bad\u0000card', message: 'not \ud800 today' };
    tap.answers.set('pm_bad', { status: 402, body: { error } });

    const { charge } = await fixture.client.processPayment(paymentOf('order-1', { paymentMethod: 'pm_bad' }));

    expect(charge).toMatchObject({
      status: ChargeStatus.DECLINED,
      declineCode: 'bad\ufffdcard',
      declineMessage: 'not \ufffd today',
    });
  });

  it('answers the same order with another key by its existing charge', async () => {
    await using fixture = await startPaymentFixture();
    const first = await fixture.client.processPayment(paymentOf('order-1'));
    const second = await fixture.client.processPayment(paymentOf('order-1', { idempotencyKey: 'another-key' }));

    expect(second.charge?.transactionId).toBe(first.charge?.transactionId);
    expect(await fixture.chargesAtProvider('order-1')).toHaveLength(1);
  });

  it('returns a decline as a result, stores it, and publishes it', async () => {
    await using fixture = await startPaymentFixture();
    const declines = await Promise.all([
      fixture.client.processPayment(paymentOf('order-poor', { paymentMethod: 'pm_insufficient_funds' })),
      fixture.client.processPayment(paymentOf('order-poor', { paymentMethod: 'pm_insufficient_funds' })),
      fixture.client.processPayment(paymentOf('order-old', { paymentMethod: 'pm_expired_card' })),
      fixture.client.processPayment(paymentOf('order-odd', { paymentMethod: 'pm_unknown' })),
    ]);

    const poor = {
      status: ChargeStatus.DECLINED,
      declineCode: 'insufficient_funds',
      declineMessage: 'Insufficient funds',
    };
    expect(declines.map(({ charge }) => charge)).toMatchObject([
      poor,
      poor,
      { status: ChargeStatus.DECLINED, declineCode: 'expired_card' },
      { status: ChargeStatus.DECLINED, declineCode: 'invalid_request' },
    ]);
    const failedOrders = async () => {
      const failed = await readEventBodies(fixture.nats, PaymentFailedSchema);
      return failed.map(({ orderId }) => orderId).sort();
    };
    await expect.poll(failedOrders).toEqual(['order-odd', 'order-old', 'order-poor']);
  });

  it('deletes the payment method once it is not needed, and never returns it', async () => {
    await using fixture = await startPaymentFixture();
    const { charge } = await fixture.client.processPayment(paymentOf('order-1'));
    const [row] = await fixture.query('select * from charge');

    expect(row).toMatchObject({ payment_method: null });
    expect(JSON.stringify([row, charge], writeBigInt)).not.toContain('pm_approved');
  });

  it('keeps other replicas from the charge for longer than its call to the provider may take', async () => {
    await using fixture = await startPaymentFixture({ environment: { PAYMENT_PROVIDER_TIMEOUT_MS: '7000' } });
    await fixture.client.processPayment(paymentOf('order-1'));
    const rows = await fixture.query(
      'select extract(epoch from call_until - intent_time)::float8 * 1000 as ms from charge',
    );

    expect(rows).toEqual([{ ms: expect.any(Number) }]);
    expect(rows[0]?.ms).toBeGreaterThan(7_000);
  });

  it('refuses invalid input with every violation at once, storing nothing', async () => {
    await using fixture = await startPaymentFixture();
    const failure = await failureOf(
      fixture.client.processPayment({ orderId: '', idempotencyKey: 'k'.repeat(129), paymentMethod: 'pm\napproved' }),
    );

    expect(failure.rawMessage).toMatch(/order_id: .*idempotency_key: .*customer_id: .*amount: .*payment_method: /);
    expect(await reasonOf(fixture.client.processPayment(paymentOf('o', { synthetic: true })))).toBe(
      'SYNTHETIC_NOT_ALLOWED',
    );
    expect((await fixture.client.listCharges({})).charges).toEqual([]);
  });
});

function writeBigInt(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

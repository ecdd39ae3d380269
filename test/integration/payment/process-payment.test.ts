// ProcessPayment on the real service: real Postgres, real broker, the fake provider over HTTP.
import { describe, expect, it, vi } from 'vitest';
import { PaymentCompletedSchema, PaymentFailedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { readEventBodies } from '../../support/events.ts';
import { failureOf, reasonOf } from '../../support/services/inventory.ts';
import { paymentOf, startPaymentFixture, untilTold } from '../../support/services/payment.ts';

describe('ProcessPayment', () => {
  it('charges 59.99 once for the same payment twice, with one transaction id (seed 7.3)', async () => {
    await using till = await startPaymentFixture();
    const payment = paymentOf('order-7-3', { idempotencyKey: 'unique-key-123' });

    const first = await till.client.processPayment(payment);
    const second = await till.client.processPayment(payment);

    expect([first.charge?.status, second.charge?.status]).toEqual([ChargeStatus.COMPLETED, ChargeStatus.COMPLETED]);
    expect(second.charge?.transactionId).toBe(first.charge?.transactionId);
    expect(first.charge?.transactionId).toMatch(/^ch_/);
    expect((await till.client.listCharges({ customerId: 'cust123' })).charges).toHaveLength(1);
    expect(await till.chargesAtProvider('order-7-3')).toMatchObject([{ status: 'captured' }]);
    await vi.waitFor(async () => {
      const completed = await readEventBodies(till.nats, PaymentCompletedSchema);
      expect(completed).toMatchObject([
        {
          orderId: 'order-7-3',
          customerId: 'cust123',
          transactionId: first.charge?.transactionId,
          amount: { currencyCode: 'EUR', minorUnits: 5999n },
          version: 2n,
        },
      ]);
    });
  });

  it('gives 50 payments with one key at once one charge and equal answers, from two replicas (seed 7.3)', async () => {
    await using till = await startPaymentFixture();
    await using replica = await till.startReplica();
    const payment = paymentOf('order-50', { idempotencyKey: 'unique-key-123', paymentMethod: 'pm_slow' });
    const callers = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? till : replica));

    const answers = await Promise.all(callers.map(({ client }) => untilTold(() => client.processPayment(payment))));

    expect(answers.every(({ charge }) => charge?.status === ChargeStatus.COMPLETED)).toBe(true);
    expect(
      answers.every((answer) => JSON.stringify(answer, writeBigInt) === JSON.stringify(answers[0], writeBigInt)),
    ).toBe(true);
    expect((await till.client.listCharges({})).charges).toHaveLength(1);
    expect(await till.chargesAtProvider('order-50')).toHaveLength(1);
    await vi.waitFor(async () => expect(await readEventBodies(till.nats, PaymentCompletedSchema)).toHaveLength(1));
  });

  it('refuses a key or an order that comes with other content (seed 7.3)', async () => {
    await using till = await startPaymentFixture();
    const payment = paymentOf('order-1', { idempotencyKey: 'unique-key-123' });
    await till.client.processPayment(payment);

    const others = [
      { ...payment, amount: { currencyCode: 'EUR', minorUnits: 6000n } },
      { ...payment, amount: { currencyCode: 'USD', minorUnits: 5999n } },
      { ...payment, customerId: 'cust124' },
      { ...payment, paymentMethod: 'pm_expired_card' },
      { ...payment, orderId: 'order-2' },
      { ...payment, idempotencyKey: 'another-key', customerId: 'cust124' },
    ];
    const reasons = await Promise.all(others.map((other) => reasonOf(till.client.processPayment(other))));
    expect(reasons).toEqual(others.map(() => 'IDEMPOTENCY_KEY_REUSED'));

    expect(await till.chargesAtProvider('order-1')).toHaveLength(1);
    expect(await till.chargesAtProvider('order-2')).toHaveLength(0);
  });

  it('answers the same order with another key by the charge there is', async () => {
    await using till = await startPaymentFixture();
    const first = await till.client.processPayment(paymentOf('order-1'));
    const second = await till.client.processPayment(paymentOf('order-1', { idempotencyKey: 'another-key' }));

    expect(second.charge?.transactionId).toBe(first.charge?.transactionId);
    expect(await till.chargesAtProvider('order-1')).toHaveLength(1);
  });

  it('answers a decline as an answer, keeps it, and tells of it', async () => {
    await using till = await startPaymentFixture();
    const declines = await Promise.all([
      till.client.processPayment(paymentOf('order-poor', { paymentMethod: 'pm_insufficient_funds' })),
      till.client.processPayment(paymentOf('order-poor', { paymentMethod: 'pm_insufficient_funds' })),
      till.client.processPayment(paymentOf('order-old', { paymentMethod: 'pm_expired_card' })),
      till.client.processPayment(paymentOf('order-odd', { paymentMethod: 'pm_of_nobody' })),
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
    await vi.waitFor(async () => {
      const failed = await readEventBodies(till.nats, PaymentFailedSchema);
      expect(failed.map(({ orderId }) => orderId).sort()).toEqual(['order-odd', 'order-old', 'order-poor']);
    });
  });

  it('forgets the payment method once it is not needed, and never shows it', async () => {
    await using till = await startPaymentFixture();
    const { charge } = await till.client.processPayment(paymentOf('order-1'));
    const [row] = await till.query('select * from charge');

    expect(row).toMatchObject({ payment_method: null });
    expect(JSON.stringify([row, charge], writeBigInt)).not.toContain('pm_approved');
  });

  it('refuses bad input with every fault at once, without a trace', async () => {
    await using till = await startPaymentFixture();
    const failure = await failureOf(
      till.client.processPayment({ orderId: '', idempotencyKey: 'k'.repeat(129), paymentMethod: 'pm\napproved' }),
    );

    expect(failure.rawMessage).toMatch(/order_id: .*idempotency_key: .*customer_id: .*amount: .*payment_method: /);
    expect(await reasonOf(till.client.processPayment(paymentOf('o', { synthetic: true })))).toBe(
      'SYNTHETIC_NOT_ALLOWED',
    );
    expect((await till.client.listCharges({})).charges).toEqual([]);
  });
});

function writeBigInt(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

import { describe, expect, it } from 'vitest';
import { OrderConfirmedSchema, OrderFailedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderReason } from '#gen/shop/order/v1/order_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { unavailable } from '#services/platform/base/errors.ts';
import type { CallFailure } from '#services/platform/client/dependency-error.ts';
import { readEvent } from '#services/platform/messaging/event.ts';
import { currentCorrelationId, installTracing } from '#services/platform/observability/tracing.ts';
import { callFailure, createFakeSaga, type FakeSaga } from '../../support/services/fake-dependencies.ts';
import { confirmedOrder, confirmingOrder, pendingOrder } from '../../support/services/order-builders.ts';

/** Records the calls to dependencies and the stored changes, in order. */
function recordJournal(saga: FakeSaga): string[] {
  const journal: string[] = [];
  const spies = { ...saga.inventory, ...saga.payment };
  for (const name of [
    'reserveStock',
    'processPayment',
    'confirmReservation',
    'releaseReservation',
    'refundPayment',
  ] as const) {
    const original = spies[name].getMockImplementation() as (...given: unknown[]) => Promise<never>;
    spies[name].mockImplementation((...given: unknown[]) => {
      journal.push(name);
      return original(...given);
    });
  }
  saga.store.afterSave = ({ verdict, status }) => journal.push(`stored ${verdict ?? 'no verdict'} ${status}`);
  return journal;
}

describe('an order for which every step succeeds', () => {
  it('is confirmed, with 50 in stock and 10 of 12345 ordered', { tags: 'seed-4.1' }, async () => {
    const saga = createFakeSaga(pendingOrder());
    const { order, failure } = await saga.run();
    expect(order.status).toBe('CONFIRMED');
    expect(failure).toBeUndefined();
  });

  it('reserves once: 12345 x 10', { tags: 'seed-4.1' }, async () => {
    const saga = createFakeSaga(pendingOrder());
    await saga.run();
    expect(saga.inventory.reserveStock).toHaveBeenCalledExactlyOnceWith(
      { orderId: 'order-1', lines: [{ productId: '12345', quantity: 10 }], synthetic: false },
      expect.anything(),
    );
    expect(saga.inventory.stock).toBe(40);
  });

  it('goes in order: reserve, charge, verdict stored, confirm, end stored; nothing is compensated', {
    tags: 'seed-7.2',
  }, async () => {
    const saga = createFakeSaga(pendingOrder());
    const journal = recordJournal(saga);
    await saga.run();
    expect(journal).toEqual([
      'reserveStock',
      'processPayment',
      'stored CONFIRM PENDING',
      'confirmReservation',
      'stored CONFIRM CONFIRMED',
    ]);
  });

  it('confirms the returned reservation once', { tags: 'seed-7.2' }, async () => {
    const saga = createFakeSaga(pendingOrder());
    await saga.run();
    expect(saga.inventory.confirmReservation).toHaveBeenCalledExactlyOnceWith(
      { orderId: 'order-1', reservationId: 'res123' },
      expect.anything(),
    );
  });

  it('publishes OrderConfirmed once, with the version the order is stored at', { tags: 'seed-7.2' }, async () => {
    const saga = createFakeSaga(pendingOrder());
    const { order } = await saga.run();
    expect(saga.store.events.map((event) => event.subject)).toEqual(['shop.order.v1.OrderConfirmed']);
    expect(readEvent(OrderConfirmedSchema, saga.store.events[0]!.payload)).toMatchObject({
      orderId: 'order-1',
      version: BigInt(order.version),
      reservationId: 'res123',
      transactionId: 'ch_1',
    });
  });

  it('stores the final status and its event in one change', async () => {
    const saga = createFakeSaga(pendingOrder());
    await saga.run();
    expect(saga.store.changes.at(-1)).toMatchObject({
      order: { status: 'CONFIRMED' },
      events: ['shop.order.v1.OrderConfirmed'],
    });
  });

  it('charges the total to the customer under the key of the order', async () => {
    const saga = createFakeSaga(pendingOrder());
    await saga.run();
    expect(saga.payment.processPayment).toHaveBeenCalledExactlyOnceWith(
      {
        orderId: 'order-1',
        idempotencyKey: 'order:order-1',
        customerId: 'cust123',
        amount: { currencyCode: 'EUR', minorUnits: 59_990n },
        paymentMethod: 'pm_approved',
        synthetic: false,
      },
      expect.anything(),
    );
  });

  it('passes the synthetic flag to both dependencies', async () => {
    const saga = createFakeSaga(pendingOrder({ synthetic: true }));
    await saga.run();
    expect(saga.inventory.reserveStock.mock.calls[0]?.[0]).toMatchObject({ synthetic: true });
    expect(saga.payment.processPayment.mock.calls[0]?.[0]).toMatchObject({ synthetic: true });
  });

  it('sends the credential to both dependencies for a synthetic order, and for no other', async () => {
    const [test, real] = [createFakeSaga(pendingOrder({ synthetic: true })), createFakeSaga(pendingOrder())];
    await test.run();
    await real.run();
    for (const { inventory, payment, syntheticHeaders: headers } of [test]) {
      expect(inventory.reserveStock.mock.calls[0]?.[1]).toMatchObject({ headers });
      expect(payment.processPayment.mock.calls[0]?.[1]).toMatchObject({ headers });
    }
    expect(real.inventory.reserveStock.mock.calls[0]?.[1]).not.toHaveProperty('headers');
    expect(real.payment.processPayment.mock.calls[0]?.[1]).not.toHaveProperty('headers');
  });

  it('reports every stored change', async () => {
    const saga = createFakeSaga(pendingOrder());
    await saga.run();
    expect(saga.onChange.mock.calls.map(([order]) => order.version)).toEqual([2, 3]);
  });

  it('runs in the tracing context of the order', async () => {
    const saga = createFakeSaga(pendingOrder());
    const seen: (string | undefined)[] = [];
    installTracing();
    saga.inventory.reserveStock.mockImplementation(async () => {
      seen.push(currentCorrelationId());
      throw callFailure('inventory', 'timeout');
    });
    await saga.run();
    expect(seen).toEqual(['order-1']);
  });
});

describe('a declined payment', () => {
  function declined(): FakeSaga {
    const saga = createFakeSaga(pendingOrder());
    saga.payment.decline = 'Insufficient funds';
    return saga;
  }

  it('fails the order: FAILED, PAYMENT_FAILED', { tags: 'seed-7.1' }, async () => {
    const { order, failure } = await declined().run();
    expect(order).toMatchObject({ status: 'FAILED', reason: 'PAYMENT_FAILED', verdict: 'FAIL' });
    expect(failure).toMatchObject({ outcome: 'FAILED', reason: 'PAYMENT_FAILED' });
  });

  it('releases once, for res123', { tags: 'seed-7.1' }, async () => {
    const saga = declined();
    await saga.run();
    expect(saga.inventory.releaseReservation).toHaveBeenCalledExactlyOnceWith(
      { orderId: 'order-1', reservationId: 'res123' },
      expect.anything(),
    );
    expect(saga.inventory.reservations.get('order-1')).toBe('RELEASED');
  });

  it('refunds nothing, because nothing was charged', async () => {
    const saga = declined();
    await saga.run();
    expect(saga.payment.refundPayment).not.toHaveBeenCalled();
    expect(saga.inventory.confirmReservation).not.toHaveBeenCalled();
  });

  it('stores the verdict before it releases', async () => {
    const saga = declined();
    const journal = recordJournal(saga);
    await saga.run();
    expect(journal).toEqual([
      'reserveStock',
      'processPayment',
      'stored FAIL FAILED',
      'releaseReservation',
      'stored FAIL FAILED',
    ]);
  });

  it('publishes OrderFailed once, with the verdict, and not again when the stock is released', async () => {
    const saga = declined();
    await saga.run();
    expect(saga.store.changes.map((change) => change.events)).toEqual([['shop.order.v1.OrderFailed'], []]);
    expect(readEvent(OrderFailedSchema, saga.store.events[0]!.payload)).toMatchObject({
      reason: OrderReason.PAYMENT_FAILED,
      version: 2n,
    });
  });

  it('records the message of the provider in the timeline', { tags: 'seed-7.1' }, async () => {
    const { order } = await declined().run();
    expect(order.timeline).toContainEqual(
      expect.objectContaining({ step: 'PROCESS_PAYMENT', state: 'REFUSED', detail: 'Insufficient funds' }),
    );
  });

  it('records the decline code when the provider sends no message', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.payment.processPayment.mockResolvedValue({
      charge: { status: ChargeStatus.DECLINED, declineCode: 'expired_card', declineMessage: '' },
    } as never);
    const { order } = await saga.run();
    expect(order.timeline).toContainEqual(expect.objectContaining({ detail: 'expired_card' }));
  });

  it('a charge that was refunded already fails the order too', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.payment.charges.set('order-1', 'REFUNDED');
    expect((await saga.run()).order).toMatchObject({ status: 'FAILED', reason: 'PAYMENT_FAILED' });
    expect(saga.payment.captures).toBe(0);
  });
});

describe('not enough stock', () => {
  it('fails the order without a charge and without compensation', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.inventory.stock = 9;
    const { order } = await saga.run();
    expect(order).toMatchObject({ status: 'FAILED', reason: 'INSUFFICIENT_STOCK' });
    expect(saga.payment.processPayment).not.toHaveBeenCalled();
    expect(saga.inventory.releaseReservation).not.toHaveBeenCalled();
    expect(saga.payment.refundPayment).not.toHaveBeenCalled();
  });

  it('ends the order with one change', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.inventory.stock = 9;
    await saga.run();
    expect(saga.store.changes).toHaveLength(1);
    expect(saga.store.current().owed).toEqual({ release: false, refund: false });
  });
});

describe('an answer without a reservation', () => {
  it('does not count as reserved: no charge is made, and the order is blocked', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.inventory.reserveStock.mockResolvedValueOnce({} as never);
    const { order, failure } = await saga.run();
    expect(failure).toMatchObject({ outcome: 'PENDING', reason: 'INVENTORY_UNAVAILABLE' });
    expect(order).toMatchObject({ status: 'PENDING', verdict: undefined });
    expect(saga.payment.processPayment).not.toHaveBeenCalled();
  });
});

describe('a charge that is not settled', () => {
  it.each([
    { answer: 'still charging', charge: { status: ChargeStatus.CHARGING } },
    { answer: 'of no known state', charge: { status: ChargeStatus.UNSPECIFIED } },
    { answer: 'missing', charge: undefined },
  ])('counts neither as paid nor as declined: $answer', async ({ charge }) => {
    const saga = createFakeSaga(pendingOrder());
    saga.payment.processPayment.mockResolvedValue({ charge } as never);
    const { order } = await saga.run();
    expect(order).toMatchObject({ status: 'PENDING', verdict: undefined, reason: 'PAYMENT_UNAVAILABLE' });
  });
});

describe('a step that fails', () => {
  const cells: [CallFailure, string, string][] = [
    ['timeout', 'PENDING', 'INVENTORY_CHECK_FAILED'],
    ['unreachable', 'PENDING', 'INVENTORY_UNAVAILABLE'],
    ['unreadable', 'PENDING', 'INVENTORY_UNAVAILABLE'],
    ['not_understood', 'PENDING', 'INVENTORY_UNAVAILABLE'],
    ['circuit_open', 'CIRCUIT_OPEN', 'INVENTORY_UNAVAILABLE'],
    ['overloaded', 'PENDING', 'INVENTORY_UNAVAILABLE'],
    ['not_called', 'PENDING', 'BUDGET_EXHAUSTED'],
    ['cancelled', 'PENDING', 'INVENTORY_UNAVAILABLE'],
  ];
  it.each(cells)('ReserveStock, %s: the outcome is %s, the order is blocked by %s', async (kind, outcome, reason) => {
    const saga = createFakeSaga(pendingOrder());
    saga.inventory.reserveStock.mockRejectedValueOnce(callFailure('inventory', kind));
    const { order, failure } = await saga.run();
    expect(failure).toMatchObject({ outcome, reason });
    expect(order).toMatchObject({ status: 'PENDING', reason, verdict: undefined, reservationId: '' });
    expect(saga.payment.processPayment).not.toHaveBeenCalled();
  });

  it('ReserveStock, internal: the order fails and is compensated in full', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.inventory.reserveStock.mockRejectedValueOnce(callFailure('inventory', 'internal'));
    expect((await saga.run()).order).toMatchObject({ status: 'FAILED', reason: 'INVENTORY_ERROR' });
    expect(saga.inventory.releaseReservation).toHaveBeenCalledOnce();
    expect(saga.payment.refundPayment).toHaveBeenCalledExactlyOnceWith(
      { orderId: 'order-1', idempotencyKey: 'refund:order-1' },
      expect.anything(),
    );
  });

  const paymentCells: [CallFailure, string, string][] = [
    ['timeout', 'TIMEOUT', 'PAYMENT_TIMEOUT'],
    ['unreachable', 'PENDING', 'PAYMENT_UNAVAILABLE'],
    ['internal', 'PENDING', 'PAYMENT_UNAVAILABLE'],
    ['unreadable', 'PENDING', 'PAYMENT_UNAVAILABLE'],
    ['not_understood', 'PENDING', 'PAYMENT_UNAVAILABLE'],
    ['circuit_open', 'CIRCUIT_OPEN', 'PAYMENT_UNAVAILABLE'],
    ['overloaded', 'PENDING', 'PAYMENT_UNAVAILABLE'],
    ['not_called', 'PENDING', 'BUDGET_EXHAUSTED'],
    ['cancelled', 'PENDING', 'PAYMENT_UNAVAILABLE'],
  ];
  it.each(paymentCells)(
    'ProcessPayment, %s: the outcome is %s, the order is blocked by %s',
    async (kind, outcome, reason) => {
      const saga = createFakeSaga(pendingOrder());
      saga.payment.processPayment.mockRejectedValueOnce(callFailure('payment', kind));
      const { order, failure } = await saga.run();
      expect(failure).toMatchObject({ outcome, reason });
      expect(order).toMatchObject({ status: 'PENDING', reason, verdict: undefined, reservationId: 'res123' });
      expect(saga.inventory.releaseReservation).not.toHaveBeenCalled();
    },
  );

  it('ProcessPayment, refused: the order fails and is refunded to be safe', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.payment.processPayment.mockRejectedValueOnce(callFailure('payment', 'refused', 'IDEMPOTENCY_KEY_REUSED'));
    expect((await saga.run()).order).toMatchObject({ status: 'FAILED', reason: 'PAYMENT_FAILED' });
    expect(saga.payment.refundPayment).toHaveBeenCalledOnce();
    expect(saga.inventory.releaseReservation).toHaveBeenCalledOnce();
  });

  it.each(['timeout', 'unreachable', 'internal', 'unreadable', 'not_understood', 'circuit_open', 'refused'] as const)(
    'ConfirmReservation, %s: the order stays pending with its verdict, without compensation',
    async (kind) => {
      const saga = createFakeSaga(pendingOrder());
      saga.inventory.confirmReservation.mockRejectedValueOnce(callFailure('inventory', kind));
      const { order, failure } = await saga.run();
      expect(failure).toMatchObject({ outcome: 'PENDING', reason: 'INVENTORY_UNAVAILABLE' });
      expect(order).toMatchObject({ status: 'PENDING', verdict: 'CONFIRM', reason: 'INVENTORY_UNAVAILABLE' });
      expect(saga.inventory.releaseReservation).not.toHaveBeenCalled();
      expect(saga.payment.refundPayment).not.toHaveBeenCalled();
    },
  );

  it('is confirmed once the dependency is up again, and charges once', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.payment.processPayment.mockRejectedValueOnce(callFailure('payment', 'unreachable'));
    await saga.run();
    expect((await saga.run()).order).toMatchObject({ status: 'CONFIRMED', reason: undefined });
    expect(saga.payment.captures).toBe(1);
    expect(saga.inventory.stock).toBe(40);
  });

  it('rethrows an error that is not a failed call, and stores nothing', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.inventory.reserveStock.mockRejectedValueOnce(new TypeError('a mistake of ours'));
    await expect(saga.run()).rejects.toThrow('a mistake of ours');
    expect(saga.store.changes).toEqual([]);
  });

  it('rethrows a database outage', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.store.beforeSave = () => {
      throw unavailable({
        reason: 'DATABASE_UNAVAILABLE',
        message: 'the database cannot be reached now',
        retryAfterMs: 1_000,
      });
    };
    await expect(saga.run()).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
  });
});

describe('an order that has ended', () => {
  it('is returned unchanged, without a call', async () => {
    const saga = createFakeSaga(confirmedOrder());
    expect(await saga.run()).toEqual({ kind: 'ended', order: confirmedOrder(), failure: undefined });
    expect(saga.inventory.reserveStock).not.toHaveBeenCalled();
    expect(saga.store.changes).toEqual([]);
  });
});

describe('duplicate calls to dependencies', () => {
  it('an order whose reservation is confirmed already is confirmed', async () => {
    const saga = createFakeSaga(confirmingOrder());
    saga.inventory.reservations.set('order-1', 'CONFIRMED');
    expect((await saga.run()).order.status).toBe('CONFIRMED');
  });

  it('starts from the verdict: neither reserves nor charges again', async () => {
    const saga = createFakeSaga(confirmingOrder());
    saga.inventory.reservations.set('order-1', 'RESERVED');
    await saga.run();
    expect(saga.inventory.reserveStock).not.toHaveBeenCalled();
    expect(saga.payment.processPayment).not.toHaveBeenCalled();
  });
});

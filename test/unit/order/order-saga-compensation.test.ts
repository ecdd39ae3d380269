import { describe, expect, it } from 'vitest';
import type { Order } from '#services/order/order.ts';
import { decideCancel } from '#services/order/order.ts';
import { toStatusEvent } from '#services/order/order-messages.ts';
import { runSaga } from '#services/order/order-saga.ts';
import type { CallFailure } from '#services/platform/client/dependency-error.ts';
import { callFailure, createFakeSaga, type FakeSaga } from '../../support/services/fake-dependencies.ts';
import {
  blockedOrder,
  cancelledOrder,
  failedOrder,
  frozenDeadline,
  pendingOrder,
  secondsLater,
} from '../../support/services/order-builders.ts';

/** A cancelled order whose stock is reserved and whose customer is charged. */
function cancelledAndPaid(): FakeSaga {
  const saga = createFakeSaga(cancelledOrder());
  saga.inventory.reservations.set('order-1', 'RESERVED');
  saga.payment.charges.set('order-1', 'COMPLETED');
  return saga;
}

describe('compensation', () => {
  it('releases the stock and refunds the charge', async () => {
    const saga = cancelledAndPaid();
    const { order } = await saga.run();
    expect(order.owed).toEqual({ release: false, refund: false });
    expect(saga.inventory.reservations.get('order-1')).toBe('RELEASED');
    expect(saga.payment.charges.get('order-1')).toBe('REFUNDED');
  });

  it('calls each dependency once and stores one change, without an event', async () => {
    const saga = cancelledAndPaid();
    await saga.run();
    expect(saga.inventory.releaseReservation).toHaveBeenCalledOnce();
    expect(saga.payment.refundPayment).toHaveBeenCalledOnce();
    expect(saga.store.changes.map(({ events }) => events)).toEqual([[]]);
  });

  it('refunds under the key of the order', async () => {
    const saga = cancelledAndPaid();
    await saga.run();
    expect(saga.payment.refundPayment.mock.calls[0]?.[0]).toEqual({
      orderId: 'order-1',
      idempotencyKey: 'refund:order-1',
    });
  });

  it('does only what is owed: a release', async () => {
    const saga = createFakeSaga(failedOrder('PAYMENT_FAILED', { release: true, refund: false }));
    await saga.run();
    expect(saga.inventory.releaseReservation).toHaveBeenCalledOnce();
    expect(saga.payment.refundPayment).not.toHaveBeenCalled();
  });

  it('does only what is owed: a refund', async () => {
    const saga = createFakeSaga(failedOrder('PAYMENT_FAILED', { release: false, refund: true }));
    await saga.run();
    expect(saga.inventory.releaseReservation).not.toHaveBeenCalled();
    expect(saga.payment.refundPayment).toHaveBeenCalledOnce();
  });

  it('never starts the order again', async () => {
    const saga = cancelledAndPaid();
    await saga.run();
    expect(saga.inventory.reserveStock).not.toHaveBeenCalled();
    expect(saga.payment.processPayment).not.toHaveBeenCalled();
    expect(saga.inventory.confirmReservation).not.toHaveBeenCalled();
  });

  it('keeps status, verdict and reason of the order', async () => {
    const { order } = await cancelledAndPaid().run();
    expect(order).toMatchObject({ status: 'CANCELLED', verdict: 'CANCEL', reason: 'CANCELLED_BY_CUSTOMER' });
  });

  it('records both steps in the timeline', async () => {
    const { order } = await cancelledAndPaid().run();
    expect(order.timeline.slice(-2).map(({ step, state }) => `${step} ${state}`)).toEqual([
      'RELEASE_RESERVATION DONE',
      'REFUND_PAYMENT DONE',
    ]);
  });
});

describe('compensation while a dependency is down', () => {
  const failures: CallFailure[] = [
    'timeout',
    'unreachable',
    'internal',
    'circuit_open',
    'overloaded',
    'not_called',
    'refused',
  ];

  it.each(failures)('refunds although the release fails, %s; the release stays owed', async (failure) => {
    const saga = cancelledAndPaid();
    saga.inventory.releaseReservation.mockRejectedValueOnce(callFailure('inventory', failure));
    expect(await saga.run()).toMatchObject({ kind: 'waiting', order: { owed: { release: true, refund: false } } });
    expect(saga.store.changes.at(-1)?.resume?.attempts).toBe(1);
    expect(saga.payment.charges.get('order-1')).toBe('REFUNDED');
  });

  it.each(failures)('releases although the refund fails, %s; the refund stays owed', async (failure) => {
    const saga = cancelledAndPaid();
    saga.payment.refundPayment.mockRejectedValueOnce(callFailure('payment', failure));
    expect((await saga.run()).order.owed).toEqual({ release: false, refund: true });
    expect(saga.inventory.reservations.get('order-1')).toBe('RELEASED');
  });

  it('is retried later and does only what is left', async () => {
    const saga = cancelledAndPaid();
    saga.payment.refundPayment.mockRejectedValueOnce(callFailure('payment', 'unreachable'));
    await saga.run();
    expect(saga.store.changes.at(-1)?.resume?.attempts).toBe(1);
    expect((await saga.run(2_500, 1)).order.owed).toEqual({ release: false, refund: false });
    expect(saga.inventory.releaseReservation).toHaveBeenCalledOnce();
    expect(saga.payment.refundPayment).toHaveBeenCalledTimes(2);
  });

  it('records both failures in the timeline when both are down', async () => {
    const saga = cancelledAndPaid();
    saga.inventory.releaseReservation.mockRejectedValueOnce(callFailure('inventory', 'unreachable'));
    saga.payment.refundPayment.mockRejectedValueOnce(callFailure('payment', 'timeout'));
    const { order } = await saga.run();
    expect(order.timeline.slice(-2).map(({ step, state, detail }) => `${step} ${state}: ${detail}`)).toEqual([
      'RELEASE_RESERVATION RETRYING: inventory could not be reached',
      'REFUND_PAYMENT RETRYING: payment did not answer in time',
    ]);
  });

  it('reports the decline rather than the failed release', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.payment.decline = 'Insufficient funds';
    saga.inventory.releaseReservation.mockRejectedValueOnce(callFailure('inventory', 'unreachable'));
    const { order, failure } = await saga.run();
    expect(failure).toMatchObject({ outcome: 'FAILED', reason: 'PAYMENT_FAILED' });
    expect(order).toMatchObject({ status: 'FAILED', reason: 'PAYMENT_FAILED', owed: { release: true, refund: false } });
  });

  it('rethrows an error that is not a failed call', async () => {
    const saga = cancelledAndPaid();
    saga.payment.refundPayment.mockRejectedValueOnce(new TypeError('a mistake of ours'));
    await expect(saga.run()).rejects.toThrow('a mistake of ours');
  });
});

/** Has another replica store this change just before the run stores its own, once. */
function storeFirst(
  saga: FakeSaga,
  change: (stored: Order) => Order,
  when: (next: Order) => boolean = () => true,
): void {
  saga.store.beforeSave = async (next) => {
    if (!when(next)) return;
    saga.store.beforeSave = () => undefined;
    const stored = saga.store.current();
    const other = change(stored);
    const event = other.status === stored.status ? [] : [toStatusEvent({ ...other, version: stored.version + 1 })];
    await saga.store.save(other, stored.version, event);
  };
}

describe('an order cancelled while the saga runs', () => {
  it('between charge and verdict: refunds the charge and releases the stock', async () => {
    const saga = createFakeSaga(pendingOrder());
    storeFirst(saga, (stored) => decideCancel(stored, secondsLater(5)));
    const { order } = await saga.run();
    expect(order).toMatchObject({ status: 'CANCELLED', owed: { release: false, refund: false } });
    expect(saga.payment.charges.get('order-1')).toBe('REFUNDED');
    expect(saga.inventory.reservations.get('order-1')).toBe('RELEASED');
    expect(saga.inventory.confirmReservation).not.toHaveBeenCalled();
  });

  it('between charge and verdict: publishes OrderCancelled and no other final event', async () => {
    const saga = createFakeSaga(pendingOrder());
    storeFirst(saga, (stored) => decideCancel(stored, secondsLater(5)));
    await saga.run();
    expect(saga.store.events.map(({ subject }) => subject)).toEqual(['shop.order.v1.OrderCancelled']);
  });

  it('while its payment is declined: stays CANCELLED, does not become FAILED', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.payment.decline = 'Insufficient funds';
    storeFirst(saga, (stored) => decideCancel(stored, secondsLater(5)));
    expect((await saga.run()).order).toMatchObject({ status: 'CANCELLED', verdict: 'CANCEL' });
  });

  it('while a step fails: stays CANCELLED and is compensated', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.payment.processPayment.mockRejectedValueOnce(callFailure('payment', 'timeout'));
    storeFirst(saga, (stored) => decideCancel(stored, secondsLater(5)));
    const { order } = await saga.run();
    expect(order).toMatchObject({ status: 'CANCELLED', owed: { release: false, refund: false } });
    expect(saga.payment.refundPayment).toHaveBeenCalledOnce();
  });

  it('a charge that arrives after the compensation takes no effect', async () => {
    const saga = createFakeSaga(pendingOrder());
    const charge = saga.payment.processPayment.getMockImplementation()!;
    saga.payment.processPayment.mockImplementationOnce(async (...given) => {
      const stored = saga.store.current();
      await saga.store.save(decideCancel(stored, secondsLater(5)), stored.version, []);
      await saga.run();
      return charge(...given);
    });
    const { order } = await saga.run();
    expect(order).toMatchObject({ status: 'CANCELLED', owed: { release: false, refund: false } });
    expect(saga.payment.captures).toBe(0);
    expect(saga.inventory.reservations.get('order-1')).toBe('RELEASED');
  });
});

describe('two replicas on one order', () => {
  it('the second continues from what the first stored and publishes nothing twice', async () => {
    const saga = createFakeSaga(pendingOrder());
    const stale = saga.store.current();
    await saga.run();
    const { order } = await runSaga(saga, stale, frozenDeadline(2_500));
    expect(order.status).toBe('CONFIRMED');
    expect(saga.store.events.map(({ subject }) => subject)).toEqual(['shop.order.v1.OrderConfirmed']);
    expect(saga.payment.captures).toBe(1);
  });

  it('concurrently, confirm it once and charge it once', async () => {
    const saga = createFakeSaga(pendingOrder());
    const results = await Promise.all([saga.run(), saga.run(), saga.run()]);
    expect(results.map(({ order }) => order.status)).toEqual(['CONFIRMED', 'CONFIRMED', 'CONFIRMED']);
    expect(saga.store.events).toHaveLength(1);
    expect(saga.payment.captures).toBe(1);
    expect(saga.inventory.stock).toBe(40);
  });

  it('a verdict that the other replica stored wins: a failure here does not undo CONFIRM', async () => {
    const saga = createFakeSaga(blockedOrder());
    const stale = saga.store.current();
    await saga.run();
    saga.inventory.reserveStock.mockRejectedValueOnce(callFailure('inventory', 'internal'));
    const { order } = await runSaga(saga, stale, frozenDeadline(2_500));
    expect(order).toMatchObject({ status: 'CONFIRMED', verdict: 'CONFIRM' });
    expect(saga.inventory.releaseReservation).not.toHaveBeenCalled();
    expect(saga.payment.refundPayment).not.toHaveBeenCalled();
  });

  it('a run that always meets a conflict fails after a bounded number of tries', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.store.beforeSave = () => {
      const stored = saga.store.current();
      saga.store.put({ ...stored, version: stored.version + 1 });
    };
    await expect(saga.run()).rejects.toThrow('order order-1 keeps changing');
    expect(saga.inventory.reserveStock).toHaveBeenCalledTimes(11);
  });

  it('an order that no longer exists is an error', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.store.save = async () => undefined;
    saga.store.find = async () => undefined;
    await expect(saga.run()).rejects.toThrow('order order-1 is gone');
  });
});

import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { OrderCancelledSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { CancelOrderRequestSchema } from '#gen/shop/order/v1/order_service_pb.ts';
import { cancelOrder } from '#services/order/cancel-order.ts';
import { decideConfirm, type Order } from '#services/order/order.ts';
import { GUEST } from '#services/platform/identity/caller.ts';
import { readEvent } from '#services/platform/messaging/event.ts';
import { testCall } from '../../support/services/call.ts';
import { callFailure, createFakeSaga, type FakeSaga } from '../../support/services/fake-dependencies.ts';
import {
  blockedOrder,
  cancelledOrder,
  confirmedOrder,
  confirmingOrder,
  failedOrder,
  failureOf,
  faultsOf,
  pendingOrder,
  secondsLater,
} from '../../support/services/order-builders.ts';
import { serve } from '../../support/services/serve.ts';

function cancel(saga: FakeSaga, orderId = 'order-1') {
  return serve(CancelOrderRequestSchema, { orderId }, (request) =>
    cancelOrder({ saga, now: () => secondsLater(20) }, request, testCall({ budgetMs: 2_500 })),
  );
}

/** A blocked order whose stock is reserved and whose customer is charged. */
function blockedAndPaid(): FakeSaga {
  const saga = createFakeSaga({ ...blockedOrder(), reservationId: 'res123' });
  saga.inventory.reservations.set('order-1', 'RESERVED');
  saga.payment.charges.set('order-1', 'COMPLETED');
  return saga;
}

describe('cancelling a pending order', () => {
  it('answers the order as CANCELLED by the customer', async () => {
    const { order } = await cancel(blockedAndPaid());
    expect(order).toMatchObject({ status: OrderStatus.CANCELLED, reason: OrderReason.CANCELLED_BY_CUSTOMER });
  });

  it('releases the stock and refunds the charge within the call', async () => {
    const saga = blockedAndPaid();
    await cancel(saga);
    expect(saga.inventory.reservations.get('order-1')).toBe('RELEASED');
    expect(saga.payment.charges.get('order-1')).toBe('REFUNDED');
    expect(saga.store.current().owed).toEqual({ release: false, refund: false });
  });

  it('stores the verdict and OrderCancelled in one change, before any compensation', async () => {
    const saga = blockedAndPaid();
    saga.inventory.releaseReservation.mockImplementationOnce(async () => {
      expect(saga.store.changes).toMatchObject([
        { order: { verdict: 'CANCEL', status: 'CANCELLED', version: 2 }, events: ['shop.order.v1.OrderCancelled'] },
      ]);
      throw callFailure('inventory', 'unreachable');
    });
    await cancel(saga);
    expect(saga.inventory.releaseReservation).toHaveBeenCalledOnce();
  });

  it('publishes OrderCancelled once, with the version the order is stored at', async () => {
    const saga = blockedAndPaid();
    await cancel(saga);
    expect(saga.store.events.map(({ subject }) => subject)).toEqual(['shop.order.v1.OrderCancelled']);
    expect(readEvent(OrderCancelledSchema, saga.store.events[0]!.payload).version).toBe(2n);
  });

  it('notifies the followers of the order, and reports its end once', async () => {
    const saga = blockedAndPaid();
    await cancel(saga);
    expect(saga.onChange.mock.calls.map(([{ orderId, status }, hasEnded]) => [orderId, status, hasEnded])).toEqual([
      ['order-1', 'CANCELLED', true],
      ['order-1', 'CANCELLED', false],
    ]);
  });

  it('compensates in the rest of its time after a slow look-up', async () => {
    const saga = blockedAndPaid();
    let remainingMs = 2_500;
    const { find } = saga.store;
    saga.store.find = (orderId) => {
      remainingMs = 700;
      return find(orderId);
    };
    const deadline = { remainingMs: () => remainingMs };
    await cancelOrder({ saga, now: () => secondsLater(20) }, create(CancelOrderRequestSchema, { orderId: 'order-1' }), {
      deadline,
      caller: GUEST,
    });
    expect(saga.inventory.releaseReservation.mock.calls.map(([, options]) => options)).toEqual([{ timeoutMs: 700 }]);
    expect(saga.payment.refundPayment.mock.calls.map(([, options]) => options)).toEqual([{ timeoutMs: 700 }]);
  });

  it('leaves tombstones for an order that was never reserved or charged', async () => {
    const saga = createFakeSaga(pendingOrder());
    await cancel(saga);
    expect(saga.inventory.reservations.get('order-1')).toBe('RELEASED');
    expect(saga.payment.charges.get('order-1')).toBe('REFUNDED');
  });

  it('succeeds while both dependencies are down; the compensation stays owed', async () => {
    const saga = blockedAndPaid();
    saga.inventory.releaseReservation.mockRejectedValueOnce(callFailure('inventory', 'unreachable'));
    saga.payment.refundPayment.mockRejectedValueOnce(callFailure('payment', 'circuit_open'));
    const { order } = await cancel(saga);
    expect(order).toMatchObject({ status: OrderStatus.CANCELLED, reason: OrderReason.CANCELLED_BY_CUSTOMER });
    expect(saga.store.current().owed).toEqual({ release: true, refund: true });
    expect(saga.store.changes.at(-1)?.resume?.attempts).toBe(1);
  });
});

describe('cancelling again', () => {
  it('changes nothing once all is compensated', async () => {
    const saga = blockedAndPaid();
    const first = await cancel(saga);
    const changes = saga.store.changes.length;
    expect(await cancel(saga)).toEqual(first);
    expect(saga.store.changes).toHaveLength(changes);
  });

  it('continues the compensation that is still owed, and publishes no further event', async () => {
    const saga = createFakeSaga(cancelledOrder());
    await cancel(saga);
    expect(saga.store.current().owed).toEqual({ release: false, refund: false });
    expect(saga.store.events).toEqual([]);
  });
});

describe('an order that is decided otherwise', () => {
  it.each([
    { state: 'confirmed', order: confirmedOrder(), words: 'it is confirmed' },
    { state: 'about to be confirmed', order: confirmingOrder(), words: 'it is being confirmed' },
    { state: 'failed', order: failedOrder(), words: 'it is failed' },
  ])('cannot be cancelled: $state', async ({ order, words }) => {
    const saga = createFakeSaga(order);
    expect(await failureOf(cancel(saga))).toMatchObject({
      kind: 'failed_precondition',
      reason: 'ORDER_NOT_CANCELLABLE',
      message: `order order-1 is decided already: ${words}`,
    });
    expect(saga.store.changes).toEqual([]);
    expect(saga.inventory.releaseReservation).not.toHaveBeenCalled();
  });
});

describe('an order that changes at the same moment', () => {
  function changeOnce(saga: FakeSaga, change: (stored: Order) => Order): void {
    saga.store.beforeSave = () => {
      saga.store.beforeSave = () => undefined;
      const stored = saga.store.current();
      saga.store.put({ ...change(stored), version: stored.version + 1 });
    };
  }

  it('is cancelled when the other change only blocked it', async () => {
    const saga = createFakeSaga(pendingOrder());
    changeOnce(saga, () => blockedOrder());
    expect((await cancel(saga)).order?.status).toBe(OrderStatus.CANCELLED);
  });

  it('is not cancelled when the other change decided it: there is one verdict', async () => {
    const saga = blockedAndPaid();
    changeOnce(saga, (stored) => decideConfirm(stored, secondsLater(19)));
    expect(await failureOf(cancel(saga))).toMatchObject({ reason: 'ORDER_NOT_CANCELLABLE' });
    expect(saga.payment.refundPayment).not.toHaveBeenCalled();
  });

  it('fails after a bounded number of tries when it keeps changing', async () => {
    const saga = createFakeSaga(pendingOrder());
    saga.store.beforeSave = () => {
      const stored = saga.store.current();
      saga.store.put({ ...stored, version: stored.version + 1 });
    };
    await expect(cancel(saga)).rejects.toThrow('order order-1 keeps changing');
  });
});

describe('bad input', () => {
  it('answers not_found for an order that does not exist', async () => {
    expect(await failureOf(cancel(createFakeSaga(), 'no-such'))).toMatchObject({
      kind: 'not_found',
      reason: 'ORDER_NOT_FOUND',
    });
  });

  it.each([
    { orderId: '', violation: 'order_id: must not be empty' },
    { orderId: 'x'.repeat(300), violation: 'order_id: must have at most 128 characters, has 300' },
    { orderId: 'order\u0000', violation: 'order_id: must not contain control characters' },
  ])('$violation', async ({ orderId, violation }) => {
    expect(await faultsOf(cancel(createFakeSaga(), orderId))).toEqual([violation]);
  });
});

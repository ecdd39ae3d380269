import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { OrderRefundedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { RefundOrderRequestSchema } from '#gen/shop/order/v1/order_service_pb.ts';
import { markRefunded, type Order, refundConfirmed } from '#services/order/order.ts';
import { refundOrder } from '#services/order/refund-order.ts';
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
  refundedOrder,
  secondsLater,
} from '../../support/services/order-builders.ts';
import { serve } from '../../support/services/serve.ts';

function refund(saga: FakeSaga, orderId = 'order-1') {
  return serve(RefundOrderRequestSchema, { orderId }, (request) =>
    refundOrder({ saga, now: () => secondsLater(20) }, request, testCall({ budgetMs: 2_500 })),
  );
}

/** A confirmed order, with its stock sold and its customer charged. */
function soldAndPaid(order: Order = confirmedOrder()): FakeSaga {
  const saga = createFakeSaga(order);
  saga.inventory.reservations.set('order-1', 'CONFIRMED');
  saga.payment.charges.set('order-1', 'COMPLETED');
  return saga;
}

describe('refunding a confirmed order', () => {
  it('answers the order as REFUNDED, without a reason', async () => {
    const { order } = await refund(soldAndPaid());
    expect(order).toMatchObject({ status: OrderStatus.REFUNDED, reason: OrderReason.UNSPECIFIED });
  });

  it('refunds the charge within the call, with the key of the order, and leaves the stock sold', async () => {
    const saga = soldAndPaid();
    await refund(saga);
    expect(saga.payment.refundPayment.mock.calls).toEqual([
      [{ orderId: 'order-1', idempotencyKey: 'refund:order-1' }, { timeoutMs: expect.any(Number) }],
    ]);
    expect(saga.inventory.reservations.get('order-1')).toBe('CONFIRMED');
    expect(saga.inventory.confirmReservation).not.toHaveBeenCalled();
    expect(saga.store.current()).toMatchObject({ verdict: 'CONFIRM', owed: { release: false, refund: false } });
  });

  it('stores the status, what is owed and OrderRefunded in one change, before payment is called', async () => {
    const saga = soldAndPaid();
    saga.payment.refundPayment.mockImplementationOnce(async () => {
      expect(saga.store.changes).toMatchObject([
        {
          order: { status: 'REFUNDED', version: 2, owed: { release: false, refund: true } },
          events: ['shop.order.v1.OrderRefunded'],
        },
      ]);
      throw callFailure('payment', 'unreachable');
    });
    await refund(saga);
    expect(saga.payment.refundPayment).toHaveBeenCalledOnce();
  });

  it('publishes OrderRefunded once, with the version the order is stored at', async () => {
    const saga = soldAndPaid();
    await refund(saga);
    expect(saga.store.events.map(({ subject }) => subject)).toEqual(['shop.order.v1.OrderRefunded']);
    expect(readEvent(OrderRefundedSchema, saga.store.events[0]!.payload).version).toBe(2n);
  });

  it('notifies the followers of the order, and reports its end once', async () => {
    const saga = soldAndPaid();
    await refund(saga);
    expect(saga.onChange.mock.calls.map(([{ status }, hasEnded]) => [status, hasEnded])).toEqual([
      ['REFUNDED', true],
      ['REFUNDED', false],
    ]);
  });

  it('refunds in the rest of its time after a slow look-up', async () => {
    const saga = soldAndPaid();
    let remainingMs = 2_500;
    const { find } = saga.store;
    saga.store.find = (orderId) => {
      remainingMs = 700;
      return find(orderId);
    };
    await refundOrder({ saga, now: () => secondsLater(20) }, create(RefundOrderRequestSchema, { orderId: 'order-1' }), {
      deadline: { remainingMs: () => remainingMs },
      caller: GUEST,
    });
    expect(saga.payment.refundPayment.mock.calls.map(([, options]) => options)).toEqual([{ timeoutMs: 700 }]);
  });

  it('succeeds while payment is down; the refund stays owed, to be tried again in the background', async () => {
    const saga = soldAndPaid();
    saga.payment.refundPayment.mockRejectedValueOnce(callFailure('payment', 'circuit_open'));
    const { order } = await refund(saga);
    expect(order).toMatchObject({ status: OrderStatus.REFUNDED, reason: OrderReason.UNSPECIFIED });
    expect(saga.store.current().owed).toEqual({ release: false, refund: true });
    expect(saga.store.changes.at(-1)?.resume?.attempts).toBe(1);
    await saga.run();
    expect(saga.payment.charges.get('order-1')).toBe('REFUNDED');
  });
});

describe('refunding again', () => {
  it('changes nothing once the charge is refunded', async () => {
    const saga = soldAndPaid();
    const first = await refund(saga);
    const changes = saga.store.changes.length;
    expect(await refund(saga)).toEqual(first);
    expect(saga.store.changes).toHaveLength(changes);
    expect(saga.payment.refundPayment).toHaveBeenCalledOnce();
  });

  it('continues the refund that is still owed, and publishes no further event', async () => {
    const saga = soldAndPaid(refundedOrder());
    await refund(saga);
    expect(saga.store.current().owed).toEqual({ release: false, refund: false });
    expect(saga.store.events).toEqual([]);
  });

  it('at the same moment as another refund publishes no second event', async () => {
    const saga = soldAndPaid();
    saga.store.beforeSave = () => {
      saga.store.beforeSave = () => undefined;
      const stored = saga.store.current();
      saga.store.put({ ...refundConfirmed(stored, secondsLater(19)), version: stored.version + 1 });
    };
    expect((await refund(saga)).order?.status).toBe(OrderStatus.REFUNDED);
    expect(saga.store.events).toEqual([]);
  });
});

describe('an order that is not confirmed', () => {
  it.each([
    { state: 'pending', order: blockedOrder(), words: 'not confirmed, but pending: cancel it instead' },
    {
      state: 'about to be confirmed',
      order: confirmingOrder(),
      words: 'not confirmed, but pending: cancel it instead',
    },
    { state: 'failed', order: failedOrder(), words: 'not confirmed, but failed: no money of it is kept' },
    { state: 'cancelled', order: cancelledOrder(), words: 'not confirmed, but cancelled: no money of it is kept' },
  ])('cannot be refunded: $state', async ({ order, words }) => {
    const saga = createFakeSaga(order);
    expect(await failureOf(refund(saga))).toMatchObject({
      kind: 'failed_precondition',
      reason: 'ORDER_NOT_REFUNDABLE',
      message: `order order-1 is ${words}`,
    });
    expect(saga.store.changes).toEqual([]);
    expect(saga.payment.refundPayment).not.toHaveBeenCalled();
  });
});

describe('the state of a refunded order', () => {
  it('is REFUNDED immediately, with its verdict, reservation and payment as they were', () => {
    const { verdict, reservationId, transactionId } = confirmedOrder();
    expect(refundedOrder()).toMatchObject({ status: 'REFUNDED', verdict, reservationId, transactionId });
    expect(refundedOrder().reason).toBeUndefined();
  });

  it('owes the money, and not the stock: the goods stay sold', () => {
    expect(refundedOrder().owed).toEqual({ release: false, refund: true });
  });

  it('is recorded in the timeline as the final status, then as compensation', () => {
    const { timeline } = markRefunded(refundedOrder(), secondsLater(11));
    expect(timeline.slice(-3).map(({ step, detail }) => `${step} ${detail}`)).toEqual([
      'FINISH CONFIRMED',
      'FINISH REFUNDED',
      'REFUND_PAYMENT ',
    ]);
  });

  it.each([
    { status: 'PENDING', order: confirmingOrder() },
    { status: 'FAILED', order: failedOrder() },
    { status: 'CANCELLED', order: cancelledOrder() },
    { status: 'REFUNDED', order: refundedOrder() },
  ])('cannot follow $status', ({ order, status }) => {
    expect(() => refundConfirmed(order, secondsLater(11))).toThrow(`cannot be refunded: it is ${status}`);
  });
});

describe('bad input', () => {
  it('answers not_found for an order that does not exist', async () => {
    expect(await failureOf(refund(createFakeSaga(), 'no-such'))).toMatchObject({
      kind: 'not_found',
      reason: 'ORDER_NOT_FOUND',
    });
  });

  it('answers invalid_argument without an order id', async () => {
    expect(await faultsOf(refund(createFakeSaga(), ''))).toEqual(['order_id: must not be empty']);
  });
});

// How the order service reserves, confirms and releases at inventory, and handles the answers, with its real client and saga.
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { decideConfirm, decideFail, type Order } from '#services/order/order.ts';
import { anyUuid, shopContract } from '../../support/contracts/contracts.ts';
import { secondsLater } from '../../support/services/order-builders.ts';
import {
  acceptedOrder,
  acceptedTestOrder,
  awaited,
  detailOf,
  NEEDS_CREDENTIAL,
  NO_CREDENTIAL,
  ORDER_ID,
  RESERVATION_ID,
  refusal,
  runWithInventory,
  WITH_CREDENTIAL,
} from './consumer-fixture.ts';

const inventory = shopContract('OrderService', 'InventoryService');
const { reserveStock, confirmReservation, releaseReservation } = InventoryService.method;

const line = { productId: '12345', quantity: 1 };
const order = { orderId: ORDER_ID };
const reserved = { orderId: ORDER_ID, reservationId: RESERVATION_ID, lines: [line] };
const held = { orderId: anyUuid(ORDER_ID), reservationId: anyUuid(RESERVATION_ID) };
const unreserved = { orderId: anyUuid(ORDER_ID) };

describe('a reservation', () => {
  it('is made, then confirmed: the order is confirmed', async () => {
    const reserves = awaited(
      'inventory',
      inventory
        .given('product 12345 exists with stock', { productId: '12345', quantity: 100 })
        .uponReceiving('a reservation of what is in stock')
        .calls(reserveStock, { orderId: anyUuid(ORDER_ID), lines: [line] }),
    ).repliesWith({
      reservation: { reservationId: anyUuid(RESERVATION_ID), state: ReservationState.RESERVED },
    });
    const confirms = awaited(
      'inventory',
      inventory
        .given('stock is reserved for the order', reserved)
        .uponReceiving('the sale of what is reserved')
        .calls(confirmReservation, held),
    ).repliesWith({ reservation: { state: ReservationState.CONFIRMED } });

    const { order: end } = await inventory.run([reserves, confirms], ({ url }) =>
      runWithInventory(url, acceptedOrder()),
    );

    expect(end).toMatchObject({ status: 'CONFIRMED', reservationId: RESERVATION_ID, transactionId: 'ch_1' });
  });

  it('that exists already is returned, so that a saga that runs again goes on', async () => {
    const reserves = awaited(
      'inventory',
      inventory
        .given('the order has asked for its stock before', reserved)
        .uponReceiving('a reservation once more')
        .calls(reserveStock, { orderId: anyUuid(ORDER_ID), lines: [line] }),
    ).repliesWith({
      reservation: { reservationId: RESERVATION_ID, state: ReservationState.RESERVED },
    });
    const confirms = awaited(
      'inventory',
      inventory
        .given('what the order had reserved is sold', reserved)
        .uponReceiving('the sale of what is sold already')
        .calls(confirmReservation, { orderId: anyUuid(ORDER_ID), reservationId: RESERVATION_ID }),
    ).repliesWith({ reservation: { state: ReservationState.CONFIRMED } });

    const { order: end } = await inventory.run([reserves, confirms], ({ url }) =>
      runWithInventory(url, acceptedOrder()),
    );

    expect(end).toMatchObject({ status: 'CONFIRMED', reservationId: RESERVATION_ID });
  });

  it('fails the order when there is not enough, without compensation', async () => {
    const { order: end, saga } = await awaited(
      'inventory',
      inventory
        .given('product 12345 is sold out', { productId: '12345', quantity: 0 })
        .uponReceiving('a reservation of more than there is')
        .calls(reserveStock, { orderId: anyUuid(ORDER_ID), lines: [line] }),
    )
      .failsWith(Code.FailedPrecondition, 'not enough stock', refusal('INSUFFICIENT_STOCK'))
      .run(({ url }) => runWithInventory(url, acceptedOrder()));

    expect(end).toMatchObject({ status: 'FAILED', reason: 'INSUFFICIENT_STOCK', owed: { release: false } });
    expect(saga.payment.processPayment).not.toHaveBeenCalled();
    expect(saga.payment.refundPayment).not.toHaveBeenCalled();
  });

  it('of a released order fails it, and is released again to be safe', async () => {
    const reserves = awaited(
      'inventory',
      inventory
        .given('the order was released before it asked', order)
        .uponReceiving('a reservation that comes too late')
        .calls(reserveStock, { orderId: anyUuid(ORDER_ID), lines: [line] }),
    ).failsWith(Code.FailedPrecondition, 'the order was released', refusal('RESERVATION_RELEASED'));
    const releases = awaited(
      'inventory',
      inventory
        .given('the order was released before it asked', order)
        .uponReceiving('a release once more')
        .calls(releaseReservation, unreserved),
    ).repliesWith({ reservation: { state: ReservationState.RELEASED } });

    const { order: end, saga } = await inventory.run([reserves, releases], ({ url }) =>
      runWithInventory(url, acceptedOrder()),
    );

    expect(end).toMatchObject({
      status: 'FAILED',
      reason: 'INVENTORY_ERROR',
      owed: { release: false, refund: false },
    });
    expect(saga.payment.processPayment).not.toHaveBeenCalled();
  });

  it('for other lines than before fails the order, and the reservation is released', async () => {
    const reserves = awaited(
      'inventory',
      inventory
        .given('the order has reserved something else', { ...reserved, lines: [{ productId: 'prod456', quantity: 2 }] })
        .uponReceiving('a reservation for other lines than before')
        .calls(reserveStock, { orderId: anyUuid(ORDER_ID), lines: [line] }),
    ).failsWith(Code.FailedPrecondition, 'its lines are other ones', refusal('RESERVATION_MISMATCH'));
    const releases = awaited(
      'inventory',
      inventory
        .given('the order has reserved something else', { ...reserved, lines: [{ productId: 'prod456', quantity: 2 }] })
        .uponReceiving('the release of a reservation that was never told')
        .calls(releaseReservation, unreserved),
    ).repliesWith({ reservation: { state: ReservationState.RELEASED } });

    const { order: end } = await inventory.run([reserves, releases], ({ url }) =>
      runWithInventory(url, acceptedOrder()),
    );

    expect(end).toMatchObject({ status: 'FAILED', reason: 'INVENTORY_ERROR', owed: { release: false } });
    expect(detailOf(end, 'RESERVE_STOCK')).toBe('inventory refused: its lines are other ones');
  });
});

describe('the confirmation of a reservation', () => {
  const confirming = (): Order =>
    decideConfirm({ ...acceptedOrder(), reservationId: RESERVATION_ID, transactionId: 'ch_1' }, secondsLater(3));

  it('that was released leaves the order pending: its verdict does not change', async () => {
    const { order: end, failure } = await awaited(
      'inventory',
      inventory
        .given('what the order had reserved is released', reserved)
        .uponReceiving('the sale of what is released')
        .calls(confirmReservation, held),
    )
      .failsWith(Code.FailedPrecondition, 'the order was released', refusal('RESERVATION_RELEASED'))
      .run(({ url }) => runWithInventory(url, confirming()));

    expect(failure).toMatchObject({ outcome: 'PENDING', reason: 'INVENTORY_UNAVAILABLE' });
    expect(end).toMatchObject({ status: 'PENDING', verdict: 'CONFIRM' });
    expect(detailOf(end, 'CONFIRM_RESERVATION')).toBe('inventory refused: the order was released');
  });

  it('that does not exist leaves the order pending', async () => {
    const { order: end, failure } = await awaited(
      'inventory',
      inventory
        .given('nothing is known of the order', order)
        .uponReceiving('the sale of what was never reserved')
        .calls(confirmReservation, held),
    )
      .failsWith(Code.NotFound, 'the order has no reservation', refusal('RESERVATION_NOT_FOUND'))
      .run(({ url }) => runWithInventory(url, confirming()));

    expect(failure).toMatchObject({ outcome: 'PENDING', reason: 'INVENTORY_UNAVAILABLE' });
    expect(end).toMatchObject({ status: 'PENDING', verdict: 'CONFIRM' });
  });
});

describe('a release', () => {
  const failed = (reservationId: string): Order =>
    decideFail(
      { ...acceptedOrder(), reservationId },
      'PAYMENT_FAILED',
      { release: true, refund: false },
      secondsLater(3),
    );

  it('releases the reservation, and nothing is owed any more', async () => {
    const { order: end } = await awaited(
      'inventory',
      inventory
        .given('stock is reserved for the order', reserved)
        .uponReceiving('the release of what is reserved')
        .calls(releaseReservation, held),
    )
      .repliesWith({ reservation: { state: ReservationState.RELEASED } })
      .run(({ url }) => runWithInventory(url, failed(RESERVATION_ID)));

    expect(end).toMatchObject({ status: 'FAILED', owed: { release: false, refund: false } });
  });

  it('of an order unknown to inventory succeeds, and leaves a tombstone', async () => {
    const { order: end } = await awaited(
      'inventory',
      inventory
        .given('nothing is known of the order', order)
        .uponReceiving('the release of an unknown order')
        .calls(releaseReservation, unreserved),
    )
      .repliesWith({ reservation: { state: ReservationState.RELEASED } })
      .run(({ url }) => runWithInventory(url, failed('')));

    expect(end.owed).toEqual({ release: false, refund: false });
  });

  it('of a confirmed reservation is refused, and stays owed', async () => {
    const { order: end, failure } = await awaited(
      'inventory',
      inventory
        .given('what the order had reserved is sold', reserved)
        .uponReceiving('the release of what is sold')
        .calls(releaseReservation, held),
    )
      .failsWith(Code.FailedPrecondition, 'the reservation is confirmed', refusal('RESERVATION_CONFIRMED'))
      .run(({ url }) => runWithInventory(url, failed(RESERVATION_ID)));

    expect(failure).toMatchObject({ reason: 'INVENTORY_UNAVAILABLE' });
    expect(end).toMatchObject({ status: 'FAILED', owed: { release: true } });
  });
});

describe('a synthetic order', () => {
  const lines = [{ productId: 'test-product', quantity: 1 }];
  const asked = { orderId: anyUuid(ORDER_ID), lines, synthetic: true };
  const inStock = { productId: 'test-product', quantity: 100 };

  it('reserves with its flag and the credential, and is confirmed like any other', async () => {
    const reserves = awaited(
      'inventory',
      inventory
        .given('the test product is in stock', inStock)
        .uponReceiving('a reservation for a test order')
        .calls(reserveStock, asked),
    )
      .withMetadata(WITH_CREDENTIAL)
      .repliesWith({ reservation: { reservationId: anyUuid(RESERVATION_ID), state: ReservationState.RESERVED } });
    const confirms = awaited(
      'inventory',
      inventory
        .given('stock is reserved for the test order', { ...reserved, lines })
        .uponReceiving('the sale of what a test order reserved')
        .calls(confirmReservation, held),
    ).repliesWith({ reservation: { state: ReservationState.CONFIRMED } });

    const { order: end } = await inventory.run([reserves, confirms], ({ url }) =>
      runWithInventory(url, acceptedTestOrder()),
    );

    expect(end).toMatchObject({ status: 'CONFIRMED', reservationId: RESERVATION_ID, synthetic: true });
  });

  it('without the credential is refused: it fails, and is released to be safe', async () => {
    const reserves = awaited(
      'inventory',
      inventory
        .given('the test product is in stock', inStock)
        .uponReceiving('a reservation for a test order without the credential')
        .calls(reserveStock, asked),
    ).failsWith(...NEEDS_CREDENTIAL);
    const releases = awaited(
      'inventory',
      inventory
        .given('nothing is known of the order', order)
        .uponReceiving('the release of a test order that was refused')
        .calls(releaseReservation, unreserved),
    ).repliesWith({ reservation: { state: ReservationState.RELEASED } });

    const { order: end, saga } = await inventory.run([reserves, releases], ({ url }) =>
      runWithInventory(url, acceptedTestOrder(), NO_CREDENTIAL),
    );

    expect(end).toMatchObject({ status: 'FAILED', reason: 'INVENTORY_ERROR', owed: { release: false } });
    expect(saga.payment.processPayment).not.toHaveBeenCalled();
  });
});

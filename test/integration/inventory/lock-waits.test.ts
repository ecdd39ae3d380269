// A statement that waits for a lock uses what was committed in the meantime, not its snapshot.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import {
  AdjustStockRequestSchema,
  ConfirmReservationRequestSchema,
  ReleaseReservationRequestSchema,
  ReserveStockRequestSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { adjustStock } from '#services/inventory/adjust-stock.ts';
import { confirmReservation } from '#services/inventory/confirm-reservation.ts';
import { releaseReservation } from '#services/inventory/release-reservation.ts';
import { createReservationBatches } from '#services/inventory/reservation-batches.ts';
import { reserveStock } from '#services/inventory/reserve-stock.ts';
import type { Transaction } from '#services/platform/storage/database.ts';
import { testCall } from '../../support/services/call.ts';
import { lines } from '../../support/services/inventory.ts';
import { useInventory } from './inventory-fixture.ts';

const inventory = useInventory();

function reserve(orderId: string, quantity: number, { dependencies } = inventory) {
  const request = create(ReserveStockRequestSchema, { orderId, lines: lines(['lamp', quantity]) });
  return reserveStock(dependencies, request, testCall());
}

/** Runs `call` while a transaction holds the locks of `change`, and returns the outcome of the call after the commit. */
async function whileLocked<Answer>(
  change: (transaction: Transaction) => Promise<unknown>,
  call: () => Promise<Answer>,
): Promise<Answer> {
  let calling: Promise<[PromiseSettledResult<Answer>]> | undefined;
  await inventory.database.transaction(async (transaction) => {
    await change(transaction);
    calling = Promise.allSettled([call()]);
    await inventory.waitForBlocked();
  });
  const [result] = (await calling) ?? [];
  if (result?.status === 'fulfilled') return result.value;
  throw result?.reason;
}

describe('an order that waits for a product all of which is reserved', () => {
  it.each([
    ['delivered', 'on_hand = on_hand + 3', { on_hand: 13, reserved: 12, sold: 0 }],
    ['released', 'reserved = reserved - 3', { on_hand: 10, reserved: 9, sold: 0 }],
  ])('reserves what is %s while it waits', async (_word, change, stock) => {
    await inventory.addProduct('lamp', 10);
    await reserve('first', 10);

    const reserving = whileLocked(
      ({ query }) => query(`update product set ${change}`),
      () => reserve('second', 2),
    );

    const [reserved] = await Promise.allSettled([reserving]);
    expect(reserved).toMatchObject({ value: { reservation: { state: ReservationState.RESERVED } } });
    expect(await inventory.stockOf('lamp')).toEqual(stock);
  });
});

describe('a duplicate of a decided order', () => {
  it.each([
    ['reserved', 2, { reservation: { state: ReservationState.RESERVED } }],
    ['rejected', 11, { reason: 'INSUFFICIENT_STOCK' }],
  ])('is answered as %s without waiting for the product', async (_state, quantity, answer) => {
    await inventory.addProduct('lamp', 10);
    await Promise.allSettled([reserve('order', quantity)]);
    await inventory.database.transaction(async ({ query }) => {
      await query('select from product for update');
      const [duplicate] = await Promise.allSettled([reserve('order', quantity)]);
      expect(duplicate.status === 'fulfilled' ? duplicate.value : duplicate.reason).toMatchObject(answer);
    });
  });
});

describe('an order that waits for a product', () => {
  it('is refused the units that another order reserves while it waits', async () => {
    await inventory.addProduct('lamp', 10);
    const reserving = whileLocked(
      (transaction) => reserve('first', 9, { ...inventory, dependencies: inTransaction(transaction) }),
      () => reserve('second', 2),
    );
    await expect(reserving).rejects.toMatchObject({ reason: 'INSUFFICIENT_STOCK' });
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 10, reserved: 9, sold: 0 });
  });

  it('is not reserved twice when a duplicate reserves it while it waits', async () => {
    await inventory.addProduct('lamp', 10);
    let first: string | undefined;
    const second = await whileLocked(
      async (transaction) => {
        const answer = await reserve('order', 2, { ...inventory, dependencies: inTransaction(transaction) });
        first = answer.reservation?.reservationId;
      },
      () => reserve('order', 2),
    );
    expect(second.reservation?.reservationId).toBe(first);
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 10, reserved: 2, sold: 0 });
    expect(await inventory.subjects()).toEqual(['shop.inventory.v1.StockReserved']);
  });

  it('is adjusted from the stock that another adjustment leaves', async () => {
    await inventory.addProduct('lamp', 10);
    const adjust = (idempotencyKey: string, dependencies = inventory.dependencies) =>
      adjustStock(
        dependencies,
        create(AdjustStockRequestSchema, { idempotencyKey, productId: 'lamp', delta: 5 }),
        testCall(),
      );
    const { product } = await whileLocked(
      (transaction) => adjust('first', inTransaction(transaction)),
      () => adjust('second'),
    );
    expect(product).toMatchObject({ onHand: 20 });
    expect(await inventory.stockOf('lamp')).toMatchObject({ on_hand: 20 });
  });
});

describe('a reservation', () => {
  const order = { orderId: 'order', reservationId: '' };
  const confirm = (dependencies = inventory.dependencies) =>
    confirmReservation(dependencies, create(ConfirmReservationRequestSchema, order));
  const release = (dependencies = inventory.dependencies) =>
    releaseReservation(dependencies, create(ReleaseReservationRequestSchema, order));

  it('is confirmed once when a duplicate confirms it while it waits', async () => {
    await inventory.addProduct('lamp', 10);
    await reserve('order', 2);
    await whileLocked((transaction) => confirm(inTransaction(transaction)), confirm);
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 8, reserved: 0, sold: 2 });
  });

  it('is not released when it is confirmed while the release waits', async () => {
    await inventory.addProduct('lamp', 10);
    await reserve('order', 2);
    const releasing = whileLocked((transaction) => confirm(inTransaction(transaction)), release);
    await expect(releasing).rejects.toMatchObject({ reason: 'RESERVATION_CONFIRMED' });
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 8, reserved: 0, sold: 2 });
  });

  it('is not confirmed when it is released while the confirmation waits', async () => {
    await inventory.addProduct('lamp', 10);
    await reserve('order', 2);
    const confirming = whileLocked((transaction) => release(inTransaction(transaction)), confirm);
    await expect(confirming).rejects.toMatchObject({ reason: 'RESERVATION_RELEASED' });
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 10, reserved: 0, sold: 0 });
    expect(await inventory.subjects()).toEqual(['shop.inventory.v1.StockReleased', 'shop.inventory.v1.StockReserved']);
  });
});

/** The dependencies of a use case whose statements belong to a transaction. */
function inTransaction(transaction: Transaction) {
  const { query } = transaction;
  const { dependencies } = inventory;
  const database = {
    ...inventory.database,
    query,
    transaction: <T>(work: (own: Transaction) => Promise<T>) => work(transaction),
  };
  return { ...dependencies, database, batches: createReservationBatches({ database, log: dependencies.log }) };
}

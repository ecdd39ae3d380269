// The statements of reservations, one by one: what is stored, and that an event is stored with its change or not at all.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  insufficientStockEvent,
  stockReleasedEvent,
  stockReservedEvent,
} from '#services/inventory/inventory-events.ts';
import type { Reservation, StockLine } from '#services/inventory/reservation.ts';
import {
  confirmReserved,
  findReservation,
  insertRejection,
  insertReservations,
  insertTombstone,
  type ReservationDraft,
  type ReservedKey,
  releaseRejected,
  releaseReserved,
} from '#services/inventory/reservation-store.ts';
import { useInventory } from './inventory-fixture.ts';

const inventory = useInventory();
const NOW = new Date('2026-01-02T03:04:05.678Z');
const LATER = new Date('2026-01-02T03:04:06.789Z');
const SHORTAGES = [{ productId: 'lamp', requested: 11, available: 10 }];

function draft(lines: readonly StockLine[], change: Partial<ReservationDraft> = {}): ReservationDraft {
  return { orderId: 'order', reservationId: randomUUID(), lines, synthetic: false, time: NOW, ...change };
}

const withEvent = (wanted: ReservationDraft) => ({ draft: wanted, event: stockReservedEvent(wanted) });

const lamps = (quantity: number) => [{ productId: 'lamp', quantity }];

async function reserve(lines: readonly StockLine[], change: Partial<ReservationDraft> = {}) {
  const wanted = draft(lines, change);
  const [result] = (await insertReservations(inventory.database, [withEvent(wanted)])) ?? [];
  if (result === undefined) throw new Error('the attempt has no result');
  return result;
}

function reject(quantity: number) {
  const wanted = draft(lamps(quantity));
  return insertRejection(inventory.database, wanted, SHORTAGES, insufficientStockEvent(wanted, SHORTAGES));
}

const keyOf = ({ orderId, reservationId }: Reservation) => ({ orderId, reservationId, time: LATER });

/** Reserves lamps for an order. */
async function reserved(quantity: number, change: Partial<ReservationDraft> = {}): Promise<Reservation> {
  const result = await reserve(lamps(quantity), change);
  if (result.kind !== 'reserved') throw new Error(`not reserved but ${result.kind}`);
  return result.reservation;
}

async function confirmOne(key: ReservedKey): Promise<Reservation | undefined> {
  const [confirmed] = await confirmReserved(inventory.database, [key]);
  return confirmed;
}

const release = (reservation: Reservation, key = keyOf(reservation)) =>
  releaseReserved(inventory.database, key, stockReleasedEvent(reservation, LATER));

describe('reserving', () => {
  it('takes the last unit, and reports exactly the products of which there is too little', async () => {
    await inventory.addProduct('chair', 3);
    await inventory.addProduct('lamp', 10);
    await inventory.addProduct('table', 5);
    const result = await reserve([
      { productId: 'chair', quantity: 3 },
      { productId: 'lamp', quantity: 11 },
      { productId: 'table', quantity: 4 },
    ]);
    expect(result).toEqual({ kind: 'short', shortages: SHORTAGES });
    expect(await reserved(10)).toMatchObject({ state: 'RESERVED', version: 1 });
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 10, reserved: 10, sold: 0 });
    expect(await inventory.stockOf('chair')).toEqual({ on_hand: 3, reserved: 0, sold: 0 });
  });

  it('stores the event with the reservation, and none for a shortage or a duplicate', async () => {
    await inventory.addProduct('lamp', 10);
    expect(await reserve(lamps(11), { orderId: 'too many' })).toMatchObject({ kind: 'short' });
    expect(await inventory.subjects()).toEqual([]);
    const first = await reserved(2);
    expect(await reserve(lamps(2))).toEqual({ kind: 'decided', reservation: first });
    expect(await inventory.subjects()).toEqual(['shop.inventory.v1.StockReserved']);
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 10, reserved: 2, sold: 0 });
  });
});

describe('rejecting', () => {
  it('stores the shortages and the event', async () => {
    const rejected = await reject(11);
    expect(rejected).toMatchObject({ state: 'REJECTED', shortages: SHORTAGES, lines: lamps(11) });
    expect(await findReservation(inventory.database, 'order')).toEqual(rejected);
    expect(await inventory.subjects()).toEqual(['shop.inventory.v1.InsufficientStock']);
  });

  it('an order that is decided changes nothing, and stores no event', async () => {
    await inventory.addProduct('lamp', 10);
    const first = await reserved(2);
    expect(await reject(11)).toBeUndefined();
    expect(await findReservation(inventory.database, 'order')).toEqual(first);
    expect(await inventory.subjects()).toEqual(['shop.inventory.v1.StockReserved']);
  });
});

describe('a tombstone', () => {
  it('is inserted for an unknown order, and refuses its reservation', async () => {
    await inventory.addProduct('lamp', 10);
    const key = { orderId: 'order', reservationId: randomUUID(), time: NOW };
    const tombstone = await insertTombstone(inventory.database, key);
    expect(tombstone).toMatchObject({ state: 'RELEASED', lines: [] });
    expect(await reserve(lamps(2))).toEqual({ kind: 'decided', reservation: tombstone });
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 10, reserved: 0, sold: 0 });
  });

  it('does not replace a decision', async () => {
    await inventory.addProduct('lamp', 10);
    const first = await reserved(2);
    expect(await insertTombstone(inventory.database, { ...keyOf(first), reservationId: randomUUID() })).toBeUndefined();
    expect(await findReservation(inventory.database, 'order')).toEqual(first);
  });
});

describe('settling', () => {
  it('a confirmation turns reserved units into sold ones, of its own order only', async () => {
    await inventory.addProduct('lamp', 10);
    const other = await reserved(3, { orderId: 'other' });
    const confirmed = await confirmOne(keyOf(await reserved(2)));
    expect(confirmed).toMatchObject({ state: 'CONFIRMED', version: 2, updateTime: LATER });
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 8, reserved: 3, sold: 2 });
    expect(await findReservation(inventory.database, 'other')).toEqual(other);
  });

  it('a confirmation of a synthetic order sells nothing', async () => {
    await inventory.addProduct('lamp', 10);
    await confirmOne(keyOf(await reserved(2, { synthetic: true })));
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 10, reserved: 0, sold: 0 });
  });

  it('a release returns the units, with its event', async () => {
    await inventory.addProduct('lamp', 10);
    expect(await release(await reserved(2))).toMatchObject({ state: 'RELEASED', version: 2, updateTime: LATER });
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 10, reserved: 0, sold: 0 });
    expect(await inventory.subjects()).toEqual(['shop.inventory.v1.StockReleased', 'shop.inventory.v1.StockReserved']);
  });

  it('by the id of another reservation changes nothing, and stores no event', async () => {
    await inventory.addProduct('lamp', 10);
    const first = await reserved(2);
    const other = { ...keyOf(first), reservationId: randomUUID() };
    expect(await confirmOne(other)).toBeUndefined();
    expect(await release(first, other)).toBeUndefined();
    expect(await findReservation(inventory.database, 'order')).toEqual(first);
    expect(await inventory.subjects()).toEqual(['shop.inventory.v1.StockReserved']);
  });

  it('without an id concerns every reservation of the order', async () => {
    await inventory.addProduct('lamp', 10);
    await reserved(2);
    const key = { orderId: 'order', reservationId: '', time: LATER };
    expect(await confirmOne(key)).toMatchObject({ state: 'CONFIRMED' });
  });

  it.each(['confirmed', 'released', 'rejected'])('changes nothing once the order is %s', async (state) => {
    await inventory.addProduct('lamp', 10);
    if (state === 'rejected') await reject(11);
    else {
      const first = await reserved(2);
      await (state === 'confirmed' ? confirmOne(keyOf(first)) : release(first));
    }
    const before = (await findReservation(inventory.database, 'order'))!;
    const stock = await inventory.stockOf('lamp');
    const subjects = await inventory.subjects();
    expect(await confirmOne(keyOf(before))).toBeUndefined();
    expect(await release(before)).toBeUndefined();
    expect(await findReservation(inventory.database, 'order')).toEqual(before);
    expect(await inventory.stockOf('lamp')).toEqual(stock);
    expect(await inventory.subjects()).toEqual(subjects);
  });

  it('only a rejection is released without moving stock', async () => {
    await inventory.addProduct('lamp', 10);
    const first = await reserved(2);
    expect(await releaseRejected(inventory.database, 'order', LATER)).toBeUndefined();
    expect(await findReservation(inventory.database, 'order')).toEqual(first);
    await inventory.query('delete from reservation');
    await reject(11);
    expect(await releaseRejected(inventory.database, 'order', LATER)).toMatchObject({ state: 'RELEASED', version: 2 });
  });
});

describe('several orders at once', () => {
  const orders = ['one', 'two', 'three'];
  const reserveAll = (quantity: number) =>
    insertReservations(
      inventory.database,
      orders.map((orderId) => withEvent(draft([...lamps(quantity), { productId: 'table', quantity: 1 }], { orderId }))),
    );

  it('are each reserved, with an event each, when the stock suffices for all', async () => {
    await inventory.addProduct('lamp', 6);
    await inventory.addProduct('table', 3);

    const results = await reserveAll(2);

    expect(results?.map((result) => [result.kind, 'reservation' in result && result.reservation.orderId])).toEqual(
      orders.map((orderId) => ['reserved', orderId]),
    );
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 6, reserved: 6, sold: 0 });
    expect(await inventory.stockOf('table')).toEqual({ on_hand: 3, reserved: 3, sold: 0 });
    expect(await inventory.subjects()).toEqual(Array(3).fill('shop.inventory.v1.StockReserved'));
  });

  it('are none of them reserved when it does not, so that each can be decided alone', async () => {
    await inventory.addProduct('lamp', 5);
    await inventory.addProduct('table', 3);

    const [result] = await Promise.allSettled([reserveAll(2)]);
    expect(result).toEqual({ status: 'fulfilled', value: undefined });

    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 5, reserved: 0, sold: 0 });
    expect(await inventory.query('select from reservation')).toEqual([]);
    expect(await inventory.subjects()).toEqual([]);
  });

  it('leave a decided one as it is, whose units count no second time', async () => {
    await inventory.addProduct('lamp', 6);
    await inventory.addProduct('table', 3);
    await reserved(2, { orderId: 'two' });

    const results = await reserveAll(2);

    expect(results?.map(({ kind }) => kind)).toEqual(['reserved', 'decided', 'reserved']);
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 6, reserved: 6, sold: 0 });
    expect(await inventory.stockOf('table')).toEqual({ on_hand: 3, reserved: 2, sold: 0 });
  });

  it('are confirmed at once, each with its own units; one without a reservation is not', async () => {
    await inventory.addProduct('lamp', 10);
    const [first, second] = [await reserved(2, { orderId: 'one' }), await reserved(3, { orderId: 'two' })];
    const stranger = { orderId: 'none', reservationId: '', time: LATER };
    const wrong = { ...keyOf(await reserved(1, { orderId: 'three' })), reservationId: first.reservationId };

    const confirmed = await confirmReserved(inventory.database, [keyOf(second), stranger, keyOf(first), wrong]);

    expect(confirmed.map((reservation) => reservation?.orderId)).toEqual(['two', undefined, 'one', undefined]);
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 5, reserved: 1, sold: 5 });
  });

  it('return the units of a synthetic one to stock, and sell those of the others', async () => {
    await inventory.addProduct('lamp', 10);
    const keys = [
      keyOf(await reserved(2, { orderId: 'real' })),
      keyOf(await reserved(3, { orderId: 'synthetic', synthetic: true })),
    ];

    await confirmReserved(inventory.database, keys);

    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 8, reserved: 0, sold: 2 });
  });
});

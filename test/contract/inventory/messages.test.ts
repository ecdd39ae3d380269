import { timestampDate } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import {
  InsufficientStockSchema,
  ProductChangedSchema,
  StockReleasedSchema,
  StockReservedSchema,
} from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import {
  insufficientStockEvent,
  productChangedEvent,
  stockReleasedEvent,
  stockReservedEvent,
} from '#services/inventory/inventory-events.ts';
import { toProductMessage, toReservationMessage } from '#services/inventory/inventory-messages.ts';
import type { Reservation } from '#services/inventory/reservation.ts';
import { readEvent } from '#services/platform/messaging/event.ts';

const TIME = new Date('2026-01-02T03:04:05.678Z');
const LINES = [{ productId: 'prod456', quantity: 2 }];
const SHORTAGES = [{ productId: 'prod456', requested: 200, available: 100 }];
const DRAFT = { orderId: 'ord1', reservationId: 'res1', lines: LINES, synthetic: true, time: TIME };
const RESERVATION: Reservation = {
  orderId: 'ord1',
  reservationId: 'res1',
  state: 'RESERVED',
  lines: LINES,
  shortages: [],
  version: 1,
  synthetic: true,
  updateTime: TIME,
};
const PLATE = { productId: 'prod456', name: 'Plate', unitPrice: { currencyCode: 'EUR', minorUnits: 2_000n } };

describe('a reservation as a message', () => {
  it('has the state of the row', () => {
    for (const state of ['RESERVED', 'RELEASED', 'CONFIRMED', 'REJECTED'] as const) {
      expect(toReservationMessage({ ...RESERVATION, state })).toMatchObject({ state: ReservationState[state] });
    }
  });

  it('has its lines and the time of its last change', () => {
    expect(toReservationMessage(RESERVATION)).toMatchObject({
      orderId: 'ord1',
      reservationId: 'res1',
      lines: LINES,
      updateTime: { seconds: 1_767_323_045n, nanos: 678_000_000 },
    });
  });

  it('has the shortages instead of lines when it was rejected', () => {
    const message = toReservationMessage({ ...RESERVATION, state: 'REJECTED', shortages: SHORTAGES });
    expect(message).toMatchObject({ lines: [], shortages: SHORTAGES });
  });
});

it('maps a product with its available stock next to the stock on hand', () => {
  const product = { ...PLATE, onHand: 100, reserved: 40, sold: 5n, version: 3n, updateTime: TIME };
  expect(toProductMessage(product)).toMatchObject({
    ...PLATE,
    onHand: 100,
    reserved: 40,
    available: 60,
    sold: 5n,
    version: 3n,
  });
});

describe('an event', () => {
  it('StockReserved has the lines of the reservation', () => {
    const event = stockReservedEvent(DRAFT);
    expect(event.subject).toBe('shop.inventory.v1.StockReserved');
    expect(event.headers).toMatchObject({
      'ce-source': '/shop/inventory',
      'ce-time': TIME.toISOString(),
      'ce-id': event.id,
    });
    const body = readEvent(StockReservedSchema, event.payload);
    expect(body).toMatchObject({ orderId: 'ord1', reservationId: 'res1', lines: LINES, synthetic: true, version: 1n });
    expect(timestampDate(body.reserveTime!)).toEqual(TIME);
  });

  it('InsufficientStock has the shortages', () => {
    const event = insufficientStockEvent(DRAFT, SHORTAGES);
    expect(event.subject).toBe('shop.inventory.v1.InsufficientStock');
    const body = readEvent(InsufficientStockSchema, event.payload);
    expect(body).toMatchObject({ orderId: 'ord1', shortages: SHORTAGES, synthetic: true, version: 1n });
    expect(timestampDate(body.rejectTime!)).toEqual(TIME);
  });

  it('StockReleased has the version after the current one of the reservation', () => {
    const event = stockReleasedEvent(RESERVATION, TIME);
    expect(event.subject).toBe('shop.inventory.v1.StockReleased');
    const body = readEvent(StockReleasedSchema, event.payload);
    expect(body).toMatchObject({ orderId: 'ord1', reservationId: 'res1', lines: LINES, synthetic: true, version: 2n });
    expect(timestampDate(body.releaseTime!)).toEqual(TIME);
  });

  it('ProductChanged has the version of the product', () => {
    const event = productChangedEvent({ ...PLATE, version: 7n }, TIME);
    expect(event.subject).toBe('shop.inventory.v1.ProductChanged');
    const body = readEvent(ProductChangedSchema, event.payload);
    expect(body).toMatchObject({ ...PLATE, version: 7n });
    expect(timestampDate(body.changeTime!)).toEqual(TIME);
  });
});

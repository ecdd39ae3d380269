import { describe, expect, it } from 'vitest';
import {
  decideConfirm,
  decideRelease,
  findReserveError,
  isTombstone,
  type Reservation,
  type ReservationState,
  sameLines,
  sortLines,
} from '#services/inventory/reservation.ts';

const LINES = [
  { productId: 'a', quantity: 1 },
  { productId: 'b', quantity: 2 },
];
const SHORTAGES = [{ productId: 'b', requested: 2, available: 1 }];

function reservation(state: ReservationState, change: Partial<Reservation> = {}): Reservation {
  return {
    orderId: 'ord1',
    reservationId: 'res1',
    state,
    lines: LINES,
    shortages: state === 'REJECTED' ? SHORTAGES : [],
    version: 1,
    synthetic: false,
    updateTime: new Date(0),
    ...change,
  };
}

const TOMBSTONE = reservation('RELEASED', { lines: [] });

describe('lines', () => {
  it('are sorted by product id, in the order of their code units', () => {
    const ids = ['b', 'a', 'B', '10', '9'];
    const sorted = sortLines(ids.map((productId) => ({ productId, quantity: 1 })));
    expect(sorted.map(({ productId }) => productId)).toEqual(['10', '9', 'B', 'a', 'b']);
  });

  it('drop unknown fields and leave the given list unchanged', () => {
    const given = [
      { productId: 'b', quantity: 2, unitPrice: 7 },
      { productId: 'a', quantity: 1 },
    ];
    expect(sortLines(given)).toEqual(LINES);
    expect(given[0]?.productId).toBe('b');
  });

  it('are equal in another order', () => {
    expect(sameLines(LINES, LINES.toReversed())).toBe(true);
  });

  it('differ by a quantity, a product, one line more or one line less', () => {
    expect(sameLines(LINES, [{ productId: 'a', quantity: 2 }, LINES[1]!])).toBe(false);
    expect(sameLines(LINES, [{ productId: 'c', quantity: 1 }, LINES[1]!])).toBe(false);
    expect(sameLines(LINES, [...LINES, { productId: 'c', quantity: 1 }])).toBe(false);
    expect(sameLines(LINES, LINES.slice(1))).toBe(false);
  });
});

describe('a duplicate request for stock', () => {
  it('is accepted when the lines are reserved or confirmed', () => {
    expect(findReserveError(reservation('RESERVED'), LINES.toReversed())).toBeUndefined();
    expect(findReserveError(reservation('CONFIRMED'), LINES)).toBeUndefined();
  });

  it('is refused when the order is rejected or released', () => {
    expect(findReserveError(reservation('REJECTED'), LINES)).toMatchObject({
      kind: 'failed_precondition',
      reason: 'INSUFFICIENT_STOCK',
    });
    expect(findReserveError(reservation('RELEASED'), LINES)).toMatchObject({
      kind: 'failed_precondition',
      reason: 'RESERVATION_RELEASED',
    });
  });

  it('is refused for other lines in every state', () => {
    for (const state of ['RESERVED', 'REJECTED', 'RELEASED', 'CONFIRMED'] as const) {
      expect(findReserveError(reservation(state), LINES.slice(1))?.reason, state).toBe('RESERVATION_MISMATCH');
    }
  });

  it('is refused by a tombstone, whatever its lines', () => {
    expect(findReserveError(TOMBSTONE, LINES)?.reason).toBe('RESERVATION_RELEASED');
  });

  it('gets the shortages in the message and in the metadata', () => {
    const error = findReserveError(reservation('REJECTED'), LINES);
    expect(error?.message).toBe('not enough stock for order ord1: b (2 requested, 1 available)');
    expect(error?.metadata).toEqual({
      order_id: 'ord1',
      reservation_id: 'res1',
      shortages: '[{"product_id":"b","requested":2,"available":1}]',
      shortage_count: '1',
    });
  });

  it('gets ten shortages at most, and the number of all', () => {
    const shortages = Array.from({ length: 11 }, (_, index) => ({
      productId: `p${index}`,
      requested: 2,
      available: 0,
    }));
    const lines = shortages.map(({ productId }) => ({ productId, quantity: 2 }));
    const error = findReserveError(reservation('REJECTED', { lines, shortages }), lines);
    expect(error?.message).toMatch(/p9 \(2 requested, 0 available\) and 1 more$/);
    expect(JSON.parse(error?.metadata.shortages ?? '')).toHaveLength(10);
    expect(error?.metadata.shortage_count).toBe('11');
  });

  it('gets as many shortages as fit, and the number of all', () => {
    const shortages = ['p', 'q', 'r', 's', 't'].map((letter) => ({
      productId: letter.repeat(200),
      requested: 2,
      available: 0,
    }));
    const lines = shortages.map(({ productId }) => ({ productId, quantity: 2 }));
    const error = findReserveError(reservation('REJECTED', { lines, shortages }), lines);
    expect(JSON.parse(error?.metadata.shortages ?? '')).toHaveLength(3);
    expect(error?.message).toMatch(/ and 2 more$/);
    expect(error?.metadata.shortage_count).toBe('5');
  });
});

describe('a confirm', () => {
  it('confirms a reserved order, with or without the reservation id', () => {
    expect(decideConfirm('ord1', reservation('RESERVED'), 'res1')).toBe('confirm');
    expect(decideConfirm('ord1', reservation('RESERVED'), '')).toBe('confirm');
  });

  it('is done when the reservation is confirmed', () => {
    expect(decideConfirm('ord1', reservation('CONFIRMED'), 'res1')).toBe('done');
  });

  it('is refused for an order without a reservation, rejected or released', () => {
    expect(() => decideConfirm('ord1', undefined, '')).toThrow(
      expect.objectContaining({ kind: 'not_found', reason: 'RESERVATION_NOT_FOUND' }),
    );
    expect(() => decideConfirm('ord1', reservation('REJECTED'), '')).toThrow(reasonIs('INSUFFICIENT_STOCK'));
    expect(() => decideConfirm('ord1', reservation('RELEASED'), '')).toThrow(reasonIs('RESERVATION_RELEASED'));
    expect(() => decideConfirm('ord1', TOMBSTONE, 'res9')).toThrow(reasonIs('RESERVATION_RELEASED'));
  });

  it('is refused by the id of another reservation in every state', () => {
    for (const state of ['RESERVED', 'REJECTED', 'RELEASED', 'CONFIRMED'] as const) {
      expect(() => decideConfirm('ord1', reservation(state), 'res2'), state).toThrow(reasonIs('RESERVATION_MISMATCH'));
    }
  });
});

describe('a release', () => {
  it('releases reserved stock', () => {
    expect(decideRelease(reservation('RESERVED'), 'res1')).toBe('release_reserved');
  });

  it('turns a rejection into a release', () => {
    expect(decideRelease(reservation('REJECTED'), '')).toBe('release_rejected');
  });

  it('inserts a tombstone for an order without a reservation, whatever id it names', () => {
    expect(decideRelease(undefined, '')).toBe('insert_tombstone');
    expect(decideRelease(undefined, 'res9')).toBe('insert_tombstone');
  });

  it('is done when the order is released or has a tombstone', () => {
    expect(decideRelease(reservation('RELEASED'), 'res1')).toBe('done');
    expect(decideRelease(TOMBSTONE, 'res9')).toBe('done');
  });

  it('is refused when the reservation is confirmed', () => {
    expect(() => decideRelease(reservation('CONFIRMED'), '')).toThrow(reasonIs('RESERVATION_CONFIRMED'));
  });

  it('is refused by the id of another reservation in every state', () => {
    for (const state of ['RESERVED', 'REJECTED', 'RELEASED', 'CONFIRMED'] as const) {
      expect(() => decideRelease(reservation(state), 'res2'), state).toThrow(reasonIs('RESERVATION_MISMATCH'));
    }
  });
});

it('is a tombstone only when it is released and has no lines', () => {
  expect(isTombstone(TOMBSTONE)).toBe(true);
  expect(isTombstone(reservation('RELEASED'))).toBe(false);
  expect(isTombstone(reservation('RESERVED'))).toBe(false);
});

function reasonIs(reason: string) {
  return expect.objectContaining({ kind: 'failed_precondition', reason });
}

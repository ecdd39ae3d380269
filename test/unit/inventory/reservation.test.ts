import { describe, expect, it } from 'vitest';
import {
  decideRelease,
  decideSale,
  findReserveFault,
  isBarred,
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

const BAR = reservation('RELEASED', { lines: [] });

describe('lines', () => {
  it('are sorted by product id, in the order of their code units', () => {
    const ids = ['b', 'a', 'B', '10', '9'];
    const sorted = sortLines(ids.map((productId) => ({ productId, quantity: 1 })));
    expect(sorted.map(({ productId }) => productId)).toEqual(['10', '9', 'B', 'a', 'b']);
  });

  it('lose what does not belong to them and leave the given list alone', () => {
    const given = [
      { productId: 'b', quantity: 2, unitPrice: 7 },
      { productId: 'a', quantity: 1 },
    ];
    expect(sortLines(given)).toEqual(LINES);
    expect(given[0]?.productId).toBe('b');
  });

  it('are the same in another order', () => {
    expect(sameLines(LINES, LINES.toReversed())).toBe(true);
  });

  it('are others with another quantity, another product, one more or one less', () => {
    expect(sameLines(LINES, [{ productId: 'a', quantity: 2 }, LINES[1]!])).toBe(false);
    expect(sameLines(LINES, [{ productId: 'c', quantity: 1 }, LINES[1]!])).toBe(false);
    expect(sameLines(LINES, [...LINES, { productId: 'c', quantity: 1 }])).toBe(false);
    expect(sameLines(LINES, LINES.slice(1))).toBe(false);
  });
});

describe('a repeated request for stock', () => {
  it('finds no fault with what is reserved or sold', () => {
    expect(findReserveFault(reservation('RESERVED'), LINES.toReversed())).toBeUndefined();
    expect(findReserveFault(reservation('CONFIRMED'), LINES)).toBeUndefined();
  });

  it('is refused by what is rejected or released', () => {
    expect(findReserveFault(reservation('REJECTED'), LINES)).toMatchObject({
      kind: 'failed_precondition',
      reason: 'INSUFFICIENT_STOCK',
    });
    expect(findReserveFault(reservation('RELEASED'), LINES)).toMatchObject({
      kind: 'failed_precondition',
      reason: 'RESERVATION_RELEASED',
    });
  });

  it('is refused for other lines in every state', () => {
    for (const state of ['RESERVED', 'REJECTED', 'RELEASED', 'CONFIRMED'] as const) {
      expect(findReserveFault(reservation(state), LINES.slice(1))?.reason, state).toBe('RESERVATION_MISMATCH');
    }
  });

  it('is refused by a bar whatever it asks for', () => {
    expect(findReserveFault(BAR, LINES)?.reason).toBe('RESERVATION_RELEASED');
  });

  it('learns what is missing, in words and in data', () => {
    const fault = findReserveFault(reservation('REJECTED'), LINES);
    expect(fault?.message).toBe('not enough stock for order ord1: b (2 asked for, 1 there)');
    expect(fault?.metadata).toEqual({
      order_id: 'ord1',
      reservation_id: 'res1',
      shortages: '[{"product_id":"b","requested":2,"available":1}]',
      shortage_count: '1',
    });
  });

  it('learns ten shortages at most, and how many there are', () => {
    const shortages = Array.from({ length: 11 }, (_, index) => ({
      productId: `p${index}`,
      requested: 2,
      available: 0,
    }));
    const lines = shortages.map(({ productId }) => ({ productId, quantity: 2 }));
    const fault = findReserveFault(reservation('REJECTED', { lines, shortages }), lines);
    expect(fault?.message).toMatch(/p9 \(2 asked for, 0 there\) and 1 more$/);
    expect(JSON.parse(fault?.metadata.shortages ?? '')).toHaveLength(10);
    expect(fault?.metadata.shortage_count).toBe('11');
  });
});

describe('a sale', () => {
  it('sells what is reserved, by its id or without one', () => {
    expect(decideSale('ord1', reservation('RESERVED'), 'res1')).toBe('sell');
    expect(decideSale('ord1', reservation('RESERVED'), '')).toBe('sell');
  });

  it('has nothing left to do for what is sold', () => {
    expect(decideSale('ord1', reservation('CONFIRMED'), 'res1')).toBe('done');
  });

  it('is refused for an order that never asked, was rejected or was released', () => {
    expect(() => decideSale('ord1', undefined, '')).toThrow(
      expect.objectContaining({ kind: 'not_found', reason: 'RESERVATION_NOT_FOUND' }),
    );
    expect(() => decideSale('ord1', reservation('REJECTED'), '')).toThrow(reasonIs('INSUFFICIENT_STOCK'));
    expect(() => decideSale('ord1', reservation('RELEASED'), '')).toThrow(reasonIs('RESERVATION_RELEASED'));
    expect(() => decideSale('ord1', BAR, 'res9')).toThrow(reasonIs('RESERVATION_RELEASED'));
  });

  it('is refused by the id of another reservation in every state', () => {
    for (const state of ['RESERVED', 'REJECTED', 'RELEASED', 'CONFIRMED'] as const) {
      expect(() => decideSale('ord1', reservation(state), 'res2'), state).toThrow(reasonIs('RESERVATION_MISMATCH'));
    }
  });
});

describe('a release', () => {
  it('gives back what is reserved', () => {
    expect(decideRelease(reservation('RESERVED'), 'res1')).toBe('give_back');
  });

  it('closes what is rejected', () => {
    expect(decideRelease(reservation('REJECTED'), '')).toBe('close');
  });

  it('bars an order nobody asked for, whatever id it names', () => {
    expect(decideRelease(undefined, '')).toBe('bar');
    expect(decideRelease(undefined, 'res9')).toBe('bar');
  });

  it('has nothing left to do for what is released or barred', () => {
    expect(decideRelease(reservation('RELEASED'), 'res1')).toBe('done');
    expect(decideRelease(BAR, 'res9')).toBe('done');
  });

  it('is refused for what is sold', () => {
    expect(() => decideRelease(reservation('CONFIRMED'), '')).toThrow(reasonIs('RESERVATION_CONFIRMED'));
  });

  it('is refused by the id of another reservation in every state', () => {
    for (const state of ['RESERVED', 'REJECTED', 'RELEASED', 'CONFIRMED'] as const) {
      expect(() => decideRelease(reservation(state), 'res2'), state).toThrow(reasonIs('RESERVATION_MISMATCH'));
    }
  });
});

it('is a bar only when it is released and never asked for anything', () => {
  expect(isBarred(BAR)).toBe(true);
  expect(isBarred(reservation('RELEASED'))).toBe(false);
  expect(isBarred(reservation('RESERVED'))).toBe(false);
});

function reasonIs(reason: string) {
  return expect.objectContaining({ kind: 'failed_precondition', reason });
}

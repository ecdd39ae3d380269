import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  dayOf,
  isKept,
  type Range,
  SALES_STEPS,
  STEPS_OF_PRODUCER,
  splitSpan,
  summarizeSales,
  toSoldLines,
} from '#services/analytics/sales.ts';
import { rowsOf } from './fakes.ts';

const NOON = new Date('2026-03-01T12:00:00.000Z');
const amount = fc.record({
  currencyCode: fc.constantFrom('EUR', 'CHF', 'USD'),
  minorUnits: fc.bigInt({ min: 0n, max: 1n << 60n }),
});
const sumOf = (amounts: readonly { currencyCode: string; minorUnits: bigint }[], currencyCode: string): bigint =>
  amounts.filter((one) => one.currencyCode === currencyCode).reduce((sum, one) => sum + one.minorUnits, 0n);

describe('the summary', () => {
  it('has every step in the order of the journey, taken or not', () => {
    const { steps } = summarizeSales(rowsOf({ steps: [{ step: 'PAID', orders: 3n }] }));

    expect(steps.map(({ step }) => step)).toEqual(SALES_STEPS);
    expect(steps.filter(({ orders }) => orders > 0n)).toEqual([{ step: 'PAID', orders: 3n }]);
  });

  it('keeps every amount, each minute once and in the order of the rows', () => {
    const row = fc.record({ place: fc.integer({ min: 0, max: 3 }), orders: fc.bigInt(1n, 9n), revenue: amount });
    fc.assert(
      fc.property(fc.array(row), (given) => {
        const rows = given
          .toSorted((one, other) => one.place - other.place)
          .map(({ place, ...rest }) => ({ ...rest, minute: new Date(NOON.getTime() + place * 60_000) }));

        const { minutes } = summarizeSales(rowsOf({ minutes: rows }));

        const times = minutes.map(({ minute }) => minute.getTime());
        expect(times).toEqual([...new Set(rows.map(({ minute }) => minute.getTime()))]);
        expect(minutes.reduce((sum, { orders }) => sum + orders, 0n)).toBe(
          rows.reduce((sum, { orders }) => sum + orders, 0n),
        );
        for (const currency of ['EUR', 'CHF', 'USD']) {
          const reported = minutes.flatMap(({ revenue }) => revenue);
          expect(sumOf(reported, currency)).toBe(
            sumOf(
              rows.map(({ revenue }) => revenue),
              currency,
            ),
          );
        }
      }),
    );
  });

  it('joins the currencies of a product to one entry and says how many products and minutes are left out', () => {
    const lamp = { productId: 'lamp', name: 'A lamp' };
    const euros = { currencyCode: 'EUR', minorUnits: 5n };
    const dollars = { currencyCode: 'USD', minorUnits: 7n };

    const sales = summarizeSales(
      rowsOf({
        products: [
          { ...lamp, quantity: 2n, gross: euros },
          { ...lamp, quantity: 3n, gross: dollars },
          { productId: 'mug', name: 'A mug', quantity: 1n, gross: euros },
        ],
        productCount: 4n,
        minutes: [{ minute: NOON, orders: 1n, revenue: euros }],
        minuteCount: 9n,
      }),
    );

    expect(sales.products).toEqual([
      { ...lamp, quantity: 5n, gross: [euros, dollars] },
      { productId: 'mug', name: 'A mug', quantity: 1n, gross: [euros] },
    ]);
    expect(sales.minutes).toEqual([{ minute: NOON, orders: 1n, revenue: [euros] }]);
    expect([sales.productsLeftOut, sales.minutesLeftOut]).toEqual([2n, 8n]);
  });
});

describe('the lines of a sale', () => {
  it('have each product once, with its total quantity and price', () => {
    const item = fc.record({
      productId: fc.constantFrom('lamp', 'mug', 'whistle'),
      quantity: fc.integer({ min: 1, max: 10_000 }),
      unitPrice: fc.record({ currencyCode: fc.constant('EUR'), minorUnits: fc.bigInt(0n, 1n << 50n) }),
    });
    fc.assert(
      fc.property(fc.array(item), (items) => {
        const lines = toSoldLines(items);

        expect(new Set(lines.map(({ productId }) => productId)).size).toBe(lines.length);
        for (const { productId, quantity, gross } of lines) {
          const own = items.filter((one) => one.productId === productId);
          expect(quantity).toBe(own.reduce((sum, one) => sum + one.quantity, 0));
          expect(gross.minorUnits).toBe(
            own.reduce((sum, one) => sum + one.unitPrice.minorUnits * BigInt(one.quantity), 0n),
          );
        }
        expect(lines.length).toBe(new Set(items.map(({ productId }) => productId)).size);
      }),
    );
  });

  it('refuse a product in two currencies', () => {
    const lamp = (currencyCode: string) => ({
      productId: 'lamp',
      quantity: 1,
      unitPrice: { currencyCode, minorUnits: 1n },
    });

    expect(() => toSoldLines([lamp('EUR'), lamp('USD')])).toThrow('lamp is sold in EUR and in USD');
  });
});

describe('a step', () => {
  it('is stored for every order, but for a synthetic order only the first', () => {
    const kept = (synthetic: boolean) =>
      SALES_STEPS.filter((step) => isKept({ orderId: 'order-1', step, time: NOON, synthetic }));

    expect(kept(false)).toEqual(SALES_STEPS);
    expect(kept(true)).toEqual(['CREATED']);
  });

  it('is reported by exactly one service', () => {
    expect(Object.values(STEPS_OF_PRODUCER).flat().toSorted()).toEqual(SALES_STEPS.toSorted());
  });
});

it.each([
  ['2026-03-01T00:00:00.000Z', '2026-03-01', '2026-03-02'],
  ['2026-12-31T23:59:59.999Z', '2026-12-31', '2027-01-01'],
  ['2028-02-28T23:30:00.000-01:00', '2028-02-29', '2028-03-01'],
])('the day of %s is that of UTC', (now, start, end) => {
  expect(dayOf(new Date(now))).toEqual({ start: new Date(start), end: new Date(end) });
});

describe('a span', () => {
  const day = Date.parse('2026-03-01T00:00:00Z');
  const at = (ms: number) => new Date(day + ms);
  const describeSpan = (startMs: number, endMs: number) => {
    const { days, minutes, rows, soldMinutes } = splitSpan({ start: at(startMs), end: at(endMs) });
    const lengthOf = (range: Range) => range.endMs - range.startMs;
    return {
      days: lengthOf(days),
      minutes: minutes.map(lengthOf),
      rows: rows.map(lengthOf),
      sold: lengthOf(soldMinutes),
    };
  };
  const DAY_MS = 86_400_000;

  it.each([
    ['part of a minute', 100, 900, { days: 0, minutes: [0, 0], rows: [800, 0], sold: 0 }],
    ['parts of two minutes', 59_900, 60_300, { days: 0, minutes: [0, 0], rows: [100, 300], sold: 0 }],
    ['a whole minute', 60_000, 120_000, { days: 0, minutes: [60_000, 0], rows: [0, 0], sold: 60_000 }],
    ['minutes of two days', -60_001, 60_001, { days: 0, minutes: [60_000, 60_000], rows: [1, 1], sold: 120_000 }],
    ['a whole day', 0, DAY_MS, { days: DAY_MS, minutes: [0, 0], rows: [0, 0], sold: DAY_MS }],
    [
      'a day and more',
      -60_001,
      DAY_MS + 120_002,
      { days: DAY_MS, minutes: [60_000, 120_000], rows: [1, 2], sold: DAY_MS + 180_000 },
    ],
  ])('of %s consists of whole days, other whole minutes, and the rest', (_span, startMs, endMs, parts) => {
    expect(describeSpan(startMs, endMs)).toEqual(parts);
  });

  it('that is open consists of whole days and minutes up to its end', () => {
    const { days, minutes, rows } = splitSpan({ start: undefined, end: at(61_000) });

    expect(days).toEqual({ startMs: -Infinity, endMs: day });
    expect(minutes[1]).toEqual({ startMs: day, endMs: day + 60_000 });
    expect(rows[1]).toEqual({ startMs: day + 60_000, endMs: day + 61_000 });
  });

  it('without an end is endless', () => {
    const { days, minutes, rows } = splitSpan({ start: at(-61_000), end: undefined });

    expect(days).toEqual({ startMs: day, endMs: Infinity });
    expect(minutes[0]).toEqual({ startMs: day - 60_000, endMs: day });
    expect(rows[0]).toEqual({ startMs: day - 61_000, endMs: day - 60_000 });
  });
});

import { describe, expect, it } from 'vitest';
import { formatAmount, formatAmounts, subtractAmounts } from '#services/console/page/src/model/amounts.ts';
import { axisTop, latestMinutes } from '#services/console/page/src/model/sales.ts';
import { formatAge, formatDuration, formatOffset, formatTime } from '#services/console/page/src/model/times.ts';

const amount = (currencyCode: string, minorUnits: bigint) => ({ currencyCode, minorUnits });
const at = (text: string) => ({ seconds: BigInt(Date.parse(text) / 1_000), nanos: 0 });

describe('an amount', () => {
  it.each([
    ['EUR', 5_999n, '€59.99'],
    ['EUR', 5n, '€0.05'],
    ['EUR', -5n, '-€0.05'],
    ['EUR', 0n, '€0.00'],
    ['JPY', 1_200n, '¥1,200'],
    ['KWD', 1_234n, 'KWD 1.234'],
    ['EUR', 9_223_372_036_854_775_807n, '€92,233,720,368,547,758.07'],
    ['<b>', 12n, '12 <b>'],
    ['', 12n, '12 '],
  ])('of %s %s is %s', (currencyCode, minorUnits, text) => {
    expect(formatAmount(amount(currencyCode, minorUnits), 'en').replaceAll('\u00a0', ' ')).toBe(text);
  });

  it('that is missing is a dash', () => {
    expect(formatAmount(undefined)).toBe('–');
    expect(formatAmounts([])).toBe('–');
  });

  it('is subtracted by currency, also from one that was never earned', () => {
    const left = subtractAmounts([amount('EUR', 10n), amount('JPY', 5n)], [amount('EUR', 4n), amount('USD', 1n)]);

    expect(left).toEqual([amount('EUR', 6n), amount('JPY', 5n), amount('USD', -1n)]);
  });
});

describe('a time', () => {
  const noon = at('2026-06-01T12:00:05Z');

  it('is shown in the zone of the reader, with the date unless it is today', () => {
    expect(formatTime(noon, new Date('2026-06-01T20:00:00Z'), 'en-GB', 'Europe/Berlin')).toBe('14:00:05');
    expect(formatTime(noon, new Date('2026-06-02T20:00:00Z'), 'en-GB', 'UTC')).toBe('01/06/2026 12:00:05');
    expect(formatTime(undefined, new Date())).toBe('–');
  });

  it.each([
    [0, 'now'],
    [-5_000, 'now'],
    [12_000, '12 s ago'],
    [59_400, '59 s ago'],
    [60_000, '1 min ago'],
    [3_600_000, '1 h ago'],
    [172_800_000, '2 d ago'],
  ])('%i ms ago is %s', (age, text) => {
    expect(formatAge(noon, Number(noon.seconds) * 1_000 + age)).toBe(text);
  });

  it.each([
    [0.4, '< 1 ms'],
    [8, '8 ms'],
    [1_250, '1.3 s'],
    [180_000, '3 min'],
  ])('of %d ms lasts %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});

it.each([
  [0, '+0 ms'],
  [999.4, '+999 ms'],
  [1_204, '+1.20 s'],
  [119_990, '+119.99 s'],
  [180_000, '+3 min'],
])('%d ms after something is %s', (milliseconds, text) => {
  expect(formatOffset(milliseconds)).toBe(text);
});

describe('the sales by minute', () => {
  it('include minutes in which nothing was sold, and end now', () => {
    const minutes = [{ minute: at('2026-06-01T12:01:00Z'), ordersConfirmed: 7n }];

    const latest = latestMinutes(minutes, Date.parse('2026-06-01T12:02:59Z'), 3);

    expect(latest.map(({ orders }) => orders)).toEqual([0, 7, 0]);
    expect(new Date(latest.at(-1)?.start ?? 0).toISOString()).toBe('2026-06-01T12:02:00.000Z');
  });

  it.each([
    [0, 4],
    [4, 4],
    [5, 5],
    [6, 10],
    [11, 20],
    [401, 500],
    [999, 1_000],
  ])('of at most %i have an axis up to %i', (most, top) => {
    expect(axisTop(most)).toBe(top);
  });
});

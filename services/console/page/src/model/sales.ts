// The sales of the latest minutes, with those in which nothing was sold.
import { millisecondsOf, type Time } from './times.ts';

const MINUTE_MS = 60_000;

export type Minute = {
  /** Its start, in milliseconds since 1970. */
  readonly start: number;
  readonly orders: number;
};

/** The part of shop.analytics.v1.MinuteSales that is read. */
export type SalesOfMinute = { readonly minute?: Time | undefined; readonly ordersConfirmed: bigint };

/** The latest `count` minutes up to `now`, oldest first. */
export function latestMinutes(minutes: readonly SalesOfMinute[], now: number, count: number): Minute[] {
  const orders = new Map(
    minutes.map(({ minute, ordersConfirmed }) => [millisecondsOf(minute) ?? 0, Number(ordersConfirmed)]),
  );
  const last = Math.floor(now / MINUTE_MS) * MINUTE_MS;
  return Array.from({ length: count }, (_, at) => {
    const start = last - (count - 1 - at) * MINUTE_MS;
    return { start, orders: orders.get(start) ?? 0 };
  });
}

/** A round number at or above `most`, for the top of an axis. */
export function axisTop(most: number): number {
  if (most <= 4) return 4;
  const magnitude = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 5, 10].map((factor) => factor * magnitude).find((top) => top >= most) ?? most;
}

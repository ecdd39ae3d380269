// Builders of the events that analytics consumes.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';

/** Noon of a past day: past events count like those of today. */
export const NOON = new Date('2026-03-01T12:00:00.000Z');

/** A time so many seconds after noon. */
export function afterNoon(seconds: number) {
  return timestampFromDate(new Date(NOON.getTime() + seconds * 1_000));
}

/** A sale of one product, confirmed at noon; `changes` are other fields of the event. */
export function saleOf(orderId: string, changes: Record<string, unknown> = {}) {
  const unitPrice = { currencyCode: 'EUR', minorUnits: 2_000n };
  return {
    orderId,
    customerId: 'cust123',
    items: [{ productId: 'prod456', quantity: 2, unitPrice }],
    total: { currencyCode: 'EUR', minorUnits: 4_000n },
    version: 2n,
    confirmTime: afterNoon(0),
    ...changes,
  };
}

// event OrderConfirmed: reports what was sold.
import type { OrderConfirmed } from '#gen/shop/order/v1/order_events_pb.ts';
import { MAX_MINOR_UNITS } from '../platform/base/money.ts';
import { createValidation } from '../platform/base/validation.ts';
import { readTime } from './event-times.ts';
import { toSoldLines } from './sales.ts';
import type { Sale } from './sales-store.ts';

// The lines of one product are added up, and an order has 100 at most.
const MAX_LINE_MINOR_UNITS = MAX_MINOR_UNITS / 100n;

/**
 * Returns the sale to store; undefined for a synthetic order.
 * @throws {DomainError} `invalid_argument`.
 */
export function readSale(event: OrderConfirmed): Sale | undefined {
  const { orderId, total, synthetic } = event;
  const validation = createValidation();
  if (total === undefined) validation.add('total', 'must be set');
  const time = readTime(validation, 'confirm_time', event.confirmTime, { required: true });
  const items = event.items.map(({ productId, quantity, unitPrice }, index) => {
    if (unitPrice === undefined) validation.add(`items[${index}].unit_price`, 'must be set');
    else if (unitPrice.minorUnits * BigInt(quantity) > MAX_LINE_MINOR_UNITS) {
      validation.add(`items[${index}]`, 'costs more than can be stored');
    }
    return { productId, quantity, unitPrice: unitPrice ?? { currencyCode: '', minorUnits: 0n } };
  });
  validation.throwIfInvalid();
  if (total === undefined || time === undefined || synthetic) return undefined;
  return { orderId, time, total, lines: toSoldLines(items) };
}

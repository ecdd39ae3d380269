// Orders, requests and prices for the unit tests of the order service. Nothing here opens a connection.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { pino } from 'pino';
import { CreateOrderRequestSchema } from '#gen/shop/order/v1/order_service_pb.ts';
import {
  acceptOrder,
  decideCancel,
  decideConfirm,
  decideFail,
  EVERYTHING_OWED,
  markBlocked,
  markConfirmed,
  markPaid,
  markReserved,
  type NewOrder,
  type Order,
  type OrderReason,
  type Owed,
  refundConfirmed,
} from '#services/order/order.ts';
import type { PriceStore, ProductPrice } from '#services/order/price-store.ts';
import type { Deadline } from '#services/platform/base/deadline.ts';
import type { DomainError } from '#services/platform/base/errors.ts';
import type { Money } from '#services/platform/base/money.ts';

/** The credential that synthetic orders need in tests. */
export const TEST_CREDENTIAL = 'the-credential-of-the-monitor-in-tests';

export const silentLog = pino({ level: 'silent' });

/** When the orders of unit tests are accepted. */
export const ACCEPTED_AT = new Date('2026-03-01T12:00:00.000Z');

/** A moment `seconds` after the orders of unit tests are accepted. */
export function secondsLater(seconds: number): Date {
  return new Date(ACCEPTED_AT.getTime() + seconds * 1_000);
}

export function euros(minorUnits: bigint): Money {
  return { currencyCode: 'EUR', minorUnits };
}

/** A deadline whose remaining time never shrinks. */
export function frozenDeadline(remainingMs: number): Deadline {
  return { remainingMs: () => remainingMs };
}

/** A pending order at version 1: product 12345, ten of it. */
export function pendingOrder(change: Partial<NewOrder> = {}): Order {
  return acceptOrder(
    {
      orderId: 'order-1',
      customerId: 'cust123',
      placedBy: 'guest',
      items: [{ productId: '12345', quantity: 10, unitPrice: euros(5999n) }],
      paymentMethod: 'pm_approved',
      total: euros(59_990n),
      pricingVersion: 'v1',
      synthetic: false,
      ...change,
    },
    ACCEPTED_AT,
  );
}

/** An undecided order whose stock is reserved and whose customer is charged. */
export function paidOrder(): Order {
  return markPaid(markReserved(pendingOrder(), 'res123', secondsLater(1)), 'ch_1', secondsLater(2));
}

/** An order with the verdict CONFIRM whose reservation is not confirmed yet. */
export function confirmingOrder(): Order {
  return decideConfirm(paidOrder(), secondsLater(3));
}

export function confirmedOrder(): Order {
  return markConfirmed(confirmingOrder(), secondsLater(4));
}

/** A refunded order whose charge is not refunded yet. */
export function refundedOrder(): Order {
  return refundConfirmed(confirmedOrder(), secondsLater(10));
}

export function failedOrder(reason: OrderReason = 'PAYMENT_FAILED', owed: Owed = EVERYTHING_OWED): Order {
  return decideFail(paidOrder(), reason, owed, secondsLater(3));
}

export function cancelledOrder(): Order {
  return decideCancel(paidOrder(), secondsLater(3));
}

/** A pending order that is blocked because inventory could not be reached. */
export function blockedOrder(): Order {
  return markBlocked(
    pendingOrder(),
    'RESERVE_STOCK',
    'INVENTORY_UNAVAILABLE',
    secondsLater(1),
    'inventory could not be reached',
  );
}

/** A request that is valid as it is. */
export function orderRequest(change: MessageInitShape<typeof CreateOrderRequestSchema> = {}) {
  return create(CreateOrderRequestSchema, {
    idempotencyKey: 'key-1',
    customerId: 'cust123',
    items: [{ productId: '12345', quantity: 10 }],
    paymentMethod: 'pm_approved',
    ...change,
  });
}

export type FakePriceStore = PriceStore & { loaded: boolean; readonly prices: Map<string, ProductPrice> };

/** An in-memory price store with the shop's first products; it ignores older versions, as the real one does. */
export function createFakePriceStore(loaded = true): FakePriceStore {
  const catalogue: [string, Money][] = [
    ['12345', euros(5_999n)],
    ['prod456', euros(2_000n)],
    ['prod789', euros(1_250n)],
    ['dollar-product', { currencyCode: 'USD', minorUnits: 100n }],
  ];
  const prices = new Map(
    catalogue.map(([productId, unitPrice]): [string, ProductPrice] => [
      productId,
      { productId, unitPrice, version: 1n },
    ]),
  );
  const fake: FakePriceStore = {
    loaded,
    prices,
    find: async (productIds) => {
      const found = productIds.flatMap((productId) => prices.get(productId) ?? []);
      return new Map(found.map(({ productId, unitPrice }) => [productId, unitPrice]));
    },
    isLoaded: async () => fake.loaded,
    put: async (more) => {
      for (const price of more) {
        if (price.version > (prices.get(price.productId)?.version ?? -1n)) prices.set(price.productId, price);
      }
    },
    markLoaded: async () => {
      fake.loaded = true;
    },
  };
  return fake;
}

/**
 * The error that the work fails with.
 * @throws {Error} The work succeeded.
 */
export async function failureOf(work: Promise<unknown>): Promise<DomainError> {
  try {
    await work;
  } catch (error) {
    return error as DomainError;
  }
  throw new Error('the work succeeded');
}

/** The violations that the work fails with, as `field: description`. */
export async function faultsOf(work: Promise<unknown>): Promise<string[]> {
  const { violations } = await failureOf(work);
  return violations.map(({ field, description }) => `${field}: ${description}`);
}

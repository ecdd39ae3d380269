// Fakes for the unit tests of the monitor: a healthy shop, and an in-memory store of runs.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { type Mock, vi } from 'vitest';
import { type Order, OrderReason, OrderSchema, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import {
  CancelOrderResponseSchema,
  CreateOrderResponseSchema,
  type OrderService,
  QuoteOrderResponseSchema,
  WatchOrderResponseSchema,
} from '#gen/shop/order/v1/order_service_pb.ts';
import type { Run, RunStore } from '#services/monitor/run-store.ts';

type Orders = Client<typeof OrderService>;
export type FakeShop = {
  readonly [Name in 'createOrder' | 'watchOrder' | 'cancelOrder' | 'quoteOrder']: Mock<Orders[Name]>;
};

/** A synthetic order as the shop returns it, with changes. */
export function testOrder(change: MessageInitShape<typeof OrderSchema> = {}): Order {
  return create(OrderSchema, { orderId: 'order-1', status: OrderStatus.PENDING, synthetic: true, ...change });
}

/** A quote of one test product. */
export function testQuote(change: { readonly pricingVersion?: string } = {}) {
  const price = { currencyCode: 'EUR', minorUnits: 100n };
  return create(QuoteOrderResponseSchema, {
    total: price,
    pricingVersion: 'v1',
    lines: [{ productId: 'test-product', quantity: 1, unitPrice: price, amount: price }],
    ...change,
  });
}

/** Creates a fake shop in which every journey succeeds: the payment method decides how an order ends. */
export function createFakeShop(): FakeShop {
  const ends: Record<string, MessageInitShape<typeof OrderSchema>> = {
    pm_approved: { status: OrderStatus.CONFIRMED },
    pm_insufficient_funds: { status: OrderStatus.FAILED, reason: OrderReason.PAYMENT_FAILED },
  };
  return {
    createOrder: vi.fn<Orders['createOrder']>(async ({ paymentMethod = '' }) =>
      create(CreateOrderResponseSchema, { order: testOrder(ends[paymentMethod]) }),
    ),
    watchOrder: vi.fn<Orders['watchOrder']>(() => changesOf(testOrder({ status: OrderStatus.CONFIRMED }))),
    cancelOrder: vi.fn<Orders['cancelOrder']>(async () =>
      create(CancelOrderResponseSchema, {
        order: testOrder({ status: OrderStatus.CANCELLED, reason: OrderReason.CANCELLED_BY_CUSTOMER }),
      }),
    ),
    quoteOrder: vi.fn<Orders['quoteOrder']>(async () => testQuote()),
  };
}

/** The messages of WatchOrder. */
export async function* changesOf(...orders: readonly Order[]) {
  for (const order of orders) yield create(WatchOrderResponseSchema, { order });
}

export type FakeRunStore = Pick<RunStore, 'begin' | 'end' | 'findByKey'> & { readonly runs: Map<string, Run> };

/** Creates an in-memory store of runs. */
export function createFakeRunStore(): FakeRunStore {
  const runs = new Map<string, Run>();
  const keys = new Map<string, string>();
  return {
    runs,
    begin: async (begun, key) => {
      if (key !== undefined && keys.has(key)) return undefined;
      if (key !== undefined) keys.set(key, begun.runId);
      const run: Run = {
        ...begun,
        result: undefined,
        failureReason: '',
        orderId: '',
        startTime: new Date(0),
        durationMs: 0,
      };
      runs.set(run.runId, run);
      return run;
    },
    end: async (runId, end) => {
      const begun = runs.get(runId);
      if (begun === undefined) throw new Error(`there is no run ${runId}`);
      const run: Run = { ...begun, ...end, result: end.failureReason === '' ? 'SUCCEEDED' : 'FAILED' };
      runs.set(runId, run);
      return run;
    },
    findByKey: async (key) => runs.get(keys.get(key) ?? ''),
  };
}

// RPC -> use case, event -> handler: the table of contents of the order service.
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import {
  InsufficientStockSchema,
  ProductChangedSchema,
  StockReservedSchema,
} from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentCompletedSchema, PaymentFailedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { callBudgetMs, withTimeout } from '../platform/base/deadline.ts';
import { unavailable } from '../platform/base/errors.ts';
import { onEvent, type Subscription } from '../platform/messaging/event-handler.ts';
import { queueWaitMs } from '../platform/server/load-shedding.ts';
import { type CancelOrderDependencies, cancelOrder } from './cancel-order.ts';
import { type CreateOrderDependencies, createOrder } from './create-order.ts';
import { getOrder } from './get-order.ts';
import { listOrders } from './list-orders.ts';
import { onProductChanged } from './on-product-changed.ts';
import type { OrderStore } from './order-store.ts';
import { type QuoteOrderDependencies, quoteOrder } from './quote-order.ts';
import { wakeOrder } from './wake-order.ts';
import { type WatchOrderDependencies, watchOrder } from './watch-order.ts';

// Kept of the caller's time, so that the answer is there before it gives up.
const ANSWER_MS = 100;
// What the statements after a budget may add to it. A database that is slow, not away, could add its limits one after the other.
const OVERTIME_MS = 300;

export type RouteDependencies = CreateOrderDependencies &
  CancelOrderDependencies &
  QuoteOrderDependencies &
  WatchOrderDependencies & { readonly store: OrderStore; readonly budgetMs: number };

/** Registers the RPCs. */
export function createOrderRoutes(dependencies: RouteDependencies): (router: ConnectRouter) => void {
  const { store } = dependencies;
  const budget = (context: HandlerContext): number => {
    const callerMs = context.timeoutMs();
    const serviceMs = Math.max(0, dependencies.budgetMs - queueWaitMs(context));
    return callBudgetMs(serviceMs, callerMs === undefined ? undefined : callerMs - ANSWER_MS);
  };
  const inTime = <T>(context: HandlerContext, work: (budgetMs: number) => Promise<T>): Promise<T> => {
    const budgetMs = budget(context);
    return withTimeout(work(budgetMs), budgetMs + OVERTIME_MS, () => {
      throw unavailable({
        reason: 'DATABASE_UNAVAILABLE',
        message: 'the database takes too long: repeat the call to learn more',
      });
    });
  };
  return (router) =>
    router.service(OrderService, {
      createOrder: (request, context) =>
        inTime(context, (budgetMs) => createOrder(dependencies, request, budgetMs, context.requestHeader)),
      quoteOrder: (request, context) => quoteOrder(dependencies, request, budget(context)),
      getOrder: (request) => getOrder(store, request),
      listOrders: (request) => listOrders(store, request),
      cancelOrder: (request, context) => inTime(context, (budgetMs) => cancelOrder(dependencies, request, budgetMs)),
      watchOrder: (request, context) => watchOrder(dependencies, request, context.signal),
    });
}

/** Lists the events consumed. */
export function createOrderSubscriptions(wakeResumer: () => void): readonly Subscription[] {
  return [
    {
      producer: 'inventory',
      handlers: [
        onEvent(StockReservedSchema, (event, transaction) => wakeOrder(wakeResumer, event, transaction)),
        onEvent(InsufficientStockSchema, (event, transaction) => wakeOrder(wakeResumer, event, transaction)),
        onEvent(ProductChangedSchema, onProductChanged),
      ],
    },
    {
      producer: 'payment',
      handlers: [
        onEvent(PaymentCompletedSchema, (event, transaction) => wakeOrder(wakeResumer, event, transaction)),
        onEvent(PaymentFailedSchema, (event, transaction) => wakeOrder(wakeResumer, event, transaction)),
      ],
    },
  ];
}

// RPC -> use case, event -> handler: the table of contents of the order service.
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import {
  InsufficientStockSchema,
  ProductChangedSchema,
  StockReservedSchema,
} from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentCompletedSchema, PaymentFailedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { callBudgetMs } from '../platform/deadline.ts';
import { onEvent, type Subscription } from '../platform/event-handler.ts';
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

export type RouteDependencies = CreateOrderDependencies &
  CancelOrderDependencies &
  QuoteOrderDependencies &
  WatchOrderDependencies & { readonly store: OrderStore; readonly budgetMs: number };

/** Registers the RPCs. */
export function createOrderRoutes(dependencies: RouteDependencies): (router: ConnectRouter) => void {
  const { store } = dependencies;
  const budget = (context: HandlerContext): number => {
    const callerMs = context.timeoutMs();
    return callBudgetMs(dependencies.budgetMs, callerMs === undefined ? undefined : callerMs - ANSWER_MS);
  };
  return (router) =>
    router.service(OrderService, {
      createOrder: (request, context) => createOrder(dependencies, request, budget(context)),
      quoteOrder: (request, context) => quoteOrder(dependencies, request, budget(context)),
      getOrder: (request) => getOrder(store, request),
      listOrders: (request) => listOrders(store, request),
      cancelOrder: (request, context) => cancelOrder(dependencies, request, budget(context)),
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

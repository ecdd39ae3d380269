// RPC -> use case, event -> handler: the table of contents of the order service.
import type { Message } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import {
  InsufficientStockSchema,
  ProductChangedSchema,
  StockReservedSchema,
} from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentCompletedSchema, PaymentFailedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { withTimeout } from '../platform/base/deadline.ts';
import { unavailable } from '../platform/base/errors.ts';
import {
  type ApplyAll,
  type EventHandler,
  onEvent,
  onEvents,
  type Subscription,
} from '../platform/messaging/event-handler.ts';
import { type Call, callOf } from '../platform/server/call.ts';
import { checkOf, type RequestCheck } from '../platform/server/request-rules.ts';
import { validateItems } from './basket.ts';
import { type CancelOrderDependencies, cancelOrder } from './cancel-order.ts';
import { type CreateOrderDependencies, createOrder, validateOrder } from './create-order.ts';
import { getOrder } from './get-order.ts';
import { listOrders, readPage } from './list-orders.ts';
import { onProductChanged } from './on-product-changed.ts';
import type { OrderStore } from './order-store.ts';
import { type QuoteOrderDependencies, quoteOrder } from './quote-order.ts';
import { type RefundOrderDependencies, refundOrder } from './refund-order.ts';
import { wakeOrders } from './resume-orders.ts';
import { type WatchOrderDependencies, watchOrder } from './watch-order.ts';

// Kept of the caller's deadline, so that the answer arrives before the caller gives up.
const ANSWER_MS = 100;
// How long statements may overrun the budget. Without this limit, each statement to a slow database could add its own timeout.
const OVERTIME_MS = 300;

/** An event about a step of an order. */
type StepEvent = Message & { readonly orderId: string };

export type RouteDependencies = CreateOrderDependencies &
  CancelOrderDependencies &
  RefundOrderDependencies &
  QuoteOrderDependencies &
  WatchOrderDependencies & { readonly store: OrderStore; readonly budgetMs: number };

/** Registers the RPCs. */
export function createOrderRoutes(dependencies: RouteDependencies): (router: ConnectRouter) => void {
  const { store, budgetMs } = dependencies;
  const toCall = (context: HandlerContext): Call => callOf(context, { budgetMs, answerMs: ANSWER_MS });
  const inTime = <T>(context: HandlerContext, work: (call: Call) => Promise<T>): Promise<T> => {
    const call = toCall(context);
    const limitMs = call.deadline.remainingMs() + OVERTIME_MS;
    return withTimeout(work(call), limitMs, () => {
      throw unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'the database takes too long: retry the call' });
    });
  };
  return (router) =>
    router.service(OrderService, {
      createOrder: (request, context) => inTime(context, (call) => createOrder(dependencies, request, call)),
      quoteOrder: (request, context) => quoteOrder(dependencies, request, toCall(context)),
      getOrder: (request, context) => getOrder(store, request, callOf(context)),
      listOrders: (request, context) => listOrders(store, request, callOf(context)),
      cancelOrder: (request, context) => inTime(context, (call) => cancelOrder(dependencies, request, call)),
      refundOrder: (request, context) => inTime(context, (call) => refundOrder(dependencies, request, call)),
      watchOrder: (request, context) => watchOrder(dependencies, request, toCall(context)),
    });
}

/** Lists what is checked of requests beside the rules of the contract. */
export function createOrderChecks(paymentMethods: ReadonlySet<string> | undefined): readonly RequestCheck[] {
  const { createOrder, quoteOrder, listOrders } = OrderService.method;
  return [
    checkOf(createOrder, (request, validation) => validateOrder(request, paymentMethods, validation)),
    checkOf(quoteOrder, ({ items }, validation) => validateItems(items, validation)),
    checkOf(listOrders, readPage),
  ];
}

/** Lists the events consumed. */
export function createOrderSubscriptions(wakeResumer: () => void): readonly Subscription[] {
  const wake: ApplyAll<string> = (orderIds, transaction) => wakeOrders(wakeResumer, orderIds, transaction);
  const onStep = (schema: GenMessage<StepEvent>): EventHandler =>
    onEvents(schema, ({ orderId }) => orderId, wake, { isIdempotent: true });
  return [
    {
      producer: 'inventory',
      handlers: [
        onStep(StockReservedSchema),
        onStep(InsufficientStockSchema),
        onEvent(ProductChangedSchema, onProductChanged),
      ],
    },
    { producer: 'payment', handlers: [onStep(PaymentCompletedSchema), onStep(PaymentFailedSchema)] },
  ];
}

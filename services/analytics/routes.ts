// The routes of the analytics service: RPC -> use case, event -> handler.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { AnalyticsService } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import {
  InsufficientStockSchema,
  ProductChangedSchema,
  StockReleasedSchema,
  StockReservedSchema,
} from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { NotificationSentSchema } from '#gen/shop/notification/v1/notification_events_pb.ts';
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderCreatedSchema,
  OrderFailedSchema,
  OrderRefundedSchema,
} from '#gen/shop/order/v1/order_events_pb.ts';
import {
  PaymentCompletedSchema,
  PaymentFailedSchema,
  PaymentRefundedSchema,
} from '#gen/shop/payment/v1/payment_events_pb.ts';
import {
  type ApplyAll,
  type EventHandler,
  onEvent,
  onEvents,
  type Subscription,
} from '../platform/messaging/event-handler.ts';
import { callOf } from '../platform/server/call.ts';
import { type GetSalesSummaryDependencies, getSalesSummary } from './get-sales-summary.ts';
import { readSale } from './on-order-confirmed.ts';
import { readRefund } from './on-order-refunded.ts';
import { readStep } from './on-order-step.ts';
import { onProductChanged } from './on-product-changed.ts';
import { type RebuildSalesDependencies, rebuildSales } from './rebuild-sales.ts';
import type { Producer } from './sales.ts';
import { insertSales, insertSteps, type Sale, type StepRow } from './sales-store.ts';
import { type WatchSalesDependencies, watchSales } from './watch-sales.ts';

export type RouteDependencies = GetSalesSummaryDependencies & RebuildSalesDependencies & WatchSalesDependencies;

/** Registers the RPCs. */
export function createAnalyticsRoutes(dependencies: RouteDependencies): (router: ConnectRouter) => void {
  return (router) =>
    router.service(AnalyticsService, {
      getSalesSummary: (request) => getSalesSummary(dependencies, request),
      watchSales: (request, context) => watchSales(dependencies, request, callOf(context)),
      rebuildSales: (request, context) => rebuildSales(dependencies, request, callOf(context)),
    });
}

/** Lists the events consumed: all that the services publish. `changed` is called after each one that changed the sales. */
export function createAnalyticsSubscriptions(
  changed: () => void,
): readonly (Subscription & { readonly producer: Producer })[] {
  // Steps before sales in every transaction, whatever the order of the events: two that add to the same sums cannot deadlock.
  const storeTaken: ApplyAll<StepRow | Sale> = async (taken, transaction) => {
    const steps = taken.filter((item) => 'step' in item);
    const sales = taken.filter((item) => 'lines' in item);
    const hasNewSteps = steps.length > 0 && (await insertSteps(transaction, steps));
    const hasNewSales = sales.length > 0 && (await insertSales(transaction, sales));
    if (hasNewSteps || hasNewSales) transaction.afterCommit(changed);
  };
  const onStep = <Schema extends DescMessage>(
    schema: Schema,
    read: (event: MessageShape<Schema>) => StepRow | undefined,
  ): EventHandler => onEvents(schema, read, storeTaken);

  return [
    {
      producer: 'order',
      handlers: [
        onStep(OrderCreatedSchema, (event) => readStep('CREATED', event, ['create_time', event.createTime])),
        onEvents(OrderConfirmedSchema, readSale, storeTaken),
        onStep(OrderFailedSchema, (event) => readStep('FAILED', event, ['fail_time', event.failTime], event.reason)),
        onStep(OrderCancelledSchema, (event) => readStep('CANCELLED', event, ['cancel_time', event.cancelTime])),
        onStep(OrderRefundedSchema, readRefund),
      ],
    },
    {
      producer: 'inventory',
      handlers: [
        onStep(StockReservedSchema, (event) => readStep('RESERVED', event, ['reserve_time', event.reserveTime])),
        onStep(InsufficientStockSchema, (event) => readStep('SHORT', event, ['reject_time', event.rejectTime])),
        onStep(StockReleasedSchema, (event) => readStep('RELEASED', event, ['release_time', event.releaseTime])),
        onEvent(ProductChangedSchema, (event, transaction) => onProductChanged(changed, event, transaction)),
      ],
    },
    {
      producer: 'payment',
      handlers: [
        onStep(PaymentCompletedSchema, (event) => readStep('PAID', event, ['complete_time', event.completeTime])),
        onStep(PaymentFailedSchema, (event) => readStep('DECLINED', event, ['fail_time', event.failTime])),
        onStep(PaymentRefundedSchema, (event) => readStep('REFUNDED', event, ['refund_time', event.refundTime])),
      ],
    },
    {
      producer: 'notification',
      handlers: [onStep(NotificationSentSchema, (event) => readStep('NOTIFIED', event, ['send_time', event.sendTime]))],
    },
  ];
}

// The routes of the analytics service: RPC -> use case, event -> handler.
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
} from '#gen/shop/order/v1/order_events_pb.ts';
import {
  PaymentCompletedSchema,
  PaymentFailedSchema,
  PaymentRefundedSchema,
} from '#gen/shop/payment/v1/payment_events_pb.ts';
import { onEvent, type Subscription } from '../platform/messaging/event-handler.ts';
import { callOf } from '../platform/server/call.ts';
import { type GetSalesSummaryDependencies, getSalesSummary } from './get-sales-summary.ts';
import { onOrderConfirmed } from './on-order-confirmed.ts';
import { onOrderStep } from './on-order-step.ts';
import { onProductChanged } from './on-product-changed.ts';
import { type RebuildSalesDependencies, rebuildSales } from './rebuild-sales.ts';
import type { Producer } from './sales.ts';
import { type WatchSalesDependencies, watchSales } from './watch-sales.ts';

export type RouteDependencies = GetSalesSummaryDependencies & RebuildSalesDependencies & WatchSalesDependencies;

/** Registers the RPCs. */
export function createAnalyticsRoutes(dependencies: RouteDependencies): (router: ConnectRouter) => void {
  return (router) =>
    router.service(AnalyticsService, {
      getSalesSummary: (request) => getSalesSummary(dependencies, request),
      watchSales: (request, context) => watchSales(dependencies, request, callOf(context)),
      rebuildSales: (request) => rebuildSales(dependencies, request),
    });
}

/** Lists the events consumed: all that the services publish. `changed` is called after each one that changed the sales. */
export function createAnalyticsSubscriptions(
  changed: () => void,
): readonly (Subscription & { readonly producer: Producer })[] {
  return [
    {
      producer: 'order',
      handlers: [
        onEvent(OrderCreatedSchema, (event, transaction) =>
          onOrderStep(changed, 'CREATED', event, ['create_time', event.createTime], transaction),
        ),
        onEvent(OrderConfirmedSchema, (event, transaction) => onOrderConfirmed(changed, event, transaction)),
        onEvent(OrderFailedSchema, (event, transaction) =>
          onOrderStep(changed, 'FAILED', event, ['fail_time', event.failTime], transaction, event.reason),
        ),
        onEvent(OrderCancelledSchema, (event, transaction) =>
          onOrderStep(changed, 'CANCELLED', event, ['cancel_time', event.cancelTime], transaction),
        ),
      ],
    },
    {
      producer: 'inventory',
      handlers: [
        onEvent(StockReservedSchema, (event, transaction) =>
          onOrderStep(changed, 'RESERVED', event, ['reserve_time', event.reserveTime], transaction),
        ),
        onEvent(InsufficientStockSchema, (event, transaction) =>
          onOrderStep(changed, 'SHORT', event, ['reject_time', event.rejectTime], transaction),
        ),
        onEvent(StockReleasedSchema, (event, transaction) =>
          onOrderStep(changed, 'RELEASED', event, ['release_time', event.releaseTime], transaction),
        ),
        onEvent(ProductChangedSchema, (event, transaction) => onProductChanged(changed, event, transaction)),
      ],
    },
    {
      producer: 'payment',
      handlers: [
        onEvent(PaymentCompletedSchema, (event, transaction) =>
          onOrderStep(changed, 'PAID', event, ['complete_time', event.completeTime], transaction),
        ),
        onEvent(PaymentFailedSchema, (event, transaction) =>
          onOrderStep(changed, 'DECLINED', event, ['fail_time', event.failTime], transaction),
        ),
        onEvent(PaymentRefundedSchema, (event, transaction) =>
          onOrderStep(changed, 'REFUNDED', event, ['refund_time', event.refundTime], transaction),
        ),
      ],
    },
    {
      producer: 'notification',
      handlers: [
        onEvent(NotificationSentSchema, (event, transaction) =>
          onOrderStep(changed, 'NOTIFIED', event, ['send_time', event.sendTime], transaction),
        ),
      ],
    },
  ];
}

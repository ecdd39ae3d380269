// The services of the platform, and a method of theirs by its path.
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { AnalyticsService } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { MonitorService } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { NotificationService } from '#gen/shop/notification/v1/notification_service_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';

export const EVERY_SERVICE: readonly DescService[] = [
  OrderService,
  InventoryService,
  PaymentService,
  NotificationService,
  AnalyticsService,
  MonitorService,
  OpsService,
];

/** Finds the method of a path such as `shop.order.v1.OrderService/GetOrder`; undefined for one of no service of the platform. */
export function findMethod(path: string): DescMethod | undefined {
  const [service, method] = path.replace(/\?.*$/, '').split('/');
  return EVERY_SERVICE.find(({ typeName }) => typeName === service)?.methods.find(({ name }) => name === method);
}

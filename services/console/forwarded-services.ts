// What the console forwards: the RPCs that the contract opens to people. Those that only services may call are not among them.
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';
import { AnalyticsService } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { MonitorService } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { NotificationService } from '#gen/shop/notification/v1/notification_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { accessOf } from '../platform/server/access-policy.ts';

export const SERVICE_NAMES = ['order', 'inventory', 'payment', 'notification', 'analytics', 'monitor'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** The service that a call is for: that of its RPC, or the one that the header TARGET_HEADER names for an RPC that all of them serve. */
export const TARGET_HEADER = 'console-target';

/** The services whose RPCs are forwarded, each by the name of the process that serves it. */
export const FORWARDED_SERVICES: readonly { readonly target: ServiceName; readonly service: DescService }[] = [
  { target: 'order', service: OrderService },
  { target: 'inventory', service: InventoryService },
  { target: 'payment', service: PaymentService },
  { target: 'notification', service: NotificationService },
  { target: 'analytics', service: AnalyticsService },
  { target: 'monitor', service: MonitorService },
];

/** The methods of a service that the console forwards. */
export function forwardedMethods(service: DescService): DescMethod[] {
  return service.methods.filter((method) => isForwardable(method) && isForPeople(method));
}

// A browser can send one message and read many, not the other way round.
function isForwardable({ methodKind }: DescMethod): boolean {
  return methodKind === 'unary' || methodKind === 'server_streaming';
}

function isForPeople(method: DescMethod): boolean {
  // No release has this service, so it declares no access: the console asks for an operator, and so does the local stack.
  if (isLocalControl(method)) return true;
  return (accessOf(method)?.roles.length ?? 0) > 0;
}

/** Whether a method is one of the local stack's own. */
export function isLocalControl({ parent }: Pick<DescMethod, 'parent'>): boolean {
  return parent.typeName === ControlService.typeName;
}

// Which events each service consumes, by the tables of its routes.
import type { DescMessage } from '@bufbuild/protobuf';
import { file_shop_inventory_v1_inventory_events as inventory } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { file_shop_notification_v1_notification_events as notification } from '#gen/shop/notification/v1/notification_events_pb.ts';
import { file_shop_order_v1_order_events as order } from '#gen/shop/order/v1/order_events_pb.ts';
import { file_shop_payment_v1_payment_events as payment } from '#gen/shop/payment/v1/payment_events_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { HANDLED_EVENTS } from '../support/invariants/facts.ts';

const EVENTS = [order, inventory, payment, notification].flatMap(({ messages }) => messages);

/** Returns the types of events that a service handles, by the service that publishes them. */
export function consumedEvents(
  service: ServiceName,
): { readonly producer: ServiceName; readonly schemas: readonly DescMessage[] }[] {
  const handled = Object.entries(HANDLED_EVENTS).find(([name]) => name === service)?.[1] ?? {};
  return Object.entries(handled).map(([producer, subjects]) => ({
    producer: producer as ServiceName,
    schemas: EVENTS.filter(({ typeName }) => subjects.includes(typeName)),
  }));
}

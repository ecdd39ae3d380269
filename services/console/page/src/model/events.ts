// Events as readable text: their bodies are protobuf, their subjects name the message.
import { createRegistry, fromBinary, toJson } from '@bufbuild/protobuf';
import { file_shop_inventory_v1_inventory_events } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { file_shop_notification_v1_notification_events } from '#gen/shop/notification/v1/notification_events_pb.ts';
import { file_shop_order_v1_order_events } from '#gen/shop/order/v1/order_events_pb.ts';
import { file_shop_payment_v1_payment_events } from '#gen/shop/payment/v1/payment_events_pb.ts';

const events = createRegistry(
  file_shop_order_v1_order_events,
  file_shop_inventory_v1_inventory_events,
  file_shop_payment_v1_payment_events,
  file_shop_notification_v1_notification_events,
);

/** The body as JSON, or, where it cannot be read as its subject says, as hexadecimal digits. */
export function decodeEvent(
  subject: string,
  payload: Uint8Array,
): { readonly text: string; readonly readable: boolean } {
  const schema = events.getMessage(subject);
  try {
    if (schema !== undefined) {
      const text = JSON.stringify(toJson(schema, fromBinary(schema, payload), { registry: events }), null, 2);
      return { text, readable: true };
    }
  } catch {
    // A body that cannot be read is often why the event became a dead letter.
  }
  return { text: [...payload].map((byte) => byte.toString(16).padStart(2, '0')).join(' '), readable: false };
}

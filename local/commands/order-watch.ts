// Places one order and follows it to its end, telling each step as it happens. What `make order` does, apart from the process.

import type { DescEnum } from '@bufbuild/protobuf';
import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import {
  type Order,
  OrderReasonSchema,
  OrderStatus,
  OrderStatusSchema,
  OrderStepSchema,
  StepState,
  StepStateSchema,
} from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponse_OutcomeSchema, type OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { formatMoney } from '../../services/platform/base/money.ts';

export type SampleOrder = {
  idempotencyKey: string;
  customerId: string;
  productId: string;
  quantity: number;
  paymentMethod: string;
};

/**
 * Resolves to the order's state at the end: final, unless the service stopped while it was followed. `write` takes one line at
 * a time; each of the two calls may take `timeoutMs`: an order stays pending while a part is down. Throws ConnectError.
 */
export async function placeAndWatchOrder(
  client: Client<typeof OrderService>,
  sample: SampleOrder,
  { write, timeoutMs }: { write: (line: string) => void; timeoutMs: number },
): Promise<OrderStatus> {
  const { order, outcome, reason } = await client.createOrder(
    {
      idempotencyKey: sample.idempotencyKey,
      customerId: sample.customerId,
      items: [{ productId: sample.productId, quantity: sample.quantity }],
      paymentMethod: sample.paymentMethod,
    },
    { timeoutMs },
  );
  if (order === undefined) throw new Error('the answer holds no order');
  write(`order ${order.orderId}: ${sample.quantity} x ${sample.productId} for ${sample.customerId}, ${priceOf(order)}`);
  write(`answered ${plainName(CreateOrderResponse_OutcomeSchema, outcome)}${becauseOf(reason)}`);

  const tell = createTimelineTeller(write);
  let last = order;
  for await (const { order: now } of client.watchOrder({ orderId: order.orderId }, { timeoutMs })) {
    if (now === undefined) continue;
    tell(now);
    last = now;
  }
  write(`order ${last.orderId} is ${plainName(OrderStatusSchema, last.status)}${becauseOf(last.reason)}`);
  return last.status;
}

/** Whether nothing more will happen to an order's own state. */
export function isFinal(status: OrderStatus): boolean {
  return status !== OrderStatus.PENDING && status !== OrderStatus.UNSPECIFIED;
}

/** The same entry comes again with every change, and a repeated step with a later time only: each is told once. */
function createTimelineTeller(write: (line: string) => void): (order: Order) => void {
  const told = new Set<string>();
  return ({ timeline }) => {
    for (const { step, state, detail, time } of timeline) {
      const key = `${step} ${state} ${detail}`;
      if (told.has(key)) continue;
      told.add(key);
      const mark = state === StepState.DONE ? '+' : '-';
      const name = plainName(OrderStepSchema, step).padEnd(20);
      const tail = detail === '' ? '' : `  ${detail}`;
      write(`  ${clockTime(time)}  ${mark} ${name}  ${plainName(StepStateSchema, state)}${tail}`);
    }
  };
}

function priceOf({ total }: Order): string {
  return total === undefined ? 'not priced' : formatMoney(total);
}

function becauseOf(reason: number): string {
  return reason === 0 ? '' : `, because of ${plainName(OrderReasonSchema, reason)}`;
}

function clockTime(time: Timestamp | undefined): string {
  return time === undefined ? ' '.repeat(12) : timestampDate(time).toISOString().slice(11, 23);
}

/** `ORDER_STEP_RESERVE_STOCK` becomes `reserve stock`; a value newer than this program stays a number. */
function plainName(schema: DescEnum, value: number): string {
  const name = schema.value[value]?.localName;
  return (name ?? String(value)).toLowerCase().replaceAll('_', ' ');
}

// The command behind `make order`: places one order and prints each step until its final status.

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
 * Places the order and watches it. Resolves to its last status, which is final unless the service ended the stream early. Each of
 * the two calls may take `timeoutMs`: an order stays pending while a dependency is down.
 * @throws {ConnectError} when a call fails.
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
  if (order === undefined) throw new Error('the response holds no order');
  write(`order ${order.orderId}: ${sample.quantity} x ${sample.productId} for ${sample.customerId}, ${priceOf(order)}`);
  write(`answered ${plainName(CreateOrderResponse_OutcomeSchema, outcome)}${becauseOf(reason)}`);

  const printTimeline = createTimelinePrinter(write);
  let last = order;
  for await (const { order: now } of client.watchOrder({ orderId: order.orderId }, { timeoutMs })) {
    if (now === undefined) continue;
    printTimeline(now);
    last = now;
  }
  write(`order ${last.orderId} is ${plainName(OrderStatusSchema, last.status)}${becauseOf(last.reason)}`);
  return last.status;
}

/** Whether an order's status no longer changes. */
export function isFinal(status: OrderStatus): boolean {
  return status !== OrderStatus.PENDING && status !== OrderStatus.UNSPECIFIED;
}

/** Every update holds the whole timeline, and a retried step differs only in its time: each entry is printed once. */
function createTimelinePrinter(write: (line: string) => void): (order: Order) => void {
  const printed = new Set<string>();
  return ({ timeline }) => {
    for (const { step, state, detail, time } of timeline) {
      const key = `${step} ${state} ${detail}`;
      if (printed.has(key)) continue;
      printed.add(key);
      const mark = state === StepState.DONE ? '+' : '-';
      const name = plainName(OrderStepSchema, step).padEnd(20);
      const tail = detail === '' ? '' : `  ${detail}`;
      write(`  ${clockTime(time)}  ${mark} ${name}  ${plainName(StepStateSchema, state)}${tail}`);
    }
  };
}

function priceOf({ total }: Order): string {
  return total === undefined ? 'no price' : formatMoney(total);
}

function becauseOf(reason: number): string {
  return reason === 0 ? '' : `: ${plainName(OrderReasonSchema, reason)}`;
}

function clockTime(time: Timestamp | undefined): string {
  return time === undefined ? ' '.repeat(12) : timestampDate(time).toISOString().slice(11, 23);
}

/** `ORDER_STEP_RESERVE_STOCK` becomes `reserve stock`; a value unknown to this version stays a number. */
function plainName(schema: DescEnum, value: number): string {
  const name = schema.value[value]?.localName;
  return (name ?? String(value)).toLowerCase().replaceAll('_', ' ');
}

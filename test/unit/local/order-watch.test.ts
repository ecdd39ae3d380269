import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { MoneySchema } from '#gen/shop/common/v1/money_pb.ts';
import { OrderReason, OrderSchema, OrderStatus, OrderStep, StepState } from '#gen/shop/order/v1/order_pb.ts';
import {
  type CreateOrderRequest,
  OrderService,
  CreateOrderResponse_Outcome as Outcome,
} from '#gen/shop/order/v1/order_service_pb.ts';
import { placeAndWatchOrder } from '#local/commands/order-watch.ts';

const sample = {
  idempotencyKey: 'key',
  customerId: 'cust123',
  productId: '12345',
  quantity: 2,
  paymentMethod: 'pm_approved',
};
const at = (second: number) => timestampFromDate(new Date(Date.UTC(2030, 0, 1, 12, 0, second)));
const created = { step: OrderStep.CREATE, state: StepState.DONE, time: at(1) };
const retrying = { step: OrderStep.RESERVE_STOCK, state: StepState.RETRYING, time: at(2), detail: 'unavailable' };
const declined = {
  step: OrderStep.PROCESS_PAYMENT,
  state: StepState.REFUSED,
  time: at(4),
  detail: 'Insufficient funds',
};

function order(changes: MessageInitShape<typeof OrderSchema>) {
  return create(OrderSchema, {
    orderId: 'o-1',
    status: OrderStatus.PENDING,
    total: create(MoneySchema, { currencyCode: 'EUR', minorUnits: 11_998n }),
    ...changes,
  });
}

async function watch(moments: ReturnType<typeof order>[]) {
  const lines: string[] = [];
  let asked: CreateOrderRequest | undefined;
  const transport = createRouterTransport(({ service }) => {
    service(OrderService, {
      createOrder(request) {
        asked = request;
        return { order: moments[0]!, outcome: Outcome.PENDING, reason: OrderReason.INVENTORY_UNAVAILABLE };
      },
      async *watchOrder() {
        for (const moment of moments) yield { order: moment };
      },
    });
  });
  const client = createClient(OrderService, transport);
  const status = await placeAndWatchOrder(client, sample, { write: (line) => lines.push(line), timeoutMs: 5_000 });
  return { lines, status, asked };
}

describe('watching a sample order', () => {
  it('prints each step once, as it happens, and the final status', async () => {
    const { lines, status, asked } = await watch([
      order({ timeline: [created] }),
      order({ timeline: [created, retrying] }),
      order({ timeline: [created, { ...retrying, time: at(3) }] }),
      order({ timeline: [created, { ...retrying, time: at(3), detail: 'not in time' }] }),
      order({
        timeline: [created, retrying, declined],
        status: OrderStatus.FAILED,
        reason: OrderReason.PAYMENT_FAILED,
      }),
    ]);

    expect(lines).toEqual([
      'order o-1: 2 x 12345 for cust123, 119.98 EUR',
      'answered pending: inventory unavailable',
      '  12:00:01.000  + create                done',
      '  12:00:02.000  - reserve stock         retrying  unavailable',
      '  12:00:03.000  - reserve stock         retrying  not in time',
      '  12:00:04.000  - process payment       refused  Insufficient funds',
      'order o-1 is failed: payment failed',
    ]);
    expect(status).toBe(OrderStatus.FAILED);
    expect(asked).toMatchObject({ items: [{ productId: '12345', quantity: 2 }], paymentMethod: 'pm_approved' });
  });

  it('returns the last known status when the service ends the stream', async () => {
    const { status } = await watch([order({ timeline: [created] })]);

    expect(status).toBe(OrderStatus.PENDING);
  });

  it('rejects with the error of CreateOrder', async () => {
    const transport = createRouterTransport(({ service }) => {
      service(OrderService, {
        createOrder() {
          throw new ConnectError('items[0].quantity: at most 10000', Code.InvalidArgument);
        },
      });
    });
    const watching = placeAndWatchOrder(createClient(OrderService, transport), sample, {
      write: () => undefined,
      timeoutMs: 5_000,
    });

    await expect(watching).rejects.toMatchObject({ code: Code.InvalidArgument });
  });
});

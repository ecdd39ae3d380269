// The steady load of the local stack, with a clock that the test moves.
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createRouterTransport } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AdjustStockRequest, InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import {
  type CreateOrderRequest,
  CreateOrderResponseSchema,
  OrderService,
} from '#gen/shop/order/v1/order_service_pb.ts';
import { createTraffic, orderOf, type Traffic } from '#local/control/traffic.ts';

let orders: CreateOrderRequest[];
let cancelled: string[];
let refusal: Code;
let deliveries: AdjustStockRequest[];
let stock: { productId: string; available: number }[];
let isDown: boolean;
let isStuck: boolean;
let traffic: Traffic;

beforeEach(() => {
  vi.useFakeTimers();
  [orders, cancelled, deliveries, isDown, isStuck] = [[], [], [], false, false];
  refusal = Code.FailedPrecondition;
  stock = ['lamp', 'mug', 'test-product'].map((productId) => ({ productId, available: 1_000 }));
  const transport = createRouterTransport((router) => {
    router.service(OrderService, {
      createOrder: async (request) => {
        if (isStuck) await new Promise(() => undefined);
        if (isDown) throw new ConnectError('down', Code.Unavailable);
        orders.push(request);
        return create(CreateOrderResponseSchema, { order: { orderId: `order-${orders.length}` } });
      },
      cancelOrder: ({ orderId }) => {
        cancelled.push(orderId);
        throw new ConnectError('not cancelled', refusal);
      },
    });
    router.service(InventoryService, {
      listProducts: () => ({ products: stock }),
      adjustStock: (request) => {
        deliveries.push(request);
        return {};
      },
    });
  });
  traffic = createTraffic({ order: transport, inventory: transport });
});
afterEach(() => {
  traffic[Symbol.dispose]();
  vi.useRealTimers();
});

describe('the steady load', () => {
  it('sends as many orders a second as it is told, each with a key of its own', async () => {
    traffic.set(5);
    await vi.advanceTimersByTimeAsync(2_000);

    expect(traffic.state()).toEqual({ ordersPerSecond: 5, sent: 10, failed: 0 });
    expect(new Set(orders.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(10);
  });

  it('changes its rate, and ends', async () => {
    traffic.set(1);
    await vi.advanceTimersByTimeAsync(2_000);
    traffic.set(10);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(traffic.state().sent).toBe(12);

    traffic.set(0);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(traffic.state()).toEqual({ ordersPerSecond: 0, sent: 12, failed: 0 });
  });

  it('counts calls that fail and goes on, and counts from zero when it starts again', async () => {
    isDown = true;
    traffic.set(4);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(traffic.state()).toMatchObject({ sent: 4, failed: 4 });

    isDown = false;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(traffic.state()).toMatchObject({ sent: 8, failed: 4 });
    traffic.set(0);
    expect(traffic.set(1)).toMatchObject({ sent: 0, failed: 0 });
  });

  it('orders every product but the one of synthetic orders, and has those delivered that run low', async () => {
    stock = stock.map((product) => ({ ...product, available: product.productId === 'lamp' ? 500 : 3 }));

    traffic.set(10);
    await vi.advanceTimersByTimeAsync(1_000);

    expect(new Set(orders.map(({ items }) => items[0]?.productId))).toEqual(new Set(['lamp', 'mug']));
    expect(deliveries).toMatchObject([{ productId: 'mug', delta: 1_000 }]);
  });

  it('has a product delivered that runs low while it goes on', async () => {
    traffic.set(50);
    await vi.advanceTimersByTimeAsync(500);
    stock = [{ productId: 'lamp', available: 3 }];
    await vi.advanceTimersByTimeAsync(1_000);

    expect(deliveries).toMatchObject([{ productId: 'lamp', delta: 1_000 }]);
  });

  it('waits while two hundred orders are not answered', async () => {
    isStuck = true;
    traffic.set(50);
    await vi.advanceTimersByTimeAsync(6_000);

    expect(traffic.state().sent).toBe(200);
  });

  it('pays seventeen of twenty orders with an approved method', () => {
    const methods = Array.from({ length: 20 }, (_, count) => orderOf(count, '', ['lamp']).paymentMethod);

    expect(
      Object.fromEntries(
        Map.groupBy(methods, (name) => name)
          .entries()
          .map(([name, { length }]) => [name, length]),
      ),
    ).toEqual({
      pm_approved: 17,
      pm_insufficient_funds: 2,
      pm_expired_card: 1,
    });
  });

  it('cancels one of twenty-five, and takes a refusal of that for an answer', async () => {
    traffic.set(50);
    await vi.advanceTimersByTimeAsync(1_000);

    expect(cancelled).toHaveLength(2);
    expect(traffic.state()).toMatchObject({ sent: 50, failed: 0 });
  });

  it('counts a cancellation that fails for another reason as a failure', async () => {
    refusal = Code.Unavailable;
    traffic.set(50);
    await vi.advanceTimersByTimeAsync(1_000);

    expect(traffic.state()).toMatchObject({ sent: 50, failed: 2 });
  });

  it('goes on beside a burst, which sends its number of orders, or fewer when it is ended', async () => {
    traffic.set(1);
    const burst = traffic.startBurst(20, 10);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(burst.state().sent).toBe(10);
    await vi.advanceTimersByTimeAsync(9_000);

    expect([burst.state(), traffic.state().sent]).toEqual([{ sent: 20, failed: 0 }, 10]);
    const ended = traffic.startBurst(20, 10);
    await vi.advanceTimersByTimeAsync(500);
    ended[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(ended.state().sent).toBe(5);
  });
});

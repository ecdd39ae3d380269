// A steady load of mixed orders: most are confirmed, some declined, some cancelled. `make traffic` and the console's switch start it.
import { randomUUID } from 'node:crypto';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';

export const MAX_RATE = 50;
const CUSTOMERS = 500;
const CALL_LIMIT_MS = 10_000;
/** Beyond this many open calls the platform is overloaded, and the load waits. */
const MAX_OPEN = 200;
/** How every twentieth of the orders is paid: of twenty, seventeen are approved. */
const METHODS = [
  ...Array.from({ length: 17 }, () => 'pm_approved'),
  'pm_insufficient_funds',
  'pm_insufficient_funds',
  'pm_expired_card',
];
/** Every so many orders, one is cancelled after it was placed. */
const CANCEL_EVERY = 25;
/** So often the stock is looked at, in orders, and filled up where it runs low. */
const RESTOCK_EVERY = 50;
const LOW_STOCK = 200;
const DELIVERY = 1_000;
/** Only synthetic orders may have it. */
const TEST_PRODUCT = 'test-product';

export type TrafficState = { readonly ordersPerSecond: number; readonly sent: number; readonly failed: number };

/** A number of orders sent at a rate; its disposal sends no more. */
export type Burst = Disposable & { state(): { readonly sent: number; readonly failed: number } };

export type Traffic = Disposable & {
  state(): TrafficState;
  /** Sends so many orders of the same mix beside the load. */
  startBurst(orders: number, ordersPerSecond: number): Burst;
  /** Starts the load, changes its rate, or ends it with 0. */
  set(ordersPerSecond: number): TrafficState;
};

/** The order number `count` of the load, from 0: the same mix in the same order each time. */
export function orderOf(count: number, idempotencyKey: string, products: readonly string[]) {
  return {
    idempotencyKey,
    customerId: `traffic-${(count * 7) % CUSTOMERS}`,
    items: [{ productId: products[count % products.length] ?? '', quantity: 1 + (count % 3) }],
    paymentMethod: METHODS[(count * 3) % METHODS.length] ?? '',
  };
}

export type TrafficTransports = {
  readonly order: Transport;
  /** Shows an operator's token. */
  readonly inventory: Transport;
};

/** Creates the load; nothing is sent before `set`. */
export function createTraffic({ order: orderTransport, inventory }: TrafficTransports): Traffic {
  const orders = createClient(OrderService, orderTransport);
  const stock = createClient(InventoryService, inventory);
  let products: string[] = [];
  const options = { timeoutMs: CALL_LIMIT_MS };

  let restocking: Promise<void> | undefined;
  const restock = async (): Promise<void> => {
    const { products: found } = await stock.listProducts({ pageSize: 100 }, options);
    const ordered = found.filter(({ productId }) => productId !== TEST_PRODUCT);
    products = ordered.map(({ productId }) => productId);
    for (const { productId, available } of ordered) {
      if (available >= LOW_STOCK) continue;
      await stock.adjustStock({ idempotencyKey: randomUUID(), productId, delta: DELIVERY }, options);
    }
  };
  const place = async (count: number): Promise<void> => {
    if (products.length === 0 || count % RESTOCK_EVERY === 0) {
      restocking ??= restock().finally(() => {
        restocking = undefined;
      });
      await restocking;
    }
    const { order } = await orders.createOrder(orderOf(count, randomUUID(), products), options);
    if (count % CANCEL_EVERY === 0 && order !== undefined)
      await orders.cancelOrder({ orderId: order.orderId }, options).catch(ignoreRefusal);
  };
  let rate = 0;
  let load = createLoad(place);
  const end = (): void => load[Symbol.dispose]();
  const state = (): TrafficState => ({ ordersPerSecond: rate, ...load.state() });
  return {
    state,
    startBurst: (orders, ordersPerSecond) => {
      const burst = createLoad(place, orders);
      burst.run(ordersPerSecond);
      return burst;
    },
    set: (ordersPerSecond) => {
      end();
      if (rate === 0 && ordersPerSecond > 0) load = createLoad(place);
      rate = ordersPerSecond;
      if (rate > 0) load.run(rate);
      return state();
    },
    [Symbol.dispose]: end,
  };
}

type Load = Burst & {
  /** Sends on at another rate. */
  run(ordersPerSecond: number): void;
};

/** Calls `place` with 0, 1, 2 and so on, at most `most` times. */
function createLoad(place: (count: number) => Promise<void>, most = Number.POSITIVE_INFINITY): Load {
  let [sent, failed, open] = [0, 0, 0];
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => clearInterval(timer);
  const send = (): void => {
    if (sent >= most) end();
    if (sent >= most || open >= MAX_OPEN) return;
    const count = sent;
    sent += 1;
    open += 1;
    place(count)
      .catch(() => {
        failed += 1;
      })
      .finally(() => {
        open -= 1;
      });
  };
  return {
    state: () => ({ sent, failed }),
    run: (ordersPerSecond) => {
      end();
      timer = setInterval(send, 1_000 / ordersPerSecond);
    },
    [Symbol.dispose]: end,
  };
}

// What is confirmed by then cannot be cancelled: that refusal is part of the mix.
function ignoreRefusal(error: unknown): void {
  if (ConnectError.from(error).code !== Code.FailedPrecondition) throw error;
}

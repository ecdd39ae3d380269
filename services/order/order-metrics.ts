// The metrics of orders: how sagas ended, how many orders are open, and for how long.
import { Counter, Gauge, type Registry } from 'prom-client';
import { isDatabaseOutage } from '../platform/storage/database.ts';
import type { Order } from './order.ts';
import type { OpenOrders, OrderStore } from './order-store.ts';

export type OrderMetrics = {
  /** Counts an order that has just reached an end state. */
  recordEnd(order: Order): void;
};

/** Registers the instruments. Each scrape reads the gauges from the store; they keep their values while the database is down. */
export function createOrderMetrics(registry: Registry, store: Pick<OrderStore, 'countOpen'>): OrderMetrics {
  const registers = [registry];
  const ended = new Counter({
    name: 'orders_ended_total',
    help: 'Orders that reached an end state, by state and reason; a refunded order reached two',
    labelNames: ['status', 'reason', 'synthetic'],
    registers,
  });

  // The gauges of one scrape share one query.
  let query: Promise<OpenOrders | undefined> | undefined;
  const readOpen = (): Promise<OpenOrders | undefined> => {
    query ??= unlessDown(store.countOpen).finally(() => {
      query = undefined;
    });
    return query;
  };
  const gauge = (name: string, help: string, read: (open: OpenOrders) => number): void => {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        const open = await readOpen();
        if (open !== undefined) this.set(read(open));
      },
    });
  };
  gauge('orders_pending', 'Orders without an end state', ({ pending }) => pending);
  gauge(
    'orders_pending_oldest_seconds',
    'Age of the oldest order without an end state; 0 when there is none',
    ({ oldestPendingMs }) => oldestPendingMs / 1_000,
  );
  gauge(
    'orders_open_compensations',
    'Decided orders that still owe compensation',
    ({ compensations }) => compensations,
  );

  return {
    recordEnd: ({ status, reason, synthetic }) =>
      ended.inc({ status: status.toLowerCase(), reason: reason?.toLowerCase() ?? '', synthetic: String(synthetic) }),
  };
}

// Without this, a database outage would fail the whole scrape, metrics of other things included.
async function unlessDown(countOpen: () => Promise<OpenOrders>): Promise<OpenOrders | undefined> {
  try {
    return await countOpen();
  } catch (error) {
    if (isDatabaseOutage(error)) return undefined;
    throw error;
  }
}

// The order store on a real Postgres, with a database for each test file and empty tables for each test.
import { afterAll, beforeAll, beforeEach, expect, vi } from 'vitest';
import { decideFail, markBlocked, type Order } from '#services/order/order.ts';
import { toStatusEvent } from '#services/order/order-messages.ts';
import { createOrderStore, type OrderStore } from '#services/order/order-store.ts';
import { createDatabase, type Database } from '#services/platform/storage/database.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { secondsLater, silentLog } from '../../support/services/order-builders.ts';

const LEASE_MS = 60_000;

export type OrderStoreFixture = {
  readonly database: Database;
  readonly store: OrderStore;
  /** A store whose leases expire immediately. */
  readonly withoutLease: OrderStore;
  /** A store whose statements use no index, and sort instead. */
  readonly withoutIndexes: OrderStore;
  /** Runs a statement, bypassing the store. */
  sql<Row = Record<string, unknown>>(text: string): Promise<Row[]>;
  /** Runs `work` with a store whose statements belong to one transaction, which is committed afterwards. */
  inTransaction(work: (store: OrderStore, query: Database['query']) => Promise<void>): Promise<void>;
  /** Waits until a statement waits for the lock of another transaction. */
  waitForBlocked(): Promise<void>;
  /** Stores a new order under its own key. */
  add(order: Order, store?: OrderStore): Promise<Order>;
};

/** Registers the hooks of a test file that open and close its database. */
export function useOrderStore(): OrderStoreFixture {
  const resources = new AsyncDisposableStack();
  let database: Database;
  let store: OrderStore;
  let withoutLease: OrderStore;
  let withoutIndexes: OrderStore;
  beforeAll(async () => {
    const { databaseUrl } = resources.use(await createTestDatabase('order'));
    database = createDatabase({ url: databaseUrl, size: 8, timeoutMs: 20_000, log: silentLog });
    resources.defer(() => database.close());
    store = createOrderStore(database, LEASE_MS);
    withoutLease = createOrderStore(database, 0);
    const url = new URL(databaseUrl);
    url.searchParams.set('options', '-c enable_indexscan=off -c enable_bitmapscan=off');
    const sorting = createDatabase({ url: url.href, size: 1, timeoutMs: 20_000, log: silentLog });
    resources.defer(() => sorting.close());
    withoutIndexes = createOrderStore(sorting, LEASE_MS);
  });
  afterAll(() => resources.disposeAsync());
  beforeEach(async () => {
    await database.query('truncate orders, order_key, outbox');
  });
  return {
    get database() {
      return database;
    },
    get store() {
      return store;
    },
    get withoutLease() {
      return withoutLease;
    },
    get withoutIndexes() {
      return withoutIndexes;
    },
    sql: (text) => database.query(text),
    inTransaction: (work) =>
      database.transaction(({ query }) => work(createOrderStore({ ...database, query }, LEASE_MS), query)),
    waitForBlocked: async () => {
      const blocked = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      const limits = { timeout: 15_000, interval: 10 };
      await vi.waitFor(async () => expect(await database.query(blocked)).toHaveLength(1), limits);
    },
    add: async (order, by = store) => {
      await by.insert(
        order,
        { idempotencyKey: `key of ${order.orderId}`, placedBy: order.placedBy, requestHash: 'hash' },
        [toStatusEvent(order)],
      );
      return order;
    },
  };
}

/** `order-000`, `order-001` and so on. */
export const orderIds = (count: number) =>
  Array.from({ length: count }, (_, index) => `order-${String(index).padStart(3, '0')}`);

/** A later state of an order: everything that can differ from a new one does. */
export function changed(order: Order): Order {
  const failed = decideFail(
    { ...order, reservationId: 'res123', transactionId: 'ch_1' },
    'INVENTORY_ERROR',
    { release: true, refund: true },
    secondsLater(3),
  );
  return markBlocked(failed, 'REFUND_PAYMENT', 'PAYMENT_UNAVAILABLE', secondsLater(4), 'payment could not be reached');
}

// An in-memory order store. A change is stored only when it was made from the latest version, as in the database.
import type { Order } from '#services/order/order.ts';
import type { KeyedOrder, OrderKey, OrderStore, Resume } from '#services/order/order-store.ts';
import type { OutgoingEvent } from '#services/platform/messaging/event.ts';

/** One stored change. */
export type StoredChange = {
  readonly order: Order;
  readonly events: readonly string[];
  readonly resume: Resume | undefined;
};

export type FakeOrderStore = OrderStore & {
  /** Every stored change, insertions included, oldest first. */
  readonly changes: StoredChange[];
  readonly events: OutgoingEvent[];
  /** Called before a change is stored, with the next state. Throw to crash before the commit; store another change to conflict. */
  beforeSave: (next: Order) => void | Promise<void>;
  /** Called after a change is stored. Throw to crash after the commit. */
  afterSave: (saved: Order) => void;
  /** Puts an order into the store without recording a change. */
  put(order: Order, key?: KeyedOrder & { readonly idempotencyKey: string }): void;
  /** The stored order. */
  current(orderId?: string): Order;
};

/** Creates a store that holds these orders. */
export function createFakeOrderStore(...orders: readonly Order[]): FakeOrderStore {
  const rows = new Map(orders.map((order) => [order.orderId, order]));
  const keys = new Map<string, { orderId: string; requestHash: string }>();
  const record = (order: Order, events: readonly OutgoingEvent[], resume?: Resume): void => {
    fake.changes.push({ order, events: events.map((event) => event.subject), resume });
    fake.events.push(...events);
  };
  const fake: FakeOrderStore = {
    changes: [],
    events: [],
    beforeSave: () => undefined,
    afterSave: () => undefined,

    insert: async (order, key, events) => {
      if (keys.has(scoped(key))) return false;
      keys.set(scoped(key), { orderId: order.orderId, requestHash: key.requestHash });
      rows.set(order.orderId, order);
      record(order, events);
      return true;
    },
    findByKey: async (sought) => {
      const key = keys.get(scoped(sought));
      const order = key && rows.get(key.orderId);
      return order && { order, requestHash: key.requestHash };
    },
    find: async (orderId) => rows.get(orderId),
    findNewer: async (known) =>
      known.flatMap(({ orderId, version }) => {
        const order = rows.get(orderId);
        return order !== undefined && order.version > version ? [order] : [];
      }),
    list: async ({ customerId, status }, { size }) =>
      [...rows.values()]
        .filter((order) => customerId === '' || order.customerId === customerId)
        .filter((order) => status === undefined || order.status === status)
        .slice(0, size + 1),
    save: async (order, previousVersion, events, resume) => {
      await fake.beforeSave(order);
      if (rows.get(order.orderId)?.version !== previousVersion) return undefined;
      const saved = { ...order, version: previousVersion + 1 };
      rows.set(order.orderId, saved);
      record(saved, events, resume);
      fake.afterSave(saved);
      return saved;
    },
    claim: async (limit) =>
      [...rows.values()].slice(0, limit).map((order) => ({ order, attempts: 0, traceparent: '' })),
    countOpen: async () => ({
      pending: [...rows.values()].filter(({ status }) => status === 'PENDING').length,
      oldestPendingMs: 0,
      compensations: [...rows.values()].filter(({ owed }) => owed.release || owed.refund).length,
    }),

    put: (order, key) => {
      rows.set(order.orderId, order);
      if (key)
        keys.set(scoped({ placedBy: 'guest', ...key }), { orderId: order.orderId, requestHash: key.requestHash });
    },
    current: (orderId = 'order-1') => {
      const order = rows.get(orderId);
      if (order === undefined) throw new Error(`the store holds no order ${orderId}`);
      return order;
    },
  };
  return fake;
}

function scoped({ idempotencyKey, placedBy }: Pick<OrderKey, 'idempotencyKey' | 'placedBy'>): string {
  return `${idempotencyKey} ${placedBy}`;
}

// How orders change: an update by closure that is safe against concurrent updates, and a feed for those who follow an order.
import { createChangeSignal } from '../platform/base/change-signal.ts';
import type { Logger } from '../platform/observability/log.ts';
import type { Order } from './order.ts';
import { toStatusEvent } from './order-messages.ts';
import type { OrderStore, Resume } from './order-store.ts';

const LOOK_UP_PERIOD_MS = 250;
// A saga run, a cancellation or refund and a second replica meet on one order at most: more conflicts than this are a bug.
const MAX_CONFLICTS = 10;

export type UpdateDependencies = {
  readonly store: Pick<OrderStore, 'find' | 'save'>;
  /** Called after each stored change, to wake followers and the relay; `hasEnded` when it brought a final status. */
  readonly onChange: (order: Order, hasEnded: boolean) => void;
  readonly log: Logger;
};

/** What to store: the next state of the order, or the order itself to store nothing. */
export type OrderUpdate = {
  readonly order: Order;
  /** Ends the lease and sets when the background works on the order next. */
  readonly resume?: Resume;
  /** Logged with a final status: what led to it. */
  readonly detail?: string;
};

/**
 * Updates an order by closure: `decide` gets the latest order and returns its next state, which is stored together with the event
 * of a new status. When a concurrent update came first, the order is read again and `decide` runs again. Returns the last
 * decision, with the order as stored.
 * @param order The order as last read. It is not read again before the first try.
 * @throws {Error} The order changed too often, or no longer exists.
 */
export async function updateOrder<Update extends OrderUpdate>(
  { store, onChange, log }: UpdateDependencies,
  order: Order,
  decide: (latest: Order) => Update | Promise<Update>,
): Promise<Update> {
  let latest = order;
  for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts += 1) {
    const update = await decide(latest);
    const next = update.order;
    if (next === latest) return update;
    const hasEnded = next.status !== 'PENDING' && next.status !== latest.status;
    const events = hasEnded ? [toStatusEvent({ ...next, version: latest.version + 1 })] : [];
    const saved = await store.save(next, latest.version, events, update.resume);
    if (saved !== undefined) {
      onChange(saved, hasEnded);
      if (hasEnded) log.info({ reason: saved.reason, detail: update.detail }, `order ${saved.status.toLowerCase()}`);
      return { ...update, order: saved };
    }
    latest = await readAgain(store, order.orderId);
  }
  throw new Error(`order ${order.orderId} keeps changing`);
}

async function readAgain(store: Pick<OrderStore, 'find'>, orderId: string): Promise<Order> {
  const stored = await store.find(orderId);
  if (stored === undefined) throw new Error(`order ${orderId} is gone`);
  return stored;
}

export type OrderChanges = {
  /** Wakes the followers of an order that this replica changed. */
  notify(order: Order): void;
  /**
   * Yields the order as it is stored, then each later version (some may be skipped), until `signal` aborts. Yields nothing for an
   * order that does not exist.
   */
  follow(orderId: string, signal: AbortSignal): AsyncGenerator<Order>;
};

/** Creates the change feed of one replica. The changes of other replicas are found by a periodic look-up. */
export function createOrderChanges(store: Pick<OrderStore, 'find'>): OrderChanges {
  const changes = createChangeSignal(LOOK_UP_PERIOD_MS);
  return {
    notify: ({ orderId }) => changes.notify(orderId),
    follow: async function* (orderId, signal) {
      let seen = 0;
      while (!signal.aborted) {
        // Subscribed before the look-up: a change between the two would be missed otherwise.
        const change = changes.next(orderId, signal);
        const order = await store.find(orderId);
        if (order === undefined) return;
        if (order.version > seen) {
          seen = order.version;
          yield order;
        }
        await change;
      }
    },
  };
}

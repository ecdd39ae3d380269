// How orders change: an update by closure that is safe against concurrent updates, and a feed for those who follow an order.
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

/** An order that is followed. */
type Topic = {
  followers: number;
  /** As it was last read; undefined before that, and for an order that does not exist. */
  order: Order | undefined;
  /** Whether the next look-up includes it. */
  isDue: boolean;
  /** Settles with the next look-up of this order that begins. */
  next: PromiseWithResolvers<void>;
};

/**
 * Creates the change feed of one replica. The changes of other replicas are found by a periodic look-up. One statement looks up all orders
 * that are due, and there is one at a time, so that many followers cost the database no more than a few.
 */
export function createOrderChanges(store: Pick<OrderStore, 'findNewer'>): OrderChanges {
  const topics = new Map<string, Topic>();
  let isLookingUp = false;
  let timer: NodeJS.Timeout | undefined;

  const lookUp = async (): Promise<void> => {
    if (isLookingUp) return;
    isLookingUp = true;
    for (let due = takeDue(topics); due.length > 0; due = takeDue(topics)) await lookUpTopics(store, due);
    isLookingUp = false;
  };
  const lookUpAll = (): void => {
    for (const topic of topics.values()) topic.isDue = true;
    void lookUp();
  };

  const join = (orderId: string): Topic => {
    const topic = topics.get(orderId) ?? { followers: 0, order: undefined, isDue: false, next: createSettler() };
    topics.set(orderId, topic);
    topic.followers += 1;
    topic.isDue = true;
    timer ??= setInterval(lookUpAll, LOOK_UP_PERIOD_MS);
    return topic;
  };
  const leave = (orderId: string, topic: Topic): void => {
    topic.followers -= 1;
    if (topic.followers === 0) topics.delete(orderId);
    if (topics.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  return {
    notify: ({ orderId }) => {
      const topic = topics.get(orderId);
      if (topic === undefined) return;
      topic.isDue = true;
      void lookUp();
    },
    follow: async function* (orderId, signal) {
      if (signal.aborted) return;
      const topic = join(orderId);
      try {
        let next = topic.next.promise;
        void lookUp();
        let seen = 0;
        while (await settlesBeforeAbort(next, signal)) {
          // Before the order is passed on: a look-up in the meantime is not missed.
          next = topic.next.promise;
          if (topic.order === undefined) return;
          if (topic.order.version === seen) continue;
          seen = topic.order.version;
          yield topic.order;
        }
      } finally {
        leave(orderId, topic);
      }
    },
  };
}

type DueTopic = { readonly orderId: string; readonly topic: Topic; readonly settler: PromiseWithResolvers<void> };

function takeDue(topics: ReadonlyMap<string, Topic>): DueTopic[] {
  const due: DueTopic[] = [];
  for (const [orderId, topic] of topics) {
    if (!topic.isDue) continue;
    due.push({ orderId, topic, settler: topic.next });
    topic.isDue = false;
    topic.next = createSettler();
  }
  return due;
}

async function lookUpTopics(store: Pick<OrderStore, 'findNewer'>, due: readonly DueTopic[]): Promise<void> {
  try {
    const known = due.map(({ orderId, topic }) => ({ orderId, version: topic.order?.version ?? 0 }));
    const newer = new Map((await store.findNewer(known)).map((order) => [order.orderId, order]));
    for (const { orderId, topic, settler } of due) {
      topic.order = newer.get(orderId) ?? topic.order;
      settler.resolve();
    }
  } catch (error) {
    for (const { settler } of due) settler.reject(error);
  }
}

function createSettler(): PromiseWithResolvers<void> {
  const settler = Promise.withResolvers<void>();
  settler.promise.catch(() => undefined); // Its followers may all have left.
  return settler;
}

/** Waits for the promise; returns false when `signal` aborts first. */
async function settlesBeforeAbort(promise: Promise<void>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  const aborted = Promise.withResolvers<void>();
  const onAbort = (): void => aborted.resolve();
  signal.addEventListener('abort', onAbort);
  try {
    await Promise.race([promise, aborted.promise]);
    return !signal.aborted;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

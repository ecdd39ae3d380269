// Tells those who wait for an order that it changed. Changes made by this replica are told at once, others' are looked up.
import { pause } from '../platform/base/backoff.ts';
import type { Order } from './order.ts';
import type { OrderStore } from './order-store.ts';

const LOOK_UP_PERIOD_MS = 250;

export type OrderChanges = {
  /** Tells the waiting that an order changed. */
  changed(order: Order): void;
  /**
   * Yields the order as it is stored, then each later version as it comes (some may be skipped), until `signal` aborts.
   * Yields nothing for an order that does not exist.
   */
  follow(orderId: string, signal: AbortSignal): AsyncGenerator<Order>;
};

/** Makes the changes of one replica. */
export function createOrderChanges(store: Pick<OrderStore, 'find'>): OrderChanges {
  const waiting = new Map<string, Set<() => void>>();

  const nextChange = async (orderId: string, signal: AbortSignal): Promise<void> => {
    const waking = new AbortController();
    const wake = (): void => waking.abort();
    const wakers = waiting.get(orderId) ?? new Set();
    waiting.set(orderId, wakers.add(wake));
    try {
      await pause(LOOK_UP_PERIOD_MS, AbortSignal.any([signal, waking.signal]));
    } finally {
      wakers.delete(wake);
      if (wakers.size === 0) waiting.delete(orderId);
    }
  };

  return {
    changed: (order) => {
      for (const wake of waiting.get(order.orderId) ?? []) wake();
    },
    follow: async function* (orderId, signal) {
      let seen = 0;
      while (!signal.aborted) {
        // Asked for before the look-up, so that a change in between is not missed.
        const change = nextChange(orderId, signal);
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

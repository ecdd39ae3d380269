// The order service as a consumer of events: its real handlers and database, and blocked orders that the events resume.
import { type Mock, vi } from 'vitest';
import { createOrderStore } from '#services/order/order-store.ts';
import { createOrderSubscriptions } from '#services/order/routes.ts';
import { type EventFixture, openEventFixture } from '../../support/contracts/contracts.ts';
import { blockedOrder, pendingOrder } from '../../support/services/order-builders.ts';

// Longer than any test: an order that is due was woken by an event.
const A_MINUTE_MS = 60_000;

export type OrderEventFixture = EventFixture & {
  readonly wakeResumer: Mock<() => void>;
  /** Empties the database and stores blocked orders. */
  begin(...waiting: readonly string[]): Promise<void>;
  /** Claims the orders that are due. */
  claimDue(): Promise<string[]>;
};

export async function openOrderEventFixture(): Promise<OrderEventFixture> {
  const wakeResumer = vi.fn<() => void>();
  const fixture = await openEventFixture('order', () => createOrderSubscriptions(wakeResumer));
  const store = createOrderStore(fixture.database, 1);
  return {
    ...fixture,
    wakeResumer,
    begin: async (...waiting) => {
      await fixture.empty();
      wakeResumer.mockClear();
      for (const orderId of waiting) {
        await store.insert(
          pendingOrder({ orderId }),
          { idempotencyKey: orderId, placedBy: 'guest', requestHash: '' },
          [],
        );
        await store.save({ ...blockedOrder(), orderId }, 1, [], { afterMs: A_MINUTE_MS, attempts: 1 });
      }
    },
    claimDue: async () => (await store.claim(100)).map(({ order }) => order.orderId).sort(),
  };
}

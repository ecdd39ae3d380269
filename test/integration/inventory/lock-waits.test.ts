// A reservation that waits for a product's lock uses the stock committed in the meantime, not that of its snapshot.
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { type InventoryFixture, lines, startInventoryFixture } from '../../support/services/inventory.ts';

describe('an order that waits for a product all of which is reserved', () => {
  let fixture: InventoryFixture;

  beforeAll(async () => {
    fixture = await startInventoryFixture();
  });
  afterAll(() => fixture?.[Symbol.asyncDispose]());

  it.each([
    ['delivered', 'prod456', 'on_hand = on_hand + 3'],
    ['released', 'prod789', 'reserved = reserved - 3'],
  ])('reserves what is %s while it waits', async (word, productId, change) => {
    const { quantity } = await fixture.client.checkAvailability({ productId });
    await fixture.client.reserveStock({ orderId: `first of ${word}`, lines: lines([productId, quantity]) });
    await using holder = await openSession(fixture.database.superuserUrl);
    await holder.query('begin');
    await holder.query(`update product set ${change} where product_id = '${productId}'`);

    const request = { orderId: `second of ${word}`, lines: lines([productId, 2]) };
    const reserving = Promise.allSettled([fixture.client.reserveStock(request)]);
    await vi.waitFor(async () => expect(await holder.countWaiting()).toBe(1), { interval: 10, timeout: 5_000 });
    await holder.query('commit');

    const reserved = { reservation: { state: ReservationState.RESERVED } };
    expect(await reserving).toMatchObject([{ status: 'fulfilled', value: reserved }]);
    expect(await fixture.available(productId)).toBe(1);
  });
});

async function openSession(connectionString: string) {
  const client = new Client({ connectionString });
  await client.connect();
  return {
    query: (text: string) => client.query(text),
    /** Returns the number of statements that wait for a lock of this session. */
    countWaiting: async () => {
      const { rows } = await client.query(
        'select from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))',
      );
      return rows.length;
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

// What the statements of the inventory service read when it has many reservations and products.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  findAdjustment,
  findProduct,
  insertProduct,
  listProductRows,
  lockProduct,
  recordSeed,
  storeAdjustment,
  updateDescription,
} from '#services/inventory/product-store.ts';
import {
  confirmReserved,
  createReservationPruneRule,
  findReservation,
  insertRejection,
  insertReservations,
  insertTombstone,
  releaseRejected,
  releaseReserved,
} from '#services/inventory/reservation-store.ts';
import { prune } from '#services/platform/storage/pruner.ts';
import { useQueryPlans } from '../platform/support/query-plans.ts';

const insertProducts = (count: number) =>
  `insert into product (product_id, name, currency_code, unit_price_minor, on_hand, update_time)
    select 'product-' || n, 'Mug', 'EUR', 100, 1000, now() from generate_series(1, ${count}) as n`;

// The synthetic reservations are old enough to be pruned, if they were not tombstones.
const plans = useQueryPlans(
  'inventory',
  [
    insertProducts(10_000),
    `insert into reservation (order_id, reservation_id, state, lines, shortages, synthetic, create_time, update_time)
    select 'order-' || n, gen_random_uuid(), case when n % 20 = 0 then 'RELEASED' else 'CONFIRMED' end,
      '[{"product_id": "product-1", "quantity": 1}]', '[]', n % 20 = 0, time, time
    from generate_series(1, 20000) as n, lateral (select now() - n * interval '1 minute' as time) as made`,
    `insert into stock_adjustment select 'key-' || n, 'product-1', 1, 1, now() from generate_series(1, 20000) as n`,
  ],
  [insertProducts(3)],
);

const time = new Date();
const unitPrice = { currencyCode: 'EUR', minorUnits: 100n };
const lines = [
  { productId: 'product-1', quantity: 1 },
  { productId: 'product-2', quantity: 1 },
];
const newEvent = () => ({ id: randomUUID(), subject: 'subject', payload: Buffer.from('payload'), headers: {} });
const newDraft = () => ({ orderId: randomUUID(), reservationId: randomUUID(), lines, synthetic: false, time });
const newProduct = () => ({ productId: randomUUID(), name: 'Mug', unitPrice, initialOnHand: 10 });

async function reserve() {
  const draft = newDraft();
  await insertReservations(plans.database, [{ draft, event: newEvent() }]);
  return draft;
}

const statements: Record<string, () => Promise<unknown>> = {
  'reserving stock': reserve,
  'storing a rejection': () =>
    insertRejection(plans.database, newDraft(), [{ productId: 'product-1', requested: 2, available: 1 }], newEvent()),
  'storing a tombstone': () => insertTombstone(plans.database, newDraft()),
  'confirming a reservation': async () => confirmReserved(plans.database, [await reserve(), await reserve()]),
  'releasing a reservation': async () => releaseReserved(plans.database, await reserve(), newEvent()),
  'releasing a rejection': () => releaseRejected(plans.database, 'order-1', time),
  'finding a reservation': () => findReservation(plans.database, 'order-1'),
  'finding and locking a product': async () => {
    await findProduct(plans.database, 'product-1');
    await plans.database.transaction((transaction) => lockProduct(transaction, 'product-1'));
  },
  'listing products': async () => {
    await listProductRows(plans.database, { size: 50, after: undefined });
    await listProductRows(plans.database, { size: 50, after: ['product-1'] });
  },
  'adding and describing a product': async () => {
    const product = await insertProduct(plans.database, newProduct(), time, newEvent());
    if (product === undefined) throw new Error('the product exists');
    await plans.database.transaction((transaction) => updateDescription(transaction, product, newEvent()));
  },
  'adjusting stock': async () => {
    await findAdjustment(plans.database, ['key-77', 'key-78']);
    const adjustment = { productId: 'product-1', delta: 1, idempotencyKey: randomUUID(), onHand: 1_001, time };
    await plans.database.transaction((transaction) => storeAdjustment(transaction, adjustment));
  },
  'recording a catalogue': () =>
    plans.database.transaction((transaction) => recordSeed(transaction, randomUUID(), time)),
  'looking for reservations to prune when there is none': async () => {
    expect(await prune(plans.database, createReservationPruneRule(1_000))).toBe(0);
  },
};

describe('with many reservations and products', () => {
  it.each(Object.entries(statements))('%s reads few of them', async (_, run) => {
    expect(await plans.findScans(run)).toEqual([]);
  });

  it.each(Object.entries(statements))(
    '%s would be read by an index too if its plan was made on empty tables',
    async (_, run) => {
      expect(await plans.findUnboundScans(run)).toEqual([]);
    },
  );
});

// Products, prices and stock, over the wire and in the real database.

import { expect, it } from 'vitest';
import { ProductChangedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { openSession } from '../../support/contracts/contracts.ts';
import { readEventBodies } from '../../support/events.ts';
import { asCaller } from '../../support/identity/credentials.ts';
import { clientBy } from '../../support/raw-call.ts';
import { lines, reasonOf, startInventoryFixture } from '../../support/services/inventory.ts';

const LAMP = {
  productId: 'lamp',
  name: 'Lamp',
  unitPrice: { currencyCode: 'EUR', minorUnits: 1_999n },
  initialOnHand: 5,
};

it('reports 100 available units of product 12345', async () => {
  await using fixture = await startInventoryFixture();

  const answer = await fixture.client.checkAvailability({ productId: '12345' });

  expect(answer).toMatchObject({ productId: '12345', available: true, quantity: 100 });
});

it('reports a product as unavailable once all of it is reserved', async () => {
  await using fixture = await startInventoryFixture();
  await fixture.client.reserveStock({ orderId: 'ord1', lines: lines(['prod789', 50]) });

  const answer = await fixture.client.checkAvailability({ productId: 'prod789' });

  expect(answer).toMatchObject({ available: false, quantity: 0 });
});

it('answers not_found for an unknown product', async () => {
  await using fixture = await startInventoryFixture();
  const productId = 'no-such-product';

  expect(await reasonOf(fixture.client.checkAvailability({ productId }))).toBe('PRODUCT_NOT_FOUND');
  expect(await reasonOf(fixture.client.getProduct({ productId }))).toBe('PRODUCT_NOT_FOUND');
  expect(await reasonOf(fixture.client.adjustStock({ idempotencyKey: 'key', productId, delta: 1 }))).toBe(
    'PRODUCT_NOT_FOUND',
  );
});

it('lists all products by id, page by page, each once', async () => {
  await using fixture = await startInventoryFixture();
  const seen: string[] = [];
  let pageToken = '';

  do {
    const page = await fixture.client.listProducts({ pageSize: 5, pageToken });
    expect(page.products.length).toBeLessThanOrEqual(5);
    seen.push(...page.products.map(({ productId }) => productId));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');

  expect(seen).toHaveLength(16);
  expect(seen).toEqual([...new Set(seen)].sort());
  expect((await fixture.client.listProducts({})).products.map(({ productId }) => productId)).toEqual(seen);
});

it('keeps its place in the list while earlier products are inserted and changed', async () => {
  await using fixture = await startInventoryFixture();
  const first = await fixture.client.listProducts({ pageSize: 3 });
  await fixture.client.upsertProduct({ ...LAMP, productId: '0-before-all' });

  const second = await fixture.client.listProducts({ pageSize: 200, pageToken: first.nextPageToken });

  const ids = [...first.products, ...second.products].map(({ productId }) => productId);
  expect(ids).toHaveLength(16);
  expect(ids).not.toContain('0-before-all');
  expect(second.nextPageToken).toBe('');
});

it('inserts a new product with its stock and publishes it', async () => {
  await using fixture = await startInventoryFixture();

  const { product } = await fixture.client.upsertProduct(LAMP);
  await fixture.settled({});

  const { initialOnHand: _, ...described } = LAMP;
  const stock = { onHand: 5, reserved: 0, available: 5, sold: 0n };
  expect(product).toMatchObject({ ...described, ...stock, version: 1n });
  const [event, ...more] = await changesOf(fixture, 'lamp');
  expect(event).toMatchObject({ productId: 'lamp', name: 'Lamp', unitPrice: LAMP.unitPrice, version: 1n });
  expect(more).toEqual([]);
});

it('publishes a new name and a new price, never a duplicate, and leaves the stock unchanged', async () => {
  await using fixture = await startInventoryFixture();
  await fixture.client.upsertProduct(LAMP);
  await fixture.client.adjustStock({ idempotencyKey: 'delivery-1', productId: 'lamp', delta: 3 });
  await fixture.client.reserveStock({ orderId: 'ord1', lines: lines(['lamp', 2]) });

  await fixture.client.upsertProduct({ ...LAMP, initialOnHand: 500 });
  await fixture.client.upsertProduct({ ...LAMP, name: 'Lamp, brass' });
  await fixture.client.upsertProduct({
    ...LAMP,
    name: 'Lamp, brass',
    unitPrice: { currencyCode: 'USD', minorUnits: 1_999n },
  });
  await fixture.client.upsertProduct({
    ...LAMP,
    name: 'Lamp, brass',
    unitPrice: { currencyCode: 'USD', minorUnits: 1n },
  });
  const { product } = await fixture.client.upsertProduct({
    ...LAMP,
    name: 'Lamp, brass',
    unitPrice: { currencyCode: 'USD', minorUnits: 1n },
  });
  await fixture.settled({});

  expect((await fixture.client.getProduct({ productId: 'lamp' })).product).toEqual(product);
  expect(product).toMatchObject({ name: 'Lamp, brass', version: 4n, onHand: 8, reserved: 2 });
  const changes = await changesOf(fixture, 'lamp');
  expect(changes.map(({ version }) => version).sort()).toEqual([1n, 2n, 3n, 4n]);
  expect(changes.find(({ version }) => version === 4n)?.unitPrice).toMatchObject({
    currencyCode: 'USD',
    minorUnits: 1n,
  });
});

it('adjusts stock once for each key and answers a duplicate with the current product', async () => {
  await using fixture = await startInventoryFixture();
  const adjustment = { idempotencyKey: 'delivery-1', productId: 'prod456', delta: 20 };

  expect((await fixture.client.adjustStock(adjustment)).product).toMatchObject({ onHand: 120, version: 1n });
  await fixture.client.adjustStock({ idempotencyKey: 'breakage-1', productId: 'prod456', delta: -5 });
  expect((await fixture.client.adjustStock(adjustment)).product).toMatchObject({ onHand: 115 });
});

it('stores the stock and the time that it answers an adjustment with', async () => {
  await using fixture = await startInventoryFixture();

  const { product } = await fixture.client.adjustStock({ idempotencyKey: 'key', productId: 'prod456', delta: 20 });

  expect((await fixture.client.getProduct({ productId: 'prod456' })).product).toEqual(product);
});

it('adjusts stock for each operator, also when two of them choose the same key', async () => {
  await using fixture = await startInventoryFixture();
  const adjustment = { idempotencyKey: 'delivery-1', productId: 'prod456', delta: 20 };
  const as = (operator: string) => clientBy('gRPC', fixture.url, InventoryService, asCaller('operator', operator));

  await as('olga').adjustStock(adjustment);
  await as('otto').adjustStock({ ...adjustment, delta: 1 });
  await as('olga').adjustStock(adjustment);

  expect(await fixture.available('prod456')).toBe(121);
});

it('answers a key from before callers were known', async () => {
  await using fixture = await startInventoryFixture();
  const adjustment = { idempotencyKey: 'delivery-1', productId: 'prod456', delta: 20 };
  await fixture.client.adjustStock(adjustment);
  await using session = await openSession(fixture.database.superuserUrl);
  await session.sql("update stock_adjustment set idempotency_key = 'delivery-1'");

  await fixture.client.adjustStock(adjustment);

  expect(await fixture.available('prod456')).toBe(120);
});

it('refuses a key that was used for another adjustment', async () => {
  await using fixture = await startInventoryFixture();
  const adjustment = { idempotencyKey: 'key', productId: 'prod456', delta: 20 };
  await fixture.client.adjustStock(adjustment);

  expect(await reasonOf(fixture.client.adjustStock({ ...adjustment, delta: 21 }))).toBe('IDEMPOTENCY_KEY_REUSED');
  expect(await reasonOf(fixture.client.adjustStock({ ...adjustment, productId: 'prod789' }))).toBe(
    'IDEMPOTENCY_KEY_REUSED',
  );
  expect(await reasonOf(fixture.client.adjustStock({ ...adjustment, productId: 'unknown' }))).toBe(
    'IDEMPOTENCY_KEY_REUSED',
  );
  expect(await fixture.available('prod456')).toBe(120);
});

it('never removes reserved stock, and leaves the key of a refused adjustment unused', async () => {
  await using fixture = await startInventoryFixture();
  await fixture.client.reserveStock({ orderId: 'ord1', lines: lines(['prod456', 60]) });
  const tooMuch = { idempotencyKey: 'key', productId: 'prod456', delta: -41 };

  expect(await reasonOf(fixture.client.adjustStock(tooMuch))).toBe('STOCK_WOULD_BE_NEGATIVE');
  const { product } = await fixture.client.adjustStock({ ...tooMuch, delta: -40 });

  expect(product).toMatchObject({ onHand: 60, reserved: 60, available: 0 });
});

function changesOf(fixture: Awaited<ReturnType<typeof startInventoryFixture>>, productId: string) {
  return readEventBodies(fixture.nats, ProductChangedSchema).then((events) =>
    events.filter((event) => event.productId === productId),
  );
}

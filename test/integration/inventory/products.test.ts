// Products, their prices and their stock, over the wire and in the real database.
import { expect, it } from 'vitest';
import { ProductChangedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { readEventBodies } from '../../support/events.ts';
import { lines, reasonOf, startInventoryFixture } from '../../support/services/inventory.ts';

const LAMP = {
  productId: 'lamp',
  name: 'Lamp',
  unitPrice: { currencyCode: 'EUR', minorUnits: 1_999n },
  initialOnHand: 5,
};

it('tells that 100 of product 12345 can be ordered', async () => {
  await using shelf = await startInventoryFixture();

  const answer = await shelf.client.checkAvailability({ productId: '12345' });

  expect(answer).toMatchObject({ productId: '12345', available: true, quantity: 100 });
});

it('tells that a product can not be ordered once all of it is reserved', async () => {
  await using shelf = await startInventoryFixture();
  await shelf.client.reserveStock({ orderId: 'ord1', lines: lines(['prod789', 50]) });

  const answer = await shelf.client.checkAvailability({ productId: 'prod789' });

  expect(answer).toMatchObject({ available: false, quantity: 0 });
});

it('answers not_found for a product that is not there', async () => {
  await using shelf = await startInventoryFixture();
  const productId = 'no-such-product';

  expect(await reasonOf(shelf.client.checkAvailability({ productId }))).toBe('PRODUCT_NOT_FOUND');
  expect(await reasonOf(shelf.client.getProduct({ productId }))).toBe('PRODUCT_NOT_FOUND');
  expect(await reasonOf(shelf.client.adjustStock({ idempotencyKey: 'key', productId, delta: 1 }))).toBe(
    'PRODUCT_NOT_FOUND',
  );
});

it('lists all products by id, page by page, each once', async () => {
  await using shelf = await startInventoryFixture();
  const seen: string[] = [];
  let pageToken = '';

  do {
    const page = await shelf.client.listProducts({ pageSize: 5, pageToken });
    expect(page.products.length).toBeLessThanOrEqual(5);
    seen.push(...page.products.map(({ productId }) => productId));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');

  expect(seen).toHaveLength(16);
  expect(seen).toEqual([...new Set(seen)].sort());
  expect((await shelf.client.listProducts({})).products.map(({ productId }) => productId)).toEqual(seen);
});

it('keeps a place in the list while products come and change before it', async () => {
  await using shelf = await startInventoryFixture();
  const first = await shelf.client.listProducts({ pageSize: 3 });
  await shelf.client.upsertProduct({ ...LAMP, productId: '0-before-all' });

  const second = await shelf.client.listProducts({ pageSize: 200, pageToken: first.nextPageToken });

  const ids = [...first.products, ...second.products].map(({ productId }) => productId);
  expect(ids).toHaveLength(16);
  expect(ids).not.toContain('0-before-all');
  expect(second.nextPageToken).toBe('');
});

it('puts a new product in with its stock and tells of it', async () => {
  await using shelf = await startInventoryFixture();

  const { product } = await shelf.client.upsertProduct(LAMP);
  await shelf.settled({});

  const { initialOnHand: _, ...described } = LAMP;
  const stock = { onHand: 5, reserved: 0, available: 5, sold: 0n };
  expect(product).toMatchObject({ ...described, ...stock, version: 1n });
  const [event, ...more] = await changesOf(shelf, 'lamp');
  expect(event).toMatchObject({ productId: 'lamp', name: 'Lamp', unitPrice: LAMP.unitPrice, version: 1n });
  expect(more).toEqual([]);
});

it('tells of a new name and of a new price, never of a repeat, and leaves the stock alone', async () => {
  await using shelf = await startInventoryFixture();
  await shelf.client.upsertProduct(LAMP);
  await shelf.client.adjustStock({ idempotencyKey: 'delivery-1', productId: 'lamp', delta: 3 });
  await shelf.client.reserveStock({ orderId: 'ord1', lines: lines(['lamp', 2]) });

  await shelf.client.upsertProduct({ ...LAMP, initialOnHand: 500 });
  await shelf.client.upsertProduct({ ...LAMP, name: 'Lamp, brass' });
  await shelf.client.upsertProduct({
    ...LAMP,
    name: 'Lamp, brass',
    unitPrice: { currencyCode: 'USD', minorUnits: 1_999n },
  });
  await shelf.client.upsertProduct({
    ...LAMP,
    name: 'Lamp, brass',
    unitPrice: { currencyCode: 'USD', minorUnits: 1n },
  });
  const { product } = await shelf.client.upsertProduct({
    ...LAMP,
    name: 'Lamp, brass',
    unitPrice: { currencyCode: 'USD', minorUnits: 1n },
  });
  await shelf.settled({});

  expect((await shelf.client.getProduct({ productId: 'lamp' })).product).toEqual(product);
  expect(product).toMatchObject({ name: 'Lamp, brass', version: 4n, onHand: 8, reserved: 2 });
  const changes = await changesOf(shelf, 'lamp');
  expect(changes.map(({ version }) => version).sort()).toEqual([1n, 2n, 3n, 4n]);
  expect(changes.find(({ version }) => version === 4n)?.unitPrice).toMatchObject({
    currencyCode: 'USD',
    minorUnits: 1n,
  });
});

it('adjusts stock once for each key and answers a repeat with the product as it now stands', async () => {
  await using shelf = await startInventoryFixture();
  const adjustment = { idempotencyKey: 'delivery-1', productId: 'prod456', delta: 20 };

  expect((await shelf.client.adjustStock(adjustment)).product).toMatchObject({ onHand: 120, version: 1n });
  await shelf.client.adjustStock({ idempotencyKey: 'breakage-1', productId: 'prod456', delta: -5 });
  expect((await shelf.client.adjustStock(adjustment)).product).toMatchObject({ onHand: 115 });
});

it('refuses a key that was used for another adjustment', async () => {
  await using shelf = await startInventoryFixture();
  const adjustment = { idempotencyKey: 'key', productId: 'prod456', delta: 20 };
  await shelf.client.adjustStock(adjustment);

  expect(await reasonOf(shelf.client.adjustStock({ ...adjustment, delta: 21 }))).toBe('IDEMPOTENCY_KEY_REUSED');
  expect(await reasonOf(shelf.client.adjustStock({ ...adjustment, productId: 'prod789' }))).toBe(
    'IDEMPOTENCY_KEY_REUSED',
  );
  expect(await reasonOf(shelf.client.adjustStock({ ...adjustment, productId: 'unknown' }))).toBe(
    'IDEMPOTENCY_KEY_REUSED',
  );
  expect(await shelf.available('prod456')).toBe(120);
});

it('never takes away what is promised to orders, and leaves the key of a refusal free', async () => {
  await using shelf = await startInventoryFixture();
  await shelf.client.reserveStock({ orderId: 'ord1', lines: lines(['prod456', 60]) });
  const tooMuch = { idempotencyKey: 'key', productId: 'prod456', delta: -41 };

  expect(await reasonOf(shelf.client.adjustStock(tooMuch))).toBe('STOCK_WOULD_BE_NEGATIVE');
  const { product } = await shelf.client.adjustStock({ ...tooMuch, delta: -40 });

  expect(product).toMatchObject({ onHand: 60, reserved: 60, available: 0 });
});

function changesOf(shelf: Awaited<ReturnType<typeof startInventoryFixture>>, productId: string) {
  return readEventBodies(shelf.nats, ProductChangedSchema).then((events) =>
    events.filter((event) => event.productId === productId),
  );
}

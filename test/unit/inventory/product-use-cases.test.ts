import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  AdjustStockRequestSchema,
  CheckAvailabilityRequestSchema,
  GetProductRequestSchema,
  ListProductsRequestSchema,
  UpsertProductRequestSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { adjustStock } from '#services/inventory/adjust-stock.ts';
import { FIRST_CATALOGUE } from '#services/inventory/catalogue.ts';
import { checkAvailability } from '#services/inventory/check-availability.ts';
import { getProduct } from '#services/inventory/get-product.ts';
import { listProducts } from '#services/inventory/list-products.ts';
import { createCatalogueSeed, seedCatalogue } from '#services/inventory/seed-catalogue.ts';
import { upsertProduct } from '#services/inventory/upsert-product.ts';
import { unavailable } from '#services/platform/base/errors.ts';
import type { Database } from '#services/platform/storage/database.ts';
import { dependOn, productRow, scriptDatabase } from './scripted-database.ts';

const AWAY = unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'away', retryAfterMs: 1_000 });

describe('CheckAvailability', () => {
  const check = (database: Database, productId: string) =>
    checkAvailability(dependOn(database), create(CheckAvailabilityRequestSchema, { productId }));

  it('counts what is on hand and not reserved', async () => {
    expect(await check(scriptDatabase([productRow()]), 'prod456')).toEqual({
      productId: 'prod456',
      available: true,
      quantity: 90,
    });
  });

  it('says that nothing is available once all is reserved', async () => {
    const database = scriptDatabase([productRow({ reserved: 100 })]);
    expect(await check(database, 'prod456')).toMatchObject({ available: false, quantity: 0 });
  });

  it('refuses an unknown product and an empty id', async () => {
    await expect(check(scriptDatabase([]), 'prod0')).rejects.toMatchObject({ reason: 'PRODUCT_NOT_FOUND' });
    await expect(check(scriptDatabase(), '')).rejects.toMatchObject({ violations: [{ field: 'product_id' }] });
  });
});

describe('GetProduct', () => {
  const get = (database: Database, productId: string) =>
    getProduct(dependOn(database), create(GetProductRequestSchema, { productId }));

  it('answers with exact money and counts', async () => {
    const database = scriptDatabase([productRow({ unit_price_minor: '9007199254740993', sold: '9007199254740995' })]);
    expect(await get(database, 'prod456')).toMatchObject({
      product: {
        unitPrice: { currencyCode: 'EUR', minorUnits: 9_007_199_254_740_993n },
        sold: 9_007_199_254_740_995n,
        version: 3n,
        available: 90,
      },
    });
  });

  it('refuses an unknown product and an id with a control character', async () => {
    await expect(get(scriptDatabase([]), 'prod0')).rejects.toMatchObject({ reason: 'PRODUCT_NOT_FOUND' });
    await expect(get(scriptDatabase(), 'a\tb')).rejects.toMatchObject({ violations: [{ field: 'product_id' }] });
  });
});

describe('ListProducts', () => {
  const list = (database: Database, request: object) =>
    listProducts(dependOn(database), create(ListProductsRequestSchema, request));
  const rows = ['a', 'b', 'c'].map((product_id) => productRow({ product_id }));

  it('asks for one more than a page holds, and leaves it out', async () => {
    const database = scriptDatabase(rows);
    const { products, nextPageToken } = await list(database, { pageSize: 2 });
    expect(products).toHaveLength(2);
    expect(nextPageToken).not.toBe('');
    expect(database.statements[0]?.values).toEqual([null, 3]);
  });

  it('goes on after the last product of the page before', async () => {
    const { nextPageToken } = await list(scriptDatabase(rows), { pageSize: 2 });
    const database = scriptDatabase(rows.slice(2));
    const last = await list(database, { pageSize: 2, pageToken: nextPageToken });
    expect(database.statements[0]?.values).toEqual(['b', 3]);
    expect(last).toMatchObject({ products: [{ productId: 'c' }], nextPageToken: '' });
  });

  it('has 50 on a page when no size is asked for', async () => {
    const database = scriptDatabase([]);
    expect(await list(database, {})).toEqual({ products: [], nextPageToken: '' });
    expect(database.statements[0]?.values).toEqual([null, 51]);
  });

  it('names a wrong size and a wrong token together', async () => {
    await expect(list(scriptDatabase(), { pageSize: 201, pageToken: '?' })).rejects.toMatchObject({
      violations: [{ field: 'page_size' }, { field: 'page_token' }],
    });
  });
});

describe('UpsertProduct', () => {
  const PLATE = { productId: 'prod456', name: 'Plate', unitPrice: { currencyCode: 'EUR', minorUnits: 2_000n } };
  const upsert = (database: Database, request: object) => {
    const dependencies = dependOn(database);
    const answer = upsertProduct(dependencies, create(UpsertProductRequestSchema, request));
    return { answer, wakeRelay: dependencies.wakeRelay };
  };

  it('puts a new product in and has that published', async () => {
    const { answer, wakeRelay } = upsert(scriptDatabase([productRow({ version: '1' })]), PLATE);
    expect(await answer).toMatchObject({ product: { version: 1n } });
    expect(wakeRelay).toHaveBeenCalledOnce();
  });

  it('stores a change a version on and has that published', async () => {
    const database = scriptDatabase([], [productRow()], []);
    const { answer, wakeRelay } = upsert(database, { ...PLATE, name: 'Dish' });
    expect(await answer).toMatchObject({ product: { name: 'Dish', version: 4n } });
    expect(database.statements[2]?.values.slice(0, 5)).toEqual(['prod456', 'Dish', 'EUR', '2000', '4']);
    expect(wakeRelay).toHaveBeenCalledOnce();
  });

  it('stores and publishes nothing when nothing is new', async () => {
    const database = scriptDatabase([], [productRow()]);
    const { answer, wakeRelay } = upsert(database, { ...PLATE, initialOnHand: 9 });
    expect(await answer).toMatchObject({ product: { version: 3n, onHand: 100 } });
    expect(database.statements).toHaveLength(2);
    expect(wakeRelay).not.toHaveBeenCalled();
  });

  it('takes a price of nothing, not one below', async () => {
    const free = { ...PLATE, unitPrice: { currencyCode: 'EUR', minorUnits: 0n } };
    await expect(upsert(scriptDatabase([productRow()]), free).answer).resolves.toBeDefined();
    const negative = { ...PLATE, unitPrice: { currencyCode: 'EUR', minorUnits: -1n } };
    await expect(upsert(scriptDatabase(), negative).answer).rejects.toMatchObject({
      violations: [{ field: 'unit_price.minor_units' }],
    });
  });

  it('names every fault before it touches the database', async () => {
    const wrong = {
      productId: '',
      name: 'n'.repeat(201),
      unitPrice: { currencyCode: 'Euro', minorUnits: 1_000_000_000_001n },
      initialOnHand: -1,
    };
    const fields = ['product_id', 'name', 'unit_price.currency_code', 'unit_price.minor_units', 'initial_on_hand'];
    await expect(upsert(scriptDatabase(), wrong).answer).rejects.toMatchObject({
      violations: fields.map((field) => ({ field })),
    });
    await expect(upsert(scriptDatabase(), { productId: 'a', name: 'b' }).answer).rejects.toMatchObject({
      violations: [{ field: 'unit_price' }],
    });
  });
});

describe('AdjustStock', () => {
  const adjust = (database: Database, change: object = {}) =>
    adjustStock(
      dependOn(database),
      create(AdjustStockRequestSchema, { idempotencyKey: 'key', productId: 'prod456', delta: 5, ...change }),
    );

  it('answers with the stock it leaves', async () => {
    const database = scriptDatabase([productRow()], [], [{ product_id: 'prod456' }]);
    expect(await adjust(database)).toMatchObject({ product: { onHand: 105, reserved: 10, available: 95 } });
  });

  it('answers a repeat with the product as it now stands', async () => {
    const database = scriptDatabase([productRow({ on_hand: 77 })], [{ product_id: 'prod456', delta: 5 }]);
    expect(await adjust(database)).toMatchObject({ product: { onHand: 77 } });
    expect(database.statements).toHaveLength(2);
  });

  it('refuses a key of another adjustment, seen before or only when it is stored', async () => {
    const other = { product_id: 'prod789', delta: 5 };
    const reused = { reason: 'IDEMPOTENCY_KEY_REUSED' };
    await expect(adjust(scriptDatabase([productRow()], [other]))).rejects.toMatchObject(reused);
    await expect(adjust(scriptDatabase([productRow()], [], [], [other]))).rejects.toMatchObject(reused);
  });

  it('refuses an unknown product, and more than there is to take', async () => {
    await expect(adjust(scriptDatabase([], []))).rejects.toMatchObject({ reason: 'PRODUCT_NOT_FOUND' });
    await expect(adjust(scriptDatabase([productRow()], []), { delta: -91 })).rejects.toMatchObject({
      reason: 'STOCK_WOULD_BE_NEGATIVE',
    });
  });

  it('names every fault before it touches the database', async () => {
    await expect(
      adjust(scriptDatabase(), { idempotencyKey: 'k'.repeat(129), productId: '', delta: 0 }),
    ).rejects.toMatchObject({
      violations: [{ field: 'idempotency_key' }, { field: 'product_id' }, { field: 'delta' }],
    });
  });
});

describe('the first catalogue', () => {
  const added = FIRST_CATALOGUE.map(({ productId }) => [productRow({ product_id: productId })]);

  it('is put in product by product and published', async () => {
    const dependencies = dependOn(scriptDatabase([{ name: 'first' }], ...added));
    expect(await seedCatalogue(dependencies)).toBe(true);
    expect(dependencies.wakeRelay).toHaveBeenCalledOnce();
  });

  it('is left alone when it ever was put in', async () => {
    const database = scriptDatabase([]);
    const dependencies = dependOn(database);
    expect(await seedCatalogue(dependencies)).toBe(false);
    expect(database.statements).toHaveLength(1);
    expect(dependencies.wakeRelay).not.toHaveBeenCalled();
  });

  it('waits for a database that is away', async () => {
    const database = scriptDatabase(AWAY, []);
    await createCatalogueSeed(dependOn(database)).start?.();
    expect(database.statements).toHaveLength(2);
  });

  it('stops waiting when the service stops', async () => {
    const part = createCatalogueSeed(dependOn(scriptDatabase(...Array.from({ length: 50 }, () => AWAY))));
    const starting = part.start?.();
    await part.stop();
    await expect(starting).rejects.toBe(AWAY);
  });

  it('does not hide an error that waiting cannot mend', async () => {
    const part = createCatalogueSeed(dependOn(scriptDatabase(new Error('no such table'))));
    await expect(part.start?.()).rejects.toThrow('no such table');
  });
});

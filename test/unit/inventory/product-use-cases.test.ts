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
import { listProducts, readPage } from '#services/inventory/list-products.ts';
import { createCatalogueSeed, seedCatalogue } from '#services/inventory/seed-catalogue.ts';
import { upsertProduct } from '#services/inventory/upsert-product.ts';
import { unavailable } from '#services/platform/base/errors.ts';
import type { Database } from '#services/platform/storage/database.ts';
import { testCall } from '../../support/services/call.ts';
import { serve } from '../../support/services/serve.ts';
import { dependOn, productRow, scriptDatabase } from './scripted-database.ts';

const UNAVAILABLE = unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'unavailable', retryAfterMs: 1_000 });

describe('CheckAvailability', () => {
  const check = (database: Database, productId: string) =>
    serve(CheckAvailabilityRequestSchema, { productId }, (request) => checkAvailability(dependOn(database), request));

  it('counts what is on hand and not reserved', async () => {
    expect(await check(scriptDatabase([productRow()]), 'prod456')).toEqual({
      productId: 'prod456',
      available: true,
      quantity: 90,
    });
  });

  it('reports that nothing is available once all is reserved', async () => {
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
    serve(GetProductRequestSchema, { productId }, (request) => getProduct(dependOn(database), request));

  it('returns exact amounts and counts', async () => {
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
    serve(ListProductsRequestSchema, request, (valid) => listProducts(dependOn(database), valid), readPage);
  const rows = ['a', 'b', 'c'].map((product_id) => productRow({ product_id }));

  it('reads one row more than the page and leaves it out', async () => {
    const database = scriptDatabase(rows);
    const { products, nextPageToken } = await list(database, { pageSize: 2 });
    expect(products).toHaveLength(2);
    expect(nextPageToken).not.toBe('');
    expect(database.statements[0]?.values).toEqual([3]);
  });

  it('continues after the last product of the previous page', async () => {
    const { nextPageToken } = await list(scriptDatabase(rows), { pageSize: 2 });
    const database = scriptDatabase(rows.slice(2));
    const last = await list(database, { pageSize: 2, pageToken: nextPageToken });
    expect(database.statements[0]?.values).toEqual(['b', 3]);
    expect(last).toMatchObject({ products: [{ productId: 'c' }], nextPageToken: '' });
  });

  it('has 50 products on a page by default', async () => {
    const database = scriptDatabase([]);
    expect(await list(database, {})).toEqual({ products: [], nextPageToken: '' });
    expect(database.statements[0]?.values).toEqual([51]);
  });

  it('reports an invalid size and an invalid token together', async () => {
    await expect(list(scriptDatabase(), { pageSize: -1, pageToken: '?' })).rejects.toMatchObject({
      violations: [{ field: 'page_size' }, { field: 'page_token' }],
    });
  });
});

describe('UpsertProduct', () => {
  const PLATE = { productId: 'prod456', name: 'Plate', unitPrice: { currencyCode: 'EUR', minorUnits: 2_000n } };
  const upsert = (database: Database, request: object) => {
    const dependencies = dependOn(database);
    const answer = serve(UpsertProductRequestSchema, request, (valid) => upsertProduct(dependencies, valid));
    return { answer, wakeRelay: dependencies.wakeRelay };
  };

  it('inserts a new product and wakes the relay', async () => {
    const { answer, wakeRelay } = upsert(scriptDatabase([productRow({ version: '1' })]), PLATE);
    expect(await answer).toMatchObject({ product: { version: 1n } });
    expect(wakeRelay).toHaveBeenCalledOnce();
  });

  it('stores a change with the next version and wakes the relay', async () => {
    const database = scriptDatabase([], [productRow()], []);
    const { answer, wakeRelay } = upsert(database, { ...PLATE, name: 'Dish' });
    expect(await answer).toMatchObject({ product: { name: 'Dish', version: 4n } });
    const { values = [] } = database.statements[2] ?? {};
    expect([values.at(-1), ...values.slice(4, 8)]).toEqual(['prod456', 'Dish', 'EUR', '2000', '4']);
    expect(wakeRelay).toHaveBeenCalledOnce();
  });

  it('stores and publishes nothing when nothing changes', async () => {
    const database = scriptDatabase([], [productRow()]);
    const { answer, wakeRelay } = upsert(database, { ...PLATE, initialOnHand: 9 });
    expect(await answer).toMatchObject({ product: { version: 3n, onHand: 100 } });
    expect(database.statements).toHaveLength(2);
    expect(wakeRelay).not.toHaveBeenCalled();
  });

  it('accepts a price of zero and refuses a negative one', async () => {
    const free = { ...PLATE, unitPrice: { currencyCode: 'EUR', minorUnits: 0n } };
    await expect(upsert(scriptDatabase([productRow()]), free).answer).resolves.toBeDefined();
    const negative = { ...PLATE, unitPrice: { currencyCode: 'EUR', minorUnits: -1n } };
    await expect(upsert(scriptDatabase(), negative).answer).rejects.toMatchObject({
      violations: [{ field: 'unit_price.minor_units' }],
    });
  });

  it('reports every violation before it queries the database', async () => {
    const wrong = {
      productId: '',
      name: 'n'.repeat(201),
      unitPrice: { currencyCode: 'Euro', minorUnits: 1_000_000_000_001n },
      initialOnHand: -1,
    };
    const fields = ['product_id', 'name', 'unit_price.minor_units', 'unit_price.currency_code', 'initial_on_hand'];
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
    serve(AdjustStockRequestSchema, { idempotencyKey: 'key', productId: 'prod456', delta: 5, ...change }, (request) =>
      adjustStock(dependOn(database), request, testCall()),
    );

  it('returns the resulting stock', async () => {
    const database = scriptDatabase([productRow()], [], [{ product_id: 'prod456' }]);
    expect(await adjust(database)).toMatchObject({ product: { onHand: 105, reserved: 10, available: 95 } });
  });

  it('answers a duplicate with the current product', async () => {
    const database = scriptDatabase([productRow({ on_hand: 77 })], [{ product_id: 'prod456', delta: 5 }]);
    expect(await adjust(database)).toMatchObject({ product: { onHand: 77 } });
    expect(database.statements).toHaveLength(2);
  });

  it('refuses a key of another adjustment, found before or only during the insert', async () => {
    const other = { product_id: 'prod789', delta: 5 };
    const reused = { reason: 'IDEMPOTENCY_KEY_REUSED' };
    await expect(adjust(scriptDatabase([productRow()], [other]))).rejects.toMatchObject(reused);
    await expect(adjust(scriptDatabase([productRow()], [], [], [other]))).rejects.toMatchObject(reused);
  });

  it('refuses an unknown product, and a delta below the reserved stock', async () => {
    await expect(adjust(scriptDatabase([], []))).rejects.toMatchObject({ reason: 'PRODUCT_NOT_FOUND' });
    await expect(adjust(scriptDatabase([productRow()], []), { delta: -91 })).rejects.toMatchObject({
      reason: 'STOCK_WOULD_BE_NEGATIVE',
    });
  });

  it('reports every violation before it queries the database', async () => {
    await expect(
      adjust(scriptDatabase(), { idempotencyKey: 'k'.repeat(129), productId: '', delta: 0 }),
    ).rejects.toMatchObject({
      violations: [{ field: 'idempotency_key' }, { field: 'product_id' }, { field: 'delta' }],
    });
  });
});

describe('the initial catalogue', () => {
  const added = FIRST_CATALOGUE.map(({ productId }) => [productRow({ product_id: productId })]);

  it('is inserted product by product and published', async () => {
    const dependencies = dependOn(scriptDatabase([{ name: 'first' }], ...added));
    expect(await seedCatalogue(dependencies)).toBe(true);
    expect(dependencies.wakeRelay).toHaveBeenCalledOnce();
  });

  it('is not inserted again', async () => {
    const database = scriptDatabase([]);
    const dependencies = dependOn(database);
    expect(await seedCatalogue(dependencies)).toBe(false);
    expect(database.statements).toHaveLength(1);
    expect(dependencies.wakeRelay).not.toHaveBeenCalled();
  });

  it('waits for an unavailable database', async () => {
    const database = scriptDatabase(UNAVAILABLE, []);
    await createCatalogueSeed(dependOn(database)).start?.();
    expect(database.statements).toHaveLength(2);
  });

  it('stops waiting when the service stops', async () => {
    const component = createCatalogueSeed(dependOn(scriptDatabase(...Array.from({ length: 50 }, () => UNAVAILABLE))));
    const starting = component.start?.();
    await component.stop();
    await expect(starting).rejects.toBe(UNAVAILABLE);
  });

  it('throws an error that waiting cannot resolve', async () => {
    const component = createCatalogueSeed(dependOn(scriptDatabase(new Error('no such table'))));
    await expect(component.start?.()).rejects.toThrow('no such table');
  });
});

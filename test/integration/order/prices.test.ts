// The order service's own prices, as the database keeps them.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPriceStore, type PriceStore, type ProductPrice } from '#services/order/price-store.ts';
import { createDatabase, type Database } from '#services/platform/storage/database.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { euros, silentLog } from '../../support/services/order-builders.ts';

const resources = new AsyncDisposableStack();
let database: Database;
let prices: PriceStore;
beforeAll(async () => {
  const { databaseUrl } = resources.use(await createTestDatabase('order'));
  database = createDatabase({ url: databaseUrl, size: 2, timeoutMs: 10_000, log: silentLog });
  resources.defer(() => database.close());
  prices = createPriceStore(database);
});
afterAll(() => resources.disposeAsync());
beforeEach(async () => {
  await database.query('truncate product_price, catalogue_load');
});

describe('the price of a product', () => {
  const priced = (minorUnits: bigint, version: bigint): ProductPrice[] => [
    { productId: 'lamp', unitPrice: euros(minorUnits), version },
  ];

  it('is that of the newest version, in whatever order the versions come', async () => {
    for (const [minorUnits, version] of [
      [200n, 2n],
      [100n, 1n],
      [300n, 3n],
      [201n, 2n],
      [301n, 3n],
    ] as const) {
      await prices.put(priced(minorUnits, version));
    }

    expect(await prices.find(['lamp'])).toEqual(new Map([['lamp', euros(300n)]]));
  });

  it('changes together with its currency', async () => {
    await prices.put(priced(200n, 1n));
    const dollars = { currencyCode: 'USD', minorUnits: 230n };
    await prices.put([{ productId: 'lamp', unitPrice: dollars, version: 2n }]);

    expect(await prices.find(['lamp'])).toEqual(new Map([['lamp', dollars]]));
  });

  it('is found for each of the baskets that are priced at the same moment', async () => {
    await prices.put(['lamp', 'chair'].map((productId) => ({ productId, unitPrice: euros(200n), version: 1n })));

    const [first, second] = await Promise.all([prices.find(['lamp']), prices.find(['chair'])]);

    expect([first.get('lamp'), second.get('chair')]).toEqual([euros(200n), euros(200n)]);
  });
});

describe('the catalogue', () => {
  it('may be marked as loaded by every replica that has read it', async () => {
    expect(await prices.isLoaded()).toBe(false);
    await prices.markLoaded();
    await prices.markLoaded();
    expect(await prices.isLoaded()).toBe(true);
  });
});

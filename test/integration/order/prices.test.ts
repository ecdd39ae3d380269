// The order service's own prices, as the database keeps them.
import { describe, expect, it } from 'vitest';
import { createPriceStore, type ProductPrice } from '#services/order/price-store.ts';
import { createDatabase } from '#services/platform/storage/database.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { euros, silentLog } from '../../support/services/order-builders.ts';

describe('the price of a product', () => {
  const priced = (minorUnits: bigint, version: bigint): ProductPrice[] => [
    { productId: 'lamp', unitPrice: euros(minorUnits), version },
  ];

  it('is that of the newest version, in whatever order the versions come', async () => {
    await using resources = new AsyncDisposableStack();
    const { databaseUrl } = resources.use(await createTestDatabase('order'));
    const database = createDatabase({ url: databaseUrl, size: 2, timeoutMs: 10_000, log: silentLog });
    resources.defer(() => database.close());
    const prices = createPriceStore(database);

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
});

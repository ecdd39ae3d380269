// The pricing flag of the running order service: its file changes under it.
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { pricingFlags } from '../../support/flags.ts';
import { startOrderFixture } from '../../support/services/order.ts';
import { PATIENT } from './patience.ts';

const items = [{ productId: 'prod456', quantity: 2 }];
const CUSTOMERS = Array.from({ length: 40 }, (_, index) => `customer-${index}`);

/** The order service with a flag file at this percentage, in a temporary folder. */
async function startWithFlags(percentage: number) {
  const resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-flags'));
  const file = join(folder.path, 'flags.json');
  await writeFile(file, pricingFlags(percentage));
  const { client, service, place } = resources.use(await startOrderFixture({ ...PATIENT, FLAG_FILE: file }));
  const isIn = async (customerId = ''): Promise<boolean> =>
    (await client.quoteOrder({ customerId, items })).pricingVersion === 'v2';
  const customersIn = async (): Promise<string[]> => {
    const chosen: string[] = [];
    for (const customerId of CUSTOMERS) if (await isIn(customerId)) chosen.push(customerId);
    return chosen;
  };
  const flags = async () => (await service.ops.getStatus({})).status?.flags ?? [];
  return { flags, place, file, isIn, customersIn, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

it('a higher percentage keeps the customers of v2; at 0 % all are on v1 within a second, and old orders keep their price', {
  tags: 'seed-8.2',
}, async () => {
  await using shop = await startWithFlags(10);
  expect(await shop.flags()).toMatchObject([{ name: 'new_pricing_algorithm', enabled: true, percentage: 10 }]);
  const first = await shop.customersIn();
  expect(first.length).toBeGreaterThan(0);
  expect(first.length).toBeLessThan(10);
  const request = { idempotencyKey: 'kept', customerId: first[0] ?? '', items };
  const { order } = await shop.place(request);
  expect(order).toMatchObject({ pricingVersion: 'v2', total: { minorUnits: 3_900n } });

  // As configuration tools do it: written beside, then moved over.
  await writeFile(`${shop.file}.new`, pricingFlags(25));
  await rename(`${shop.file}.new`, shop.file);
  await expect.poll(shop.customersIn).not.toEqual(first);
  expect(await shop.customersIn()).toEqual(expect.arrayContaining(first));

  await writeFile(shop.file, pricingFlags(0));
  await expect.poll(() => shop.isIn(first[0]), { timeout: 1_000, interval: 20 }).toBe(false);
  expect(await shop.customersIn()).toEqual([]);
  expect(await shop.flags()).toMatchObject([{ percentage: 0 }]);
  expect((await shop.place({ ...request, idempotencyKey: 'later' })).order).toMatchObject({
    pricingVersion: 'v1',
    total: { minorUnits: 4_000n },
  });
  const duplicate = await shop.place(request);
  expect(duplicate.order).toMatchObject({
    orderId: order?.orderId,
    pricingVersion: 'v2',
    total: { minorUnits: 3_900n },
  });
});

it('an order service whose flags cannot be read prices orders by v1', async () => {
  await using shop = await startOrderFixture({ ...PATIENT, FLAG_FILE: '/no/such/flags.json' });
  expect((await shop.place({ items })).order).toMatchObject({ pricingVersion: 'v1', total: { minorUnits: 4_000n } });
});

// The rollout of a new pricing on the running platform, and its rollback.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { pricingFlags } from '../support/flags.ts';
import { awaitOrder, orderRequest, readProviderCharges, startTestStack } from '../support/stack.ts';

it('orders are charged by v2 at 100 %, and by v1 within a second of 0 %, without a restart', {
  tags: 'seed-8.2',
}, async () => {
  await using folder = await createGuardedDirectory('touchstone-flags');
  const file = join(folder.path, 'flags.json');
  await writeFile(file, pricingFlags(100));
  await using platform = await startTestStack({}, { serviceEnvironment: { order: { FLAG_FILE: file } } });
  const items = [{ productId: 'prod456', quantity: 2 }];
  const buy = async () => {
    const { order } = await platform.orders.createOrder(orderRequest({ items }));
    return await awaitOrder(platform, order?.orderId);
  };

  const discounted = await buy();
  await writeFile(file, pricingFlags(0));
  const quote = () => platform.orders.quoteOrder({ customerId: 'cust123', items });
  await expect.poll(quote, { timeout: 1_000, interval: 20 }).toMatchObject({ pricingVersion: 'v1' });
  const full = await buy();

  expect(discounted).toMatchObject({ pricingVersion: 'v2', total: { minorUnits: 3_900n } });
  expect(await readProviderCharges(platform, discounted.orderId)).toMatchObject([{ amount: { minor_units: 3_900 } }]);
  expect(full).toMatchObject({ pricingVersion: 'v1', total: { minorUnits: 4_000n } });
  expect(await readProviderCharges(platform, full.orderId)).toMatchObject([{ amount: { minor_units: 4_000 } }]);
  expect(platform.stack.restarts('order')).toBe(0);
});

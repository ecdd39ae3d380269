// The rollout of a new pricing on the running platform, and its rollback.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import type { Stack } from '#local/stack/stack.ts';
import { pricingFlags } from '../support/flags.ts';
import { PATIENT_DATABASE } from '../support/patience.ts';
import { awaitOrder, orderRequest, readProviderCharges, startTestStack, type TestStack } from '../support/stack.ts';

describe('a new pricing on the running platform', { tags: 'seed-8.2' }, () => {
  const resources = new AsyncDisposableStack();
  const items = [{ productId: 'prod456', quantity: 2 }];
  let platform: TestStack<Stack>;
  let file: string;

  beforeAll(async () => {
    const folder = resources.use(await createGuardedDirectory('touchstone-flags'));
    file = join(folder.path, 'flags.json');
    await writeFile(file, pricingFlags(0));
    platform = resources.use(
      await startTestStack(PATIENT_DATABASE, { serviceEnvironment: { order: { FLAG_FILE: file } } }),
    );
  });
  afterAll(() => resources.disposeAsync());

  /** Changes the flag and waits for its effect, which is promised within a second. */
  async function roll(percentage: number, pricingVersion: string): Promise<void> {
    await writeFile(file, pricingFlags(percentage));
    const quote = () => platform.orders.quoteOrder({ customerId: 'cust123', items });
    await expect.poll(quote, { timeout: 1_000, interval: 20 }).toMatchObject({ pricingVersion });
  }

  async function buy() {
    const { order } = await platform.orders.createOrder(orderRequest({ items }));
    return await awaitOrder(platform, order?.orderId);
  }

  it('charges by v2 at 100 %, without a restart', async () => {
    await roll(100, 'v2');

    const order = await buy();

    expect(order).toMatchObject({ pricingVersion: 'v2', total: { minorUnits: 3_900n } });
    expect(await readProviderCharges(platform, order.orderId)).toMatchObject([{ amount: { minor_units: 3_900 } }]);
    expect(platform.stack.restarts('order')).toBe(0);
  });

  it('charges by v1 within a second of the roll-back to 0 %, without a restart', async () => {
    await roll(100, 'v2');
    await roll(0, 'v1');

    const order = await buy();

    expect(order).toMatchObject({ pricingVersion: 'v1', total: { minorUnits: 4_000n } });
    expect(await readProviderCharges(platform, order.orderId)).toMatchObject([{ amount: { minor_units: 4_000 } }]);
    expect(platform.stack.restarts('order')).toBe(0);
  });
});

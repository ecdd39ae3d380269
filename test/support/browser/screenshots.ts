// The program behind `make screenshots`: starts a platform with some history and keeps one picture of each view in docs/images.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@connectrpc/connect';
import type { Page } from 'playwright-core';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { openCommandTransport } from '#local/identity/command-transport.ts';
import { readOperatorToken, showToken } from '#local/identity/operator-token.ts';
import { findChromium, NO_CHROMIUM, startBrowser } from './browser.ts';

const IMAGES = fileURLToPath(new URL('../../../docs/images', import.meta.url));
const RATE = 4;

const executable = findChromium();
if (executable === undefined) throw new Error(NO_CHROMIUM);
const url = process.env.CONSOLE_URL ?? `http://127.0.0.1:${process.env.CONSOLE_PORT ?? 8080}`;
const transport = openCommandTransport(process.env, url, [showToken(await readOperatorToken(process.env))]);
const control = createClient(ControlService, transport);
const orders = createClient(OrderService, transport);

await mkdir(IMAGES, { recursive: true });
await using browser = await startBrowser(executable);
await control.setTraffic({ ordersPerSecond: RATE });
try {
  await takeAll();
} finally {
  await control.setTraffic({ ordersPerSecond: 0 });
  await control.heal({});
}

async function takeAll(): Promise<void> {
  await take('orders', 'orders', (page) => page.locator('tbody tr').nth(20).waitFor());
  const { orders: found } = await orders.listOrders({ status: OrderStatus.CONFIRMED, pageSize: 1 });
  await take(`orders/${found[0]?.orderId}`, 'order', (page) => page.getByText('sent').last().waitFor());
  await take('shop', 'shop', async (page) => {
    for (const name of ['Walnut desk lamp', 'Linen tea towel'])
      await page.getByRole('button', { name: `Add ${name}` }).click();
    await page.getByRole('button', { name: 'Place order' }).click();
    await page.locator('.checkout .badge.good').waitFor();
  });
  await take('map', 'map', async (page) => {
    await page.locator('.line text', { hasText: 'ms' }).nth(2).waitFor();
    await page.locator('[data-process=payment]').click();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('is open: calls are refused').waitFor();
  });
  await control.heal({});
  await take('sales', 'sales', (page) => page.locator('.chart').waitFor());
  await take('operate', 'operate', (page) => page.locator('tbody .badge.good').nth(8).waitFor());
  await take('contracts', 'contracts', (page) => page.locator('.cell').first().waitFor());
  await control.setTraffic({ ordersPerSecond: 0 });
  await take('proof', 'proof', async (page) => {
    const rested = page.getByText(/^. all \d+ hold$/);
    const again = page.getByRole('button', { name: 'Judge now' });
    // Work that is in flight ends within seconds; each judgement says so when it has.
    for (let tries = 0; tries < 20 && (await rested.count()) === 0; tries += 1) {
      await again.click();
      await again.waitFor();
    }
    await rested.waitFor();
  });
}

async function take(view: string, name: string, prepare: (page: Page) => Promise<unknown>): Promise<void> {
  const { page, errors } = await browser.open(`${url}/#/${view}`, { height: 900 });
  await prepare(page);
  await page.evaluate('document.fonts.ready');
  await page.screenshot({ path: join(IMAGES, `${name}.png`) });
  await page.close();
  process.stdout.write(`${name}.png${errors.length > 0 ? `: ${errors.join('; ')}` : ''}\n`);
}

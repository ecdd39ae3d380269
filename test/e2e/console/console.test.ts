// The console in a real browser: order, break, recover, repair; usable by everyone, and safe against what people type.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { create, toBinary } from '@bufbuild/protobuf';
import { Client } from 'pg';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { VIEWS } from '#services/console/page/src/model/routes.ts';
import { findChromium, NO_CHROMIUM, startBrowser, type TestBrowser } from '../../support/browser/browser.ts';
import { type ConsoleStack, startConsoleStack } from '../../support/browser/console-stack.ts';
import { measurePage } from '../../support/browser/page-figures.ts';
import { PATIENCE } from '../../support/patience.ts';
import { awaitOrder, orderRequest } from '../../support/stack.ts';

const executable = findChromium();
let platform: ConsoleStack;
let browser: TestBrowser;

beforeAll(async () => {
  if (executable === undefined) return;
  [platform, browser] = await Promise.all([
    startConsoleStack({ BREAKER_RESET_MS: '500', JOURNEY_INTERVAL_MS: '60000' }),
    startBrowser(executable),
  ]);
});
beforeEach(({ skip }) => {
  if (executable === undefined) skip(NO_CHROMIUM);
});
afterEach(() => browser?.closePages());
afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await platform?.[Symbol.asyncDispose]();
});

const at = (view: string) => `${platform.url}/#/${view}`;
const badge = (page: Page, text: string) => page.locator('.checkout .badge', { hasText: text });
const box = (page: Page, name: string, state: string) => page.locator(`[data-process=${name}][data-state=${state}]`);

async function placeOrder(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Add Walnut desk lamp' }).click();
  await page.getByRole('button', { name: 'Place order' }).click();
}

it('confirms an order that is placed by mouse, and shows its journey, events, charge and mail', async () => {
  const { page, errors } = await browser.open(platform.url);

  await placeOrder(page);
  await badge(page, 'CONFIRMED').waitFor();
  await page.getByRole('link', { name: 'Show the order' }).click();

  await page.locator('.badge', { hasText: 'captured' }).waitFor();
  await page.getByText('sent', { exact: false }).first().waitFor();
  const journey = page.getByRole('region', { name: 'Journey' });
  await journey.getByText('notification sends').waitFor();
  const steps = await journey.locator('[data-kind=step] .row-name').allTextContents();
  expect(steps).toEqual([
    'Accept the order',
    'Reserve stock',
    'Charge the customer',
    'Store the verdict',
    'Confirm the reservation',
    'Reach the final state',
  ]);
  // The spans of each service arrive by themselves.
  await expect
    .poll(() => journey.locator('[data-kind=call]').allTextContents())
    .toEqual(
      [
        'CreateOrder console → order',
        'ReserveStock',
        'ProcessPayment order → payment',
        'HTTP POST payment calls',
        'ConfirmReservation',
      ].map((text) => expect.stringContaining(text)),
    );
  const events = page.getByRole('region', { name: 'Events' });
  await events.getByText('OrderConfirmed').click();
  await events.locator('pre:visible', { hasText: '"customerId": "cust123"' }).waitFor();
  expect(page.url()).toMatch(/#\/orders\/[0-9a-f-]{36}$/);
  expect(errors).toEqual([]);
});

it('loads less than 300 kB of files before the first product can be put into the basket', async () => {
  const { fileBytes, controlEnabled, inputHandled } = await measurePage(browser, platform.url);

  expect(fileBytes).toBeGreaterThan(50_000);
  expect(fileBytes).toBeLessThan(300_000);
  expect(inputHandled).toBeGreaterThanOrEqual(controlEnabled);
});

it('shows that payment is stopped, the order waits and the breaker opens, and, once healed, that the order is confirmed', async () => {
  const map = await browser.open(at('map'));
  const shop = await browser.open(platform.url);

  await map.page.locator('[data-process=payment]').click();
  await map.page.getByRole('button', { name: 'Stop' }).click();
  await box(map.page, 'payment', 'stopped').waitFor();
  await placeOrder(shop.page);
  await badge(shop.page, 'PENDING').waitFor();
  // The breaker opens by five failures in a row.
  await Promise.all(Array.from({ length: 5 }, () => platform.orders.createOrder(orderRequest())));
  await map.page.locator('.history').getByText('the breaker of order to payment is open').waitFor();
  await map.page.getByRole('button', { name: 'Heal everything' }).click();
  await box(map.page, 'payment', 'healthy').waitFor();

  await badge(shop.page, 'CONFIRMED').waitFor();
  await map.page.locator('.history').getByText('payment is healthy again').waitFor();
  expect([...map.errors, ...shop.errors]).toEqual([]);
});

it('shows that a service that is killed dies, is restarted and recovers', async () => {
  const { page } = await browser.open(at('map'));
  const restarts = platform.stack.restarts('inventory');

  await page.locator('[data-process=inventory]').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Kill' }).click();

  await page.locator('.history').getByText('inventory has died').waitFor();
  await page.locator('.history').getByText('inventory is healthy again').waitFor();
  expect(platform.stack.restarts('inventory')).toBeGreaterThan(restarts);
});

it('fills the queue of a service until it is healed, after which an order of that time has its mail', async () => {
  const { page, errors } = await browser.open(at('map'));
  const queue = page.locator('[data-process=notification] .queue');

  await page.locator('[data-process=notification]').click();
  await page.getByRole('button', { name: 'Fill its queue' }).click();
  await box(page, 'notification', 'frozen').waitFor();
  await queue.getByText('queue').waitFor();
  await page.getByText('Ends by itself in').waitFor();
  const { orderId } = await awaitOrder(platform, (await platform.orders.createOrder(orderRequest())).order?.orderId);
  await page.getByRole('button', { name: 'Heal everything' }).click();

  await queue.waitFor({ state: 'detached' });
  await box(page, 'notification', 'healthy').waitFor();
  const mails = async () => (await platform.notifications.listNotifications({ orderId })).notifications.length;
  await expect.poll(mails).toBe(1);
  expect(errors).toEqual([]);
});

it('holds one page of the list of 10,000 orders, which stays live, and reaches the others', async () => {
  await awaitOrder(platform, (await platform.orders.createOrder(orderRequest())).order?.orderId);
  await storeOrders(10_000);
  const { page, errors } = await browser.open(at('orders'));
  const rows = page.locator('.orders tbody tr');
  await rows.nth(24).waitFor();

  const { order } = await platform.orders.createOrder(orderRequest({ customerId: 'the-latest' }));

  await rows.filter({ hasText: 'the-latest' }).waitFor();
  expect(await rows.count()).toBe(25);
  await page.getByRole('button', { name: 'Older' }).click();
  await page.getByText('Page 2.').waitFor();
  await page.getByText(order?.orderId.slice(0, 8) ?? '').waitFor({ state: 'detached' });
  expect(await rows.count()).toBe(25);
  expect(errors).toEqual([]);
});

it('shows what each alert says, also of the last minutes, and for whom a flag is on', async () => {
  const proof = await browser.open(at('proof'));
  const operate = await browser.open(at('operate'));

  const alert = (name: string, state: string) => proof.page.locator(`[data-alert=${name}][data-state=${state}]`);
  await alert('LoadShed', 'quiet').getByText('that it looks back').waitFor();
  await platform.stack.stop('analytics');
  await alert('ServiceDown', 'pending').getByText('does not answer /metrics').waitFor();
  await platform.stack.start('analytics');
  await alert('ServiceDown', 'quiet').waitFor();

  await operate.page.locator('[data-flag=new_pricing_algorithm]').getByText('on for 0 %').waitFor();
  expect([...proof.errors, ...operate.errors]).toEqual([]);
});

it('lists the experiments to start, and finds that the contracts break no consumer', async () => {
  const proof = await browser.open(at('proof'));
  const contracts = await browser.open(at('contracts'));

  await proof.page.getByRole('combobox', { name: 'Experiment' }).selectOption({ value: 'kill-payment' });
  expect(await proof.page.getByRole('button', { name: 'Start' }).isEnabled()).toBe(true);
  await contracts.page.locator('[data-pair="order inventory"]').waitFor();
  const changes = contracts.page.getByRole('region', { name: 'Can I change?' });
  await changes.getByText('Compared in').waitFor();
  expect([...proof.errors, ...contracts.errors]).toEqual([]);
});

it('replays a dead letter, which is applied', async () => {
  const { page } = await browser.open(at('operate'));
  const orderId = randomUUID();
  await storeDeadLetter(orderId);

  const letters = page.getByRole('region', { name: 'Dead letters of notification' });
  await letters.getByText('Show the event').click();
  await letters.locator('pre', { hasText: orderId }).waitFor();
  await letters.getByRole('button', { name: 'Replay' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Replay' }).click();

  await letters.getByText('None.').waitFor();
  const { notifications } = await platform.notifications.listNotifications({ orderId });
  expect(notifications).toHaveLength(1);
});

it('has nothing serious to fix in any view, light or dark, and fits into 380 pixels', async () => {
  // Its row in the sales is wider than a phone, and among the twelve that are shown.
  await platform.inventory.upsertProduct({
    productId: 'long-name',
    name: `A name as long as a name can be, ${'and longer, '.repeat(9)}and longer`,
    unitPrice: { currencyCode: 'EUR', minorUnits: 1_000n },
    initialOnHand: 100,
  });
  const order = orderRequest({ items: [{ productId: 'long-name', quantity: 100 }] });
  await expect
    .poll(() => platform.orders.quoteOrder(order), PATIENCE)
    .toMatchObject({ total: { minorUnits: 100_000n } });
  const { orderId } = await awaitOrder(platform, (await platform.orders.createOrder(order)).order?.orderId);
  const views = [...VIEWS, `orders/${orderId}`];
  const { page, errors } = await browser.open(platform.url);
  const barriers: string[] = [];
  const widths: Record<string, unknown> = {};
  for (const view of views) {
    await page.goto(at(view));
    await page.locator('main h1').waitFor();
    await page.locator('.loading').first().waitFor({ state: 'detached' });
    if (view === 'sales') await page.getByText('A name as long as').waitFor();
    await page.emulateMedia({ colorScheme: 'light' });
    barriers.push(...(await findBarriers(page)).map((barrier) => `${view}: ${barrier}`));
    await page.emulateMedia({ colorScheme: 'dark' });
    barriers.push(...(await findBarriers(page, 'color-contrast')).map((barrier) => `${view}, dark: ${barrier}`));
    await page.setViewportSize({ width: 380, height: 800 });
    widths[view] = await page.evaluate('document.documentElement.scrollWidth');
    await page.setViewportSize({ width: 1280, height: 860 });
  }

  expect(barriers).toEqual([]);
  expect(widths).toEqual(Object.fromEntries(views.map((view) => [view, 380])));
  expect(errors).toEqual([]);
});

it('shows markup and emoji as the text that they are', async () => {
  const name = `<img src=x onerror="document.title='hacked'"> ${'🧿'.repeat(20)}`;
  const unitPrice = { currencyCode: 'JPY', minorUnits: 1_200n };
  await platform.inventory.upsertProduct({ productId: '0-hostile', name, unitPrice, initialOnHand: 5 });

  const { page, errors } = await browser.open(platform.url);

  const product = page.locator('.product').first();
  await product.getByText('¥1,200').waitFor();
  expect(await product.locator('h3').textContent()).toBe(name);
  expect(await page.locator('.product img').count()).toBe(0);
  expect(await page.title()).toBe('Shop · Touchstone');
  expect(errors).toEqual([]);
});

it('says that the console is gone, and that it is back', async () => {
  const { page } = await browser.open(at('orders'));
  await page.locator('main h1').waitFor();

  await platform.stack.stop('console');
  await page.getByText('The console does not answer. Trying again…').waitFor();
  await platform.stack.start('console');

  await page.getByText('Connected again.').waitFor();
});

/** The serious findings of axe, by one of its rules or by all, each with the first element that it is about. */
async function findBarriers(page: Page, rule?: string): Promise<string[]> {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(source);
  const options = { resultTypes: ['violations'], ...(rule === undefined ? {} : { runOnly: [rule] }) };
  const found = (await page.evaluate(`axe.run(${JSON.stringify(options)})`)) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  };
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

/** Stores confirmed orders that were placed an hour ago. */
async function storeOrders(count: number): Promise<void> {
  const client = new Client({ connectionString: platform.stack.databaseUrl('order') });
  await client.connect();
  try {
    await client.query(
      `insert into orders (order_id, customer_id, items, payment_method, currency_code, total_minor, pricing_version, status, verdict,
         synthetic, timeline, version, create_time, update_time, lease_until, attempts)
       select gen_random_uuid()::text, 'stored', items, '', currency_code, total_minor, pricing_version, status, verdict, synthetic,
         timeline, version, now() - interval '1 hour' - number * interval '1 second', now() - interval '1 hour', lease_until, attempts
       from (select * from orders where status = 'CONFIRMED' limit 1) as placed, generate_series(1, $1) as number`,
      [count],
    );
  } finally {
    await client.end();
  }
}

/** Stores an event that notification could apply by now. */
async function storeDeadLetter(orderId: string): Promise<void> {
  const total = { currencyCode: 'EUR', minorUnits: 5_999n };
  const payload = toBinary(
    OrderConfirmedSchema,
    create(OrderConfirmedSchema, { orderId, customerId: 'cust123', total, version: 2n }),
  );
  const client = new Client({ connectionString: platform.stack.databaseUrl('notification') });
  await client.connect();
  try {
    await client.query(
      `insert into dead_letter (dead_letter_id, stream, event_id, subject, payload, headers, error, attempts, trace_id)
       values ($1, 'SHOP_ORDER', $2, 'shop.order.v1.OrderConfirmed', $3, '{}', 'the mail address is missing', 5, '')`,
      [randomUUID(), randomUUID(), payload],
    );
  } finally {
    await client.end();
  }
}

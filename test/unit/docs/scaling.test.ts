// docs/scaling.md divides every table and no other, and its arithmetic is that of the code and of its own figures.
import { globSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createAnalyticsSubscriptions } from '#services/analytics/routes.ts';
import { EVENT_FLOWS } from '#services/domain.ts';
import { createInventorySubscriptions } from '#services/inventory/routes.ts';
import { createNotificationSubscriptions } from '#services/notification/routes.ts';
import { createOrderSubscriptions } from '#services/order/routes.ts';
import { REPOSITORY, readPage, sectionOf, tableRows } from './page.ts';

it('every table of a service is in the table of divisions', () => {
  const migrations = globSync('services/**/migrations/*.sql', { cwd: REPOSITORY });
  const created = migrations.flatMap((file) =>
    [...readPage(file).matchAll(/create table (?:if not exists )?([a-z_]+)/g)].map(([, table = '']) => table),
  );
  const rows = tableRows(sectionOf(readPage('docs/scaling.md'), 'What each table divides by'));
  // "its outbox and inbox": those of the order service, which the last row has for all.
  const named = rows.flatMap(([tables = '']) => tables.replace(/, its .*/, '').split(', '));

  expect(created.length).toBeGreaterThan(15);
  expect([...new Set(named)].toSorted()).toEqual([...new Set(created)].toSorted());
});

/** The events of a confirmed order, by their producer. */
const EVENTS: Readonly<Record<string, readonly string[]>> = {
  order: ['OrderCreated', 'OrderConfirmed'],
  inventory: ['StockReserved'],
  payment: ['PaymentCompleted'],
  notification: ['NotificationSent'],
};
const SUBSCRIPTIONS = [
  createOrderSubscriptions(() => undefined),
  createInventorySubscriptions({} as never),
  createNotificationSubscriptions(() => undefined),
  createAnalyticsSubscriptions(() => undefined),
].flat();
const numberOf = (text = '') => Number(text.replaceAll(',', ''));

it('counts the events of an order, their deliveries, and the rows of the inboxes as the services have them', () => {
  const text = sectionOf(readPage('docs/scaling.md'), 'Arithmetic for 10,000 orders/s').replaceAll('\n', ' ');
  const [, events, deliveries, handled, rows] =
    /is (\d+) events of .* delivered (\d+) times\. Of these, (\d+) have a handler, and (\d+) become rows/.exec(text) ??
    [];
  const consumed = EVENT_FLOWS.flatMap(({ consumes }) => consumes.flatMap((producer) => EVENTS[producer] ?? []));
  const handlers = SUBSCRIPTIONS.flatMap(({ producer, handlers: all }) =>
    all.filter(({ subject }) => EVENTS[producer]?.some((name) => subject.endsWith(`.${name}`))),
  );

  expect(Number(events)).toBe(Object.values(EVENTS).flat().length);
  expect(Number(deliveries)).toBe(consumed.length);
  expect(Number(handled)).toBe(handlers.length);
  expect(Number(rows)).toBe(handlers.filter(({ batch }) => batch?.isIdempotent !== true).length);
});

it('multiplies the costs of an order by 10,000 a second, today by the figures of its own table', () => {
  const page = readPage('docs/scaling.md');
  const rows = tableRows(sectionOf(page, 'Arithmetic for 10,000 orders/s'));
  const products = rows.flat().flatMap((cell) => [...cell.matchAll(/10,000 x ([\d.]+)( ms| KiB)? = ([\d,]+)/g)]);
  const PER_SECOND: Readonly<Record<string, number>> = { ' ms': 10, ' KiB': 10_000 / 1_024, undefined: 10_000 };

  expect(products.length).toBeGreaterThanOrEqual(5);
  for (const [sum, factor, unit, product] of products) {
    expect([sum, numberOf(product)]).toEqual([sum, Math.round(Number(factor) * (PER_SECOND[String(unit)] ?? 0))]);
  }
  const [measured = []] = tableRows(sectionOf(page, 'Figures'));
  const worst = measured.slice(2, 4).map((cell) => cell.split(', ').at(-1));
  expect(rows[0]?.[1]).toContain(`10,000 x ${worst[0]} ms`);
  expect(rows.find(([what]) => what === 'commits')?.[1]).toContain(`10,000 x ${worst[1]} =`);
});

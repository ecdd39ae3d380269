// What the page of the console relies on, from its sources, in a usage file for each service: a change of a contract tells what it breaks.
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { AnalyticsService } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { forwardedMethods } from '#services/console/forwarded-services.ts';
import { type PageUsage, readPageUsage } from '../../support/contracts/page-usage.ts';
import { recordPageUsage } from '../../support/contracts/record-page-usage.ts';
import { EVERY_SERVICE, findMethod } from '../../support/identity/every-service.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FILE = relative(ROOT, fileURLToPath(import.meta.url));
const recordingOf = (name: string) => ({ file: FILE, test: `the usage of ${name} is the one that is committed` });

let usage: PageUsage;

beforeAll(() => {
  usage = readPageUsage();
});

describe('the sources of the page', () => {
  it('are read whole: every RPC that they name is found, and the console forwards it', () => {
    const called = [...usage.calls].map((name) => findMethod(name.replace(/\.(\w+)$/, '/$1')));

    expect(called.length).toBeGreaterThan(15);
    for (const method of called) expect(forwardedMethods(method!.parent)).toContain(method);
  });

  /** Written by hand: one for each way in which the page reads or sends. */
  it.each([
    ['a field that a pattern takes out of a message', 'reads', 'shop.payment.v1.Charge.decline_message', true],
    ['a field behind a point', 'reads', 'shop.order.v1.Order.total', true],
    ['a field that a function takes as part of a message', 'reads', 'shop.common.v1.Money.minor_units', true],
    ['a field of a request', 'sends', 'CreateOrderRequest.paymentMethod', true],
    ['a field of a message inside a request', 'sends', 'CreateOrderItem.quantity', true],
    ['a value of an enum', 'values', 'shop.order.v1.OrderStatus.ORDER_STATUS_REFUNDED', true],
    ['a field that no view shows', 'reads', 'shop.payment.v1.Charge.decline_code', false],
    ['a field of a request that the page leaves out', 'sends', 'CreateOrderRequest.synthetic', false],
  ] as const)('show %s: %s %s', (_, kind, name, isUsed) => {
    expect(usage[kind].has(name)).toBe(isUsed);
  });
});

it.each(EVERY_SERVICE)('the usage of $name is the one that is committed', async (service) => {
  const { path, hasChanged } = await recordPageUsage(service, usage, recordingOf(service.name));

  if (hasChanged) throw new Error(`${path} has changed: review it, commit it, and run again`);
});

it('is written with the RPCs, fields and values of one service, and no others', async () => {
  await using directory = await mkdtempDisposable(`${tmpdir()}/page-usage-`);
  const found = {
    calls: new Set(['shop.analytics.v1.AnalyticsService.WatchSales', 'shop.order.v1.OrderService.GetOrder']),
    reads: new Set([
      'shop.analytics.v1.SalesSummary.revenue',
      'shop.common.v1.Money.currency_code',
      'shop.order.v1.Order.items',
    ]),
    sends: new Set<string>(),
    values: new Set<string>(),
  };

  const { path } = await recordPageUsage(AnalyticsService, found, { ...recordingOf('x'), directory: directory.path });

  expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({
    ...{ consumer: 'Console', provider: 'AnalyticsService' },
    tests: [
      {
        calls: ['shop.analytics.v1.AnalyticsService/WatchSales'],
        reads: ['shop.analytics.v1.SalesSummary.revenue', 'shop.common.v1.Money.currency_code'],
      },
    ],
  });
});

// Every call and event between the services has a contract, and every contract is declared by a test.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { DescService } from '@bufbuild/protobuf';
import { readUsage } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { createAnalyticsSubscriptions } from '#services/analytics/routes.ts';
import { createInventorySubscriptions } from '#services/inventory/routes.ts';
import { createNotificationSubscriptions } from '#services/notification/routes.ts';
import { createOrderSubscriptions } from '#services/order/routes.ts';
import type { Subscription } from '#services/platform/messaging/event-handler.ts';
import { CONTRACTS } from '../../support/contracts/contracts.ts';
import { USAGE } from '../../support/contracts/usage.ts';

type ContractJson = {
  readonly consumer: { readonly name: string };
  readonly provider: { readonly name: string };
  readonly interactions: readonly {
    readonly description: string;
    readonly pluginConfiguration: { readonly touchstone: { readonly rpc?: string; readonly event?: string } };
  }[];
};

async function readContracts(): Promise<ContractJson[]> {
  const names = (await readdir(CONTRACTS)).filter((name) => name.endsWith('.json'));
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(`${CONTRACTS}${name}`, 'utf8'))));
}

/** What the contracts are about: `OrderService: shop.inventory.v1.InventoryService/ReserveStock`. */
async function readSubjects(of: 'rpc' | 'event'): Promise<Set<string>> {
  const contracts = await readContracts();
  const subjects = contracts.flatMap(({ consumer, interactions }) =>
    interactions.flatMap(({ pluginConfiguration: { touchstone } }) =>
      touchstone[of] === undefined ? [] : [`${consumer.name}: ${touchstone[of]}`],
    ),
  );
  return new Set(subjects);
}

async function readSources(folder: string): Promise<string> {
  const path = fileURLToPath(new URL(folder, import.meta.url));
  const names = (await readdir(path)).filter((name) => name.endsWith('.ts'));
  return (await Promise.all(names.map((name) => readFile(`${path}/${name}`, 'utf8')))).join('\n');
}

describe('the contracts', () => {
  it('hold every RPC that a service calls at its dependencies, and no other', async () => {
    const calledBy = async (consumer: string, folder: string, dependencies: readonly DescService[]) => {
      const source = await readSources(`../../../services/${folder}`);
      const called = dependencies.flatMap(({ methods, typeName }) =>
        methods
          .filter(({ localName }) => new RegExp(String.raw`\.${localName}\(`).test(source))
          .map(({ name }) => `${consumer}: ${typeName}/${name}`),
      );
      expect(called.length).toBeGreaterThan(0);
      return called;
    };
    const called = [
      ...(await calledBy('OrderService', 'order', [InventoryService, PaymentService])),
      ...(await calledBy('MonitorService', 'monitor', [OrderService])),
    ];

    expect(await readSubjects('rpc')).toEqual(new Set(called));
  });

  it('hold every event that a service consumes, and no other', async () => {
    const nothing = () => undefined;
    const subscriptions: Record<string, readonly Subscription[]> = {
      OrderService: createOrderSubscriptions(nothing),
      InventoryService: createInventorySubscriptions({} as never),
      NotificationService: createNotificationSubscriptions(nothing),
      AnalyticsService: createAnalyticsSubscriptions(nothing),
    };
    const consumed = Object.entries(subscriptions).flatMap(([consumer, ofProducers]) =>
      ofProducers.flatMap(({ handlers }) => handlers.map(({ subject }) => `${consumer}: ${subject}`)),
    );

    expect(await readSubjects('event')).toEqual(new Set(consumed));
  });

  it('hold nothing that no test declares', async () => {
    const folders = ['../order', '../inventory', '../payment', '../notification', '../analytics', '../monitor'];
    const tests = (await Promise.all(folders.map(readSources))).join('\n');
    const descriptions = (await readContracts()).flatMap(({ interactions }) =>
      interactions.map(({ description }) => description),
    );

    expect(descriptions.filter((description) => !tests.includes(`.uponReceiving('${description}')`))).toEqual([]);
  });
});

describe('the usage files', () => {
  it('name the users of every RPC and event in the contracts, and only test files that exist', async () => {
    const { consumers } = await readUsage(USAGE);
    // The page's usage is read from its sources; its calls have no contract.
    const withContract = consumers.filter(({ consumer }) => consumer !== 'Console');
    const calls = withContract.flatMap(({ consumer, tests }) =>
      tests.flatMap((test) => test.calls.map((rpc) => `${consumer}: ${rpc}`)),
    );
    const types = consumers.flatMap((usage) => Object.keys(usage.types).map((type) => `${usage.consumer}: ${type}`));
    const files = new Set(consumers.flatMap(({ tests }) => tests.map(({ file }) => file)));

    expect(new Set(calls)).toEqual(await readSubjects('rpc'));
    expect(types).toEqual(expect.arrayContaining([...(await readSubjects('event'))]));
    expect([...files].filter((file) => !existsSync(new URL(`../../../${file}`, import.meta.url)))).toEqual([]);
  });
});

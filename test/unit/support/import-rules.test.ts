// Each import rule refuses a violation of it by name, and accepts what the design allows.
import { describe, expect, it } from 'vitest';
import { checkModules, type RuleSettings } from '../../support/import-rules/rules.ts';
import { scanModule } from '../../support/import-rules/scan-module.ts';

const SETTINGS: RuleSettings = {
  pureFiles: [],
  openToPureFiles: [],
  neutralContracts: ['gen/shop/ops/'],
  plainFactories: [],
  clientFactories: { pg: ['Pool'] },
  leastModules: {},
};

/** Checks modules given as text; answers `path:line rule`, one a violation. */
function check(sources: Record<string, string>, settings: Partial<RuleSettings> = {}): string[] {
  const modules = Object.entries(sources).map(([path, source]) => scanModule(path, source));
  return checkModules(modules, { ...SETTINGS, ...settings }).map(({ path, line, rule }) => `${path}:${line} ${rule}`);
}

describe('platform', () => {
  const PLATFORM = 'services/platform/inbox.ts';

  it('may not import a service, nor generated code with business nouns', () => {
    const source = `
import { Order } from '../order/order.ts';
import type { Charge } from '#gen/shop/payment/v1/payment_pb.ts';`;

    expect(check({ [PLATFORM]: source })).toEqual([
      `${PLATFORM}:2 platform-knows-no-service`,
      `${PLATFORM}:3 platform-knows-no-service`,
    ]);
  });

  it('may import npm, Node, its own files and neutral generated code', () => {
    const source = `
import { createServer } from 'node:http';
import { Pool } from 'pg';
import { createRpcServer } from '@touchstone/rpc-server';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { DomainError } from './errors.ts';`;

    expect(check({ [PLATFORM]: source })).toEqual([]);
  });

  it('keeps the rpc-server package apart from the rest of it', () => {
    const path = 'services/platform/rpc-server/routes.ts';
    const source = `import '../log.ts';\nimport '#gen/shop/ops/v1/ops_pb.ts';\nimport './cors.ts';`;

    expect(check({ [path]: source })).toEqual([
      `${path}:1 platform-knows-no-service`,
      `${path}:2 platform-knows-no-service`,
    ]);
  });
});

describe('a service', () => {
  const USE_CASE = 'services/order/create-order.ts';

  it.each([
    ['static import', `import { reserve } from '../inventory/reserve.ts';`],
    ['type-only import', `import type { Stock } from '../inventory/stock.ts';`],
    ['import for its effects', `import '#services/inventory/main.ts';`],
    ['re-export', `export { reserve } from '../inventory/reserve.ts';`],
    ['re-export of everything', `export * from '../inventory/reserve.ts';`],
    ['dynamic import', `const inventory = await import('../inventory/service.ts');`],
    ['dynamic import by a template', 'const inventory = await import(`../inventory/service.ts`);'],
    ['import in a type', `let stock: import('../inventory/stock.ts').Stock;`],
    ['import of the local stack', `import { startPostgres } from '../dev/postgres.ts';`],
  ])('may not reach another service by a %s', (_form, source) => {
    expect(check({ [USE_CASE]: source })).toContain(`${USE_CASE}:1 services-stay-apart`);
  });

  it('may import itself, platform and generated code', () => {
    const source = `
import { priceOrder } from './pricing.ts';
import type { Database } from '../platform/database.ts';
import { CreateOrderRequestSchema } from '#gen/shop/order/v1/order_service_pb.ts';`;

    expect(check({ [USE_CASE]: source })).toEqual([]);
  });

  it('may not import a name that is computed', () => {
    expect(check({ [USE_CASE]: 'const step = await import(name);' })).toContain(`${USE_CASE}:1 imports-are-literal`);
  });

  it.each(['../../test/support/stack.ts', '../../test/kit/index.ts', '@touchstone/kit'])(
    'may not import %s',
    (specifier) => {
      expect(check({ [USE_CASE]: `import '${specifier}';` })).toContain(`${USE_CASE}:1 services-know-no-test`);
    },
  );
});

describe('a pure file', () => {
  const PURE = 'services/order/order.ts';
  const settings = {
    pureFiles: [PURE, 'services/order/pricing.ts', 'services/inventory/stock.ts'],
    openToPureFiles: ['services/platform/money.ts'],
  };
  const others = {
    'services/order/pricing.ts': '',
    'services/inventory/stock.ts': '',
    'services/platform/money.ts': '',
  };

  it.each([
    `import { randomUUID } from 'node:crypto';`,
    `import { z } from 'zod';`,
    `import type { Order } from '#gen/shop/order/v1/order_pb.ts';`,
    `import { log } from '../platform/log.ts';`,
    `import { insertOrder } from './order-store.ts';`,
    `const now = Date.now();`,
    `const now = new Date();`,
    `const id = crypto.randomUUID();`,
    `const id = globalThis.crypto.randomUUID();`,
    `const chance = Math.random();`,
    `setImmediate(expire);`,
  ])('may not say %s', (source) => {
    expect(check({ ...others, [PURE]: source }, settings)).toContain(`${PURE}:1 pure-files-stay-pure`);
  });

  it('may not reach the pure file of another folder', () => {
    expect(check({ ...others, [PURE]: `import '../inventory/stock.ts';` }, settings)).toContain(
      `${PURE}:1 pure-files-stay-pure`,
    );
  });

  it('may import pure files beside it and read a date it was given', () => {
    const source = `
import { priceOrder } from './pricing.ts';
import { sumMoney } from '../platform/money.ts';
export const expire = (order: { readonly date: Date; now: number }) => new Date(order.date.getTime() + order.now);`;

    expect(check({ ...others, [PURE]: source }, settings)).toEqual([]);
  });

  it('must exist when it is on the list', () => {
    expect(check({}, { pureFiles: [PURE] })).toEqual([`${PURE}:0 named-files-exist`]);
  });

  it('must be on the list when it could be', () => {
    expect(check({ 'services/order/discount.ts': 'export const half = (price: bigint) => price / 2n;' })).toEqual([
      'services/order/discount.ts:0 pure-files-are-listed',
    ]);
  });
});

describe('construction', () => {
  const source = `
import { Pool } from 'pg';
import { createDatabase, type Database } from '../platform/database.ts';
import { createOrderStore } from './order-store.ts';`;

  it('may not happen in a use case', () => {
    const path = 'services/order/create-order.ts';

    expect(check({ [path]: source })).toEqual([2, 3, 4].map((line) => `${path}:${line} only-service-constructs`));
  });

  it('may happen in service.ts', () => {
    expect(check({ 'services/order/service.ts': source })).toEqual([]);
  });

  it('is not what types and plain factories are about', () => {
    const path = 'services/order/create-order.ts';
    const plain = `import type { createDatabase } from '../platform/database.ts';\nimport { createEvent } from '../platform/event.ts';`;
    const files = { [path]: plain, 'services/platform/event.ts': '' };

    expect(check(files, { plainFactories: ['services/platform/event.ts'] })).toEqual([]);
  });
});

describe('the process', () => {
  it.each([
    `const port = process.env.ORDER_PORT;`,
    `const port = globalThis.process.env['ORDER_PORT'];`,
    `const { env } = process;`,
    `import { env } from 'node:process';`,
    `import process from 'process';`,
  ])('may not be touched outside main.ts by: %s', (source) => {
    for (const path of [
      'services/order/config.ts',
      'services/platform/log.ts',
      'services/platform/rpc-server/cors.ts',
      'test/kit/command-line/stub.ts',
    ]) {
      expect(check({ [path]: source })).toContain(`${path}:1 only-main-touches-process`);
    }
  });

  it('may be touched by main.ts and by the local stack', () => {
    const source = 'run(process.env);';

    expect(check({ 'services/order/main.ts': source, 'services/dev/stack.ts': source })).not.toContainEqual(
      expect.stringContaining('only-main-touches-process'),
    );
  });

  it('may be handed to a function that calls its parameter so', () => {
    const source = `import './log.ts';\nexport function run(process: ProcessHandle) { return process.env; }`;

    expect(check({ 'services/platform/run-service.ts': source })).toEqual([]);
  });
});

describe('the kit', () => {
  const PATH = 'test/kit/virtual-service.ts';

  it('may not import services, generated code of the root, or the rest of test', () => {
    const source = `
import '../../services/platform/log.ts';
import '#services/platform/log.ts';
import '#gen/shop/order/v1/order_pb.ts';
import '../support/nats.ts';`;

    expect(check({ [PATH]: source })).toEqual([2, 3, 4, 5].map((line) => `${PATH}:${line} kit-stands-alone`));
  });

  it('may import npm, the rpc-server package and its own files', () => {
    const source = `import '@connectrpc/connect';\nimport '@touchstone/rpc-server';\nimport './journal.ts';\nimport './gen/kit_pb.ts';`;

    expect(check({ [PATH]: source })).toEqual([]);
  });
});

it('lets tests import anything', () => {
  const source = `import '../../kit/index.ts';\nimport '#services/order/service.ts';\nimport '#services/dev/postgres.ts';`;

  expect(check({ 'test/integration/order/a.test.ts': source })).toEqual([]);
});

it('fails when a folder shows fewer modules than expected', () => {
  const files = { 'services/dev/main.ts': '', 'services/dev/ports.ts': '' };

  expect(check(files, { leastModules: { 'services/dev': 2 } })).toEqual([]);
  expect(check(files, { leastModules: { 'services/dev': 3 } })).toEqual(['services/dev:0 enough-was-seen']);
});

it('refuses a module that does not parse, by its name', () => {
  expect(() => check({ 'services/order/order.ts': 'import {' })).toThrow('services/order/order.ts does not parse');
});

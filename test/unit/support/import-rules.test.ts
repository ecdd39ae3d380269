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
  platformLayers: ['base', 'storage', 'messaging', 'runtime'],
  mostFiles: {},
  acyclicFolders: [],
  leastModules: {},
};

/** Checks modules given as text; answers `path:line rule`, one a violation. */
function check(sources: Record<string, string>, settings: Partial<RuleSettings> = {}): string[] {
  const modules = Object.entries(sources).map(([path, source]) => scanModule(path, source));
  return checkModules(modules, { ...SETTINGS, ...settings }).map(({ path, line, rule }) => `${path}:${line} ${rule}`);
}

describe('platform', () => {
  const PLATFORM = 'services/platform/storage/database.ts';

  it('may not import a service, nor generated code with business nouns', () => {
    const source = `
import { Order } from '../../order/order.ts';
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
import { createRpcServer } from '#packages/rpc-server/index.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { DomainError } from '../base/errors.ts';`;

    expect(check({ [PLATFORM]: source })).toEqual([]);
  });

  it('keeps the rpc-server package apart from the rest of it', () => {
    const path = 'packages/rpc-server/routes.ts';
    const source = `import '../../services/platform/observability/log.ts';\nimport '#gen/shop/ops/v1/ops_pb.ts';\nimport './cors.ts';`;

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
    ['import of the local stack', `import { startPostgres } from '../../local/postgres/postgres.ts';`],
  ])('may not reach another service by a %s', (_form, source) => {
    expect(check({ [USE_CASE]: source })).toContain(`${USE_CASE}:1 services-stay-apart`);
  });

  it('may import itself, platform and generated code', () => {
    const source = `
import { priceOrder } from './pricing.ts';
import type { Database } from '../platform/storage/database.ts';
import { CreateOrderRequestSchema } from '#gen/shop/order/v1/order_service_pb.ts';`;

    expect(check({ [USE_CASE]: source })).toEqual([]);
  });

  it('may not import a name that is computed', () => {
    expect(check({ [USE_CASE]: 'const step = await import(name);' })).toContain(`${USE_CASE}:1 imports-are-literal`);
  });

  it.each(['../../test/support/stack.ts', '../../packages/kit/index.ts', '@touchstone/kit'])(
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
    openToPureFiles: ['services/platform/base/money.ts'],
  };
  const others = {
    'services/order/pricing.ts': '',
    'services/inventory/stock.ts': '',
    'services/platform/base/money.ts': '',
  };

  it.each([
    `import { randomUUID } from 'node:crypto';`,
    `import { z } from 'zod';`,
    `import type { Order } from '#gen/shop/order/v1/order_pb.ts';`,
    `import { log } from '../platform/observability/log.ts';`,
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
import { sumMoney } from '../platform/base/money.ts';
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
import { createDatabase, type Database } from '../platform/storage/database.ts';
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
    const plain = `import type { createDatabase } from '../platform/storage/database.ts';\nimport { createEvent } from '../platform/messaging/event.ts';`;
    const files = { [path]: plain, 'services/platform/messaging/event.ts': '' };

    expect(check(files, { plainFactories: ['services/platform/messaging/event.ts'] })).toEqual([]);
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
      'services/platform/observability/log.ts',
      'packages/rpc-server/cors.ts',
      'packages/kit/command-line/stub.ts',
    ]) {
      expect(check({ [path]: source })).toContain(`${path}:1 only-main-touches-process`);
    }
  });

  it('may be touched by main.ts and by the local stack', () => {
    const source = 'run(process.env);';

    expect(check({ 'services/order/main.ts': source, 'local/stack/stack.ts': source })).not.toContainEqual(
      expect.stringContaining('only-main-touches-process'),
    );
  });

  it('may be handed to a function that calls its parameter so', () => {
    const source = `import './log.ts';\nexport function run(process: ProcessHandle) { return process.env; }`;

    expect(check({ 'services/platform/runtime/run-service.ts': source })).toEqual([]);
  });
});

describe('the kit', () => {
  const PATH = 'packages/kit/virtual-service.ts';

  it('may not import services, generated code of the root, or the rest of test', () => {
    const source = `
import '../../services/platform/observability/log.ts';
import '#services/platform/observability/log.ts';
import '#gen/shop/order/v1/order_pb.ts';
import '../../test/support/nats.ts';`;

    expect(check({ [PATH]: source })).toEqual([2, 3, 4, 5].map((line) => `${PATH}:${line} kit-stands-alone`));
  });

  it('may import npm, the rpc-server package and its own files', () => {
    const source = `import '@connectrpc/connect';\nimport '@touchstone/rpc-server';\nimport './journal.ts';\nimport './gen/kit_pb.ts';`;

    expect(check({ [PATH]: source })).toEqual([]);
  });
});

describe('the layers of platform', () => {
  it('may import only downwards', () => {
    const path = 'services/platform/storage/database.ts';
    const source = `
import '../base/errors.ts';
import './migrations.ts';
import type { Runtime } from '../runtime/service-runtime.ts';`;

    expect(check({ [path]: source })).toEqual([`${path}:4 layers-point-down`]);
  });

  it('are all listed', () => {
    const path = 'services/platform/misc/tools.ts';

    expect(check({ [path]: '' })).toEqual([`${path}:0 layers-point-down`]);
  });
});

describe('folders', () => {
  const files = { 'local/a/one.ts': '', 'local/a/two.ts': '', 'local/b/one.ts': '' };

  it('may not hold more files than allowed', () => {
    expect(check(files, { mostFiles: { local: 1 } })).toEqual(['local/a:0 folders-stay-small']);
    expect(check(files, { mostFiles: { local: 2 } })).toEqual([]);
  });

  it('follow the limit of the longest path that fits', () => {
    expect(check(files, { mostFiles: { local: 1, 'local/a': 2 } })).toEqual([]);
  });

  it('may not import each other in a cycle, however long', () => {
    const cycle = {
      'local/a/one.ts': `import '../b/one.ts';`,
      'local/b/one.ts': `import type { Two } from '#local/c/two.ts';`,
      'local/c/two.ts': `import '../a/two.ts';`,
      'local/a/two.ts': '',
    };

    expect(check(cycle, { acyclicFolders: ['local'] })).toEqual(['local/a:0 no-folder-cycles']);
    expect(check({ ...cycle, 'local/c/two.ts': '' }, { acyclicFolders: ['local'] })).toEqual([]);
  });
});

it('lets tests import anything', () => {
  const source = `import '../../../packages/kit/index.ts';\nimport '#services/order/service.ts';\nimport '#local/postgres/postgres.ts';`;

  expect(check({ 'test/integration/order/a.test.ts': source })).toEqual([]);
});

it('fails when a folder shows fewer modules than expected', () => {
  const files = { 'local/stack/main.ts': '', 'local/process/ports.ts': '' };

  expect(check(files, { leastModules: { local: 2 } })).toEqual([]);
  expect(check(files, { leastModules: { local: 3 } })).toEqual(['local:0 enough-was-seen']);
});

it('refuses a module that does not parse, by its name', () => {
  expect(() => check({ 'services/order/order.ts': 'import {' })).toThrow('services/order/order.ts does not parse');
});

describe('services/domain.ts', () => {
  const importing = (path: string, specifier: string) => check({ [path]: `import { DOMAIN } from '${specifier}';` });

  it('may be imported by services and by the local platform', () => {
    expect(importing('services/order/service.ts', '../domain.ts')).toEqual([]);
    expect(importing('local/shared/topology.ts', '../../services/domain.ts')).toEqual([]);
  });

  it('may not be imported by the platform', () => {
    const path = 'services/platform/messaging/streams.ts';

    expect(importing(path, '../../domain.ts')).toEqual([`${path}:1 platform-knows-no-service`]);
  });
});

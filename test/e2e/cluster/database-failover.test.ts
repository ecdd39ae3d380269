// The platform on a database server with a standby, which is promoted while customers order.
import { randomBytes } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { Code, createClient } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { type ServiceName, services } from '#local/shared/topology.ts';
import { startStack } from '#local/stack/stack.ts';
import { type PostgresPair, startPostgresPair } from '../../support/cluster/postgres-pair.ts';
import { until } from '../../support/cluster/until.ts';
import { NO_CUSTOMER_LIMIT } from '../../support/identity/credentials.ts';
import { connectTo } from '../../support/identity/stack-transport.ts';
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';
import { acknowledgedOrder, checkInvariants, listViolations, sourcesOf } from '../../support/invariants/invariants.ts';
import { isSlowSkipped, SLOW_SKIPPED } from '../../support/slow/slow-tests.ts';
import { awaitOrder, type Failure, failureOf, orderRequest, runProgram } from '../../support/stack.ts';

const SERVICES: readonly ServiceName[] = ['order', 'inventory', 'payment', 'notification', 'analytics'];
const ORDERS_A_PHASE = 10;

it('a failover of the database loses no answered order; callers are told unavailable with retry advice, then go on', async ({
  skip,
}) => {
  skip(isSlowSkipped, SLOW_SKIPPED);
  await using folder = await createGuardedDirectory('touchstone-e2e');
  // The database server's account must be able to traverse this folder.
  await chmod(folder.path, 0o711);
  await using databases = await startPostgresPair(folder.path, randomBytes(24).toString('hex'));
  const urls = await createDatabases(databases);
  const migrated = await runProgram(process.execPath, ['services/migration/main.ts'], urls);
  expect(migrated).toMatchObject({ exitCode: 0, stderr: '' });
  await using stack = await startStack({
    dataDir: join(folder.path, 'data'),
    ports: 'free',
    durable: false,
    environment: { PATH: process.env.PATH, ...NO_CUSTOMER_LIMIT, ...withoutOwners(urls) },
    services: SERVICES,
  });
  const orders = createClient(OrderService, connectTo(stack, 'order'));
  await until(() => orders.quoteOrder({ customerId: 'cust123', items: [{ productId: '12345', quantity: 1 }] }));
  const answered: AcknowledgedOrder[] = [];
  const failures: Failure[] = [];
  const order = async (phase: () => boolean): Promise<void> => {
    for (let placed = 0; placed < ORDERS_A_PHASE || phase(); placed += 1) {
      const request = orderRequest();
      for (let isAnswered = false; !isAnswered; ) {
        const call = orders.createOrder(request);
        const response = await call.catch(() => undefined);
        if (response === undefined) failures.push(await failureOf(call));
        else answered.push(acknowledgedOrder(request.idempotencyKey, response));
        isAnswered = response !== undefined;
      }
    }
  };

  let isFailingOver = true;
  const ordering = order(() => isFailingOver);
  await databases.failOver().finally(() => {
    isFailingOver = false;
  });
  await ordering;
  await order(() => false);
  await databases.restoreStandby();
  await Promise.all(answered.map(({ orderId }) => awaitOrder({ orders }, orderId)));

  const retryable = { code: Code.Unavailable, retryAfterMs: expect.any(Number) };
  expect(failures).toEqual(failures.map(() => expect.objectContaining(retryable)));
  const verdicts = await checkInvariants(sourcesOf(stack), { acknowledged: answered });
  expect(listViolations(verdicts)).toEqual([]);
  expect(answered.length).toBeGreaterThanOrEqual(2 * ORDERS_A_PHASE);
}, 180_000);

async function createDatabases(databases: PostgresPair): Promise<Record<string, string>> {
  const environment: Record<string, string> = {};
  for (const { name } of services) {
    const { url, ownerUrl } = await databases.createDatabase(name);
    environment[`${name.toUpperCase()}_DATABASE_URL`] = url;
    environment[`${name.toUpperCase()}_MIGRATION_DATABASE_URL`] = ownerUrl;
  }
  return environment;
}

/** The services may not migrate: that was done before. */
function withoutOwners(urls: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(urls).filter(([name]) => !name.endsWith('_MIGRATION_DATABASE_URL')));
}

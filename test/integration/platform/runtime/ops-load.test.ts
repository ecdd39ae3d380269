// Operators, scrapes and health take nothing from the calls of a service, nor the calls from them.
import { HealthService, ServingStatus } from '@touchstone/rpc-server';
import { expect, it } from 'vitest';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import type { Runtime } from '#services/platform/runtime/service-runtime.ts';
import { openConnection } from '../../../support/clients.ts';
import { PATIENT_DATABASE_MS } from '../../../support/patience.ts';
import { createNoteDatabase, readNotes } from '../support/open-database.ts';
import { startTinyService } from './tiny-service.ts';

const NOWHERE = 'nats://127.0.0.1:1';

it('a flood of operators and scrapes is answered, while calls are served', async () => {
  await using test = await createNoteDatabase('order');
  await using tiny = await startTinyService({
    name: 'order',
    databaseUrl: test.databaseUrl,
    natsUrl: NOWHERE,
    config: { databaseTimeoutMs: PATIENT_DATABASE_MS },
  });
  using operators = openConnection(tiny.url);
  const ops = operators.client(OpsService);

  const flood = [
    Array.from({ length: 64 }, async () => (await ops.getStatus({})).status?.databaseUp),
    Array.from({ length: 64 }, async () => (await fetch(`${tiny.url}/metrics`)).ok),
    Array.from({ length: 12 }, async () => (await ops.listDeadLetters({})).deadLetters.length === 0),
  ].flat();
  const calls = Array.from({ length: 20 }, (_, index) =>
    tiny.connection.client(OrderService).cancelOrder({ orderId: `ord${index}` }),
  );

  await expect(Promise.all(calls)).resolves.toHaveLength(20);
  expect(new Set(await Promise.all(flood))).toEqual(new Set([true]));
  expect((await tiny.connection.client(HealthService).check({})).status).toBe(ServingStatus.SERVING);
});

// Of the 15 that a replica has by default.
const BACKGROUND_CONNECTIONS = 4;

it('health stays SERVING while background work holds all its connections, and calls are served', async () => {
  await using test = await createNoteDatabase('order');
  const opened = Promise.withResolvers<Runtime>();
  await using tiny = await startTinyService({
    name: 'order',
    databaseUrl: test.databaseUrl,
    natsUrl: NOWHERE,
    onDefine: opened.resolve,
  });
  const { backgroundDatabase } = await opened.promise;
  const statuses: ServingStatus[] = [];
  const leaving = new AbortController();
  const watch = async () => {
    const watching = tiny.connection.client(HealthService).watch({}, { signal: leaving.signal });
    for await (const { status } of watching) statuses.push(status);
  };
  const watching = watch().catch(() => undefined);
  await expect.poll(() => statuses).toEqual([ServingStatus.SERVING]);
  const release = Promise.withResolvers<void>();
  const held = Array.from({ length: BACKGROUND_CONNECTIONS }, () =>
    backgroundDatabase.transaction(() => release.promise),
  );

  // By the time that two have waited for a connection in vain, so would every check of health.
  for (let wait = 0; wait < 2; wait += 1) {
    await expect(backgroundDatabase.query('select 1')).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
  }
  await tiny.connection.client(OrderService).cancelOrder({ orderId: 'served' });
  expect(await readNotes(test)).toEqual(['served']);
  release.resolve();
  await Promise.all(held);

  leaving.abort();
  await watching;
  expect(statuses).toEqual([ServingStatus.SERVING]);
});

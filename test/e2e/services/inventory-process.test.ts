// The service as a process: its settings, its signals, and its state after a SIGKILL.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Code, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { hasEnded, spawnGuarded, stopGuarded } from '#local/process/watchdog.ts';
import { readEvents } from '../../support/events.ts';
import { asAllowedCaller, TEST_IDENTITY } from '../../support/identity/credentials.ts';
import { startTestNats } from '../../support/nats.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { failureOf, lines } from '../../support/services/inventory.ts';
import { startTcpGate } from '../../support/tcp-gate.ts';

const MAIN = fileURLToPath(new URL('../../../services/inventory/main.ts', import.meta.url));
const SOON = { timeout: 10_000, interval: 50 };

it('refuses to start with invalid settings, reporting each of them and no secret', async () => {
  await using inventory = spawnInventory({
    INVENTORY_DATABASE_URL: 'mysql://a:hush-hush@b/c',
    INVENTORY_PORT: 'http',
    LOG_LEVEL: 'loud',
  });

  await inventory.ended;

  expect(inventory.exitCode()).toBe(78);
  const output = inventory.output.join('\n');
  for (const name of ['INVENTORY_DATABASE_URL', 'INVENTORY_PORT', 'LOG_LEVEL']) expect(output).toContain(name);
  expect(output).not.toContain('hush-hush');
});

it('answers every accepted call, then exits 0, on SIGTERM', async () => {
  await using database = await createTestDatabase('inventory');
  await using nats = await startTestNats();
  await using inventory = spawnInventory(settings(database.databaseUrl, nats.url('inventory')));
  const client = clientOf(await inventory.serving());
  await client.getProduct({ productId: 'prod456' });

  const calls = Array.from({ length: 20 }, (_, index) =>
    client.reserveStock({ orderId: `ord${index}`, lines: lines(['prod456', 1]) }),
  );
  await Promise.race(calls);
  inventory.signal('SIGTERM');
  const answers = await Promise.all(calls);
  await inventory.ended;

  expect(inventory.exitCode()).toBe(0);
  await using again = spawnInventory(settings(database.databaseUrl, nats.url('inventory')));
  const present = clientOf(await again.serving());
  for (const { reservation } of answers) {
    const duplicate = await present.reserveStock({ orderId: reservation?.orderId ?? '', lines: lines(['prod456', 1]) });
    expect(duplicate.reservation).toEqual(reservation);
  }
  expect((await present.checkAvailability({ productId: 'prod456' })).quantity).toBe(80);
});

it.each(['shut', 'silence'] as const)(
  'ends within ten seconds of SIGTERM when its log has no reader, the broker is gone and its database is %s',
  async (outage) => {
    await using database = await createTestDatabase('inventory');
    await using nats = await startTestNats();
    const url = new URL(database.databaseUrl);
    await using gate = await startTcpGate(Number(url.port));
    url.port = String(gate.port);
    await using inventory = spawnInventory(settings(url.toString(), nats.url('inventory')));
    await inventory.serving();
    await nats.kill();
    gate[outage]();
    await expect.poll(() => inventory.output.join('\n'), SOON).toContain('the database is unreachable: not serving');

    inventory.closeOutput();
    inventory.signal('SIGTERM');

    await expect.poll(inventory.hasEnded, { timeout: 11_000, interval: 50 }).toBe(true);
  },
);

it('keeps what it answered, and publishes it, after a SIGKILL', async () => {
  await using database = await createTestDatabase('inventory');
  await using nats = await startTestNats();
  await using first = spawnInventory(settings(database.databaseUrl, nats.url('inventory')));
  const client = clientOf(await first.serving());
  await nats.stop();
  const { reservation } = await client.reserveStock({ orderId: 'ord1', lines: lines(['prod456', 2]) });
  first.signal('SIGKILL');
  await first.ended;
  const failure = await failureOf(client.checkAvailability({ productId: 'prod456' }));
  expect(Code[failure.code]).toBe('Unavailable');
  await nats.restart();

  await using second = spawnInventory(settings(database.databaseUrl, nats.url('inventory')));
  const present = clientOf(await second.serving());

  expect((await present.checkAvailability({ productId: 'prod456' })).quantity).toBe(98);
  const duplicate = await present.reserveStock({ orderId: 'ord1', lines: lines(['prod456', 2]) });
  expect(duplicate.reservation).toEqual(reservation);
  await expect.poll(() => readEvents(nats, 'shop.inventory.v1.StockReserved'), SOON).toHaveLength(1);
});

function settings(databaseUrl: string, natsUrl: string): Record<string, string> {
  return { INVENTORY_PORT: '0', INVENTORY_DATABASE_URL: databaseUrl, NATS_URL: natsUrl, ...TEST_IDENTITY };
}

function clientOf(url: string) {
  return createClient(
    InventoryService,
    createConnectTransport({
      baseUrl: url,
      httpVersion: '2',
      idleConnectionTimeoutMs: 100,
      interceptors: [asAllowedCaller()],
    }),
  );
}

function spawnInventory(environment: Record<string, string>) {
  const child = spawnGuarded(process.execPath, [MAIN], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', (line) => output.push(line));
  }
  return {
    output,
    ended,
    exitCode: () => child.exitCode,
    hasEnded: () => hasEnded(child),
    /** Nothing that it prints is read any more. */
    closeOutput: () => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    },
    signal: (name: NodeJS.Signals) => child.kill(name),
    /** The URL, once it serves. */
    serving: async (): Promise<string> => {
      const findLine = () => output.find((line) => line.includes('"msg":"serving"'));
      await expect.poll(() => hasEnded(child) || findLine(), SOON).toBeTruthy();
      const { url } = JSON.parse(findLine() ?? '{}') as { url?: string };
      if (url === undefined) throw new Error(`it does not serve:\n${output.join('\n')}`);
      return url;
    },
    [Symbol.asyncDispose]: () => stopGuarded(child),
  };
}

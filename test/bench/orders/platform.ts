// The platform of a checkout under load: its processes with durable storage, in a temporary folder, on free ports, with enough stock.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { rootCertificates, setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { InventoryService } from '../../../gen/shop/inventory/v1/inventory_service_pb.ts';
import { createGuardedDirectory, spawnGuarded, stopGuarded } from '../../../local/process/watchdog.ts';
import { ADDED_STOCK, PLENTIFUL } from '../../chaos/soak/scenario.ts';
import { asCaller, createTokens, NO_CUSTOMER_LIMIT } from '../../support/identity/credentials.ts';
import type { DriverOptions, StartedPlatform, StartedService } from './driver.ts';

const DRIVER = fileURLToPath(new URL('driver.ts', import.meta.url));
const CALL_MS = 10_000;
const STOP_GRACE_MS = 20_000;

export type Platform = AsyncDisposable & StartedPlatform & { readonly root: string };

export type PlatformOptions = {
  /** Settings for all services. */
  readonly environment: Readonly<Record<string, string>>;
  readonly countsStatements: boolean;
  /** All but monitor and console by default; inventory must be among them. */
  readonly services?: readonly StartedService[];
};

/**
 * Starts the platform of the checkout at `root`. `signal` aborts the start.
 *
 * @throws {Error} it did not start; the message has the output of its supervisor.
 */
export async function startPlatform(
  root: string,
  { environment: settings, countsStatements, services }: PlatformOptions,
  signal: AbortSignal,
): Promise<Platform> {
  signal.throwIfAborted();
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-bench'));
  const environment = { PATH: process.env.PATH ?? '', LOG_LEVEL: 'info', ...NO_CUSTOMER_LIMIT, ...settings };
  const options: DriverOptions = { root, dataDir: join(folder.path, 'data'), environment, countsStatements, services };
  const driver = spawnGuarded(process.execPath, [DRIVER, JSON.stringify(options)], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    orphanSignal: 'SIGTERM',
  });
  resources.defer(() => stopGuarded(driver, { graceMs: STOP_GRACE_MS }));
  // Unread output would block the supervisor.
  driver.stdout?.resume();
  const errors = driver.stderr === null ? '' : text(driver.stderr);
  const started = await Promise.race([
    once(driver, 'message', { signal }).then(([message]) => message as StartedPlatform),
    once(driver, 'exit', { signal }).then(async () => {
      throw new Error(`the platform of ${root} did not start:\n${await errors}`);
    }),
  ]);
  if (started.authorityFile !== undefined) trust(started.authorityFile);
  await addStock(started);
  const owned = resources.move();
  return { root, ...started, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

// This process and those it starts, the load generator, call the platform over TLS.
function trust(authorityFile: string): void {
  setDefaultCACertificates([...rootCertificates, readFileSync(authorityFile, 'utf8')]);
  process.env.NODE_EXTRA_CA_CERTS = authorityFile;
}

async function addStock({ inventoryUrl: baseUrl, identitySeed }: StartedPlatform): Promise<void> {
  const interceptors = [asCaller('operator', 'bench', createTokens(identitySeed))];
  const transport = createConnectTransport({ baseUrl, httpVersion: '1.1', interceptors });
  const inventory = createClient(InventoryService, transport);
  for (const productId of PLENTIFUL) {
    const change = { idempotencyKey: `bench-${productId}`, productId, delta: ADDED_STOCK };
    await inventory.adjustStock(change, { timeoutMs: CALL_MS });
  }
}

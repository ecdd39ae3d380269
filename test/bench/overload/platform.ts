// The platform under load: every process of the stack, with durable storage as in `make run`, in a temporary folder, with enough stock.
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { InventoryService } from '../../../gen/shop/inventory/v1/inventory_service_pb.ts';
import { createGuardedDirectory } from '../../../local/process/watchdog.ts';
import type { ServiceName } from '../../../local/shared/topology.ts';
import { type Stack, startStack } from '../../../local/stack/stack.ts';
import { ADDED_STOCK, PLENTIFUL } from '../../chaos/soak/scenario.ts';
import { NO_CUSTOMER_LIMIT } from '../../support/identity/credentials.ts';
import { connectTo } from '../../support/identity/stack-transport.ts';

const SERVICES: readonly ServiceName[] = ['order', 'inventory', 'payment', 'notification', 'analytics'];
const CALL_MS = 10_000;

export type LoadedPlatform = AsyncDisposable & { readonly stack: Stack };

/** Starts everything, with these settings for all services. `signal` aborts the start. */
export async function startLoadedPlatform(
  settings: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<LoadedPlatform> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-overload'));
  const stack = resources.use(
    await startStack({
      dataDir: join(folder.path, 'data'),
      ports: 'free',
      services: SERVICES,
      environment: { PATH: process.env.PATH, LOG_LEVEL: 'warn', ...NO_CUSTOMER_LIMIT, ...settings },
      signal,
    }),
  );
  const inventory = createClient(InventoryService, connectTo(stack, 'inventory'));
  for (const productId of PLENTIFUL) {
    const change = { idempotencyKey: `overload-${productId}`, productId, delta: ADDED_STOCK };
    await inventory.adjustStock(change, { timeoutMs: CALL_MS });
  }
  const owned = resources.move();
  return { stack, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

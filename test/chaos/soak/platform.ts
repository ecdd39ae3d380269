// The platform under soak: every process of the stack, with durable storage as in `make run`, in a temporary folder.
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { type Stack, startStack } from '#local/stack/stack.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { NO_CUSTOMER_LIMIT } from '../../support/identity/credentials.ts';
import { connectTo } from '../../support/identity/stack-transport.ts';
import { ADDED_STOCK, PLENTIFUL } from './scenario.ts';

// Shorter than the default, so that slow charges end within the run.
const SLOW_CAPTURE_MS = 3_000;
const START_DEADLINE_MS = 120_000;
const CALL_TIMEOUT_MS = 10_000;
const PRICES_POLL_MS = 200;

export type SoakPlatform = AsyncDisposable & {
  readonly stack: Stack;
  readonly orders: Client<typeof OrderService>;
  /** The output of every process; removed at disposal unless it was named by the caller. */
  readonly logFile: string;
};

/** Starts the stack and adds stock. `keptLog` names a log file that is kept after the run. */
export async function startSoakPlatform(signal: AbortSignal, keptLog: string | undefined): Promise<SoakPlatform> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-soak'));
  const logFile = keptLog ?? join(folder.path, 'processes.log');
  const log = createWriteStream(logFile);
  resources.defer(async () => {
    log.end();
    await finished(log);
  });
  const stack = resources.use(
    await startStack({
      dataDir: join(folder.path, 'data'),
      ports: 'free',
      environment: {
        ...NO_CUSTOMER_LIMIT,
        PATH: process.env.PATH,
        LOG_LEVEL: 'info',
        PAYMENT_PROVIDER_SLOW_CAPTURE_MS: String(SLOW_CAPTURE_MS),
      },
      log: (process, line) => log.write(`${new Date().toISOString()} ${process} ${line}\n`),
      healthDeadlineMs: START_DEADLINE_MS,
      signal,
    }),
  );
  const transport = (service: 'order' | 'inventory') => connectTo(stack, service);
  await raiseStock(createClient(InventoryService, transport('inventory')));
  const orders = createClient(OrderService, transport('order'));
  await waitForPrices(orders, signal);
  const owned = resources.move();
  return {
    stack,
    orders,
    logFile,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function raiseStock(inventory: Client<typeof InventoryService>): Promise<void> {
  for (const productId of PLENTIFUL) {
    await inventory.adjustStock(
      { idempotencyKey: `soak-${productId}`, productId, delta: ADDED_STOCK },
      { timeoutMs: CALL_TIMEOUT_MS },
    );
  }
}

// The order service loads its prices after it is healthy; calls before that would fail and are not part of the soak.
async function waitForPrices(orders: Client<typeof OrderService>, signal: AbortSignal): Promise<void> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(START_DEADLINE_MS)]);
  const items = [{ productId: PLENTIFUL[0], quantity: 1 }];
  for (;;) {
    try {
      await orders.quoteOrder({ customerId: 'soak', items }, { timeoutMs: CALL_TIMEOUT_MS });
      return;
    } catch (error) {
      if (over.aborted || ConnectError.from(error).code !== Code.Unavailable) throw error;
      await pause(PRICES_POLL_MS, over);
    }
  }
}

// The same call with the policies and by a bare client over the same kind of transport, in turns in one run, so that a slow or busy
// machine slows both.
import { randomUUID } from 'node:crypto';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { pino } from 'pino';
import { InventoryService } from '../../../gen/shop/inventory/v1/inventory_service_pb.ts';
import { createPolicies } from '../../../services/order/policies.ts';
import { createMetrics } from '../../../services/platform/metrics.ts';
import { createDependency } from '../../../services/platform/rpc-client.ts';
import { installTracing } from '../../../services/platform/tracing.ts';
import { measureInTurns, median, medianRatio } from '../kit/figures.ts';

const BREAKER_RESET_MS = 5_000;
const CALL_MS = 5_000;
const WARM_UP_CALLS = 300;

type Inventory = Client<typeof InventoryService>;

const OPTIONS = { timeoutMs: CALL_MS };
const PRODUCT_ID = '12345';

/** The calls that are measured: what every order begins with, and the shortest there is. */
export const CALLS = {
  reserveStock: (client: Inventory) =>
    client.reserveStock({ orderId: randomUUID(), lines: [{ productId: PRODUCT_ID, quantity: 1 }] }, OPTIONS),
  checkAvailability: (client: Inventory) => client.checkAvailability({ productId: PRODUCT_ID }, OPTIONS),
} as const satisfies Record<string, (client: Inventory) => Promise<unknown>>;

export type Effort = { readonly rounds: number; readonly calls: number };

/** Median times of a call in microseconds, and what the policies add as a share of the bare call. */
export type Cost = { readonly guardedUs: number; readonly bareUs: number; readonly share: number };

/** Measures a call at an inventory service. */
export async function comparePolicies(url: string, name: keyof typeof CALLS, { rounds, calls }: Effort): Promise<Cost> {
  const call = CALLS[name];
  await using clients = createClients(url);
  const { guarded, bare } = clients;
  for (const client of [guarded, bare]) await timeCalls(() => call(client), WARM_UP_CALLS);
  const times = await measureInTurns(rounds, {
    guarded: () => timeCalls(() => call(guarded), calls),
    bare: () => timeCalls(() => call(bare), calls),
  });
  return {
    guardedUs: 1_000 * median(times.guarded),
    bareUs: 1_000 * median(times.bare),
    share: medianRatio(times.guarded, times.bare) - 1,
  };
}

function createClients(url: string) {
  installTracing();
  const dependency = createDependency({
    url,
    policy: createPolicies(BREAKER_RESET_MS).inventory,
    metrics: createMetrics('bench'),
    log: pino({ level: 'silent' }),
  });
  const sessionManager = new Http2SessionManager(url, { pingIntervalMs: 10_000, pingTimeoutMs: 2_000 });
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '2', useBinaryFormat: true, sessionManager });
  return {
    guarded: dependency.client(InventoryService),
    bare: createClient(InventoryService, transport),
    [Symbol.asyncDispose]: async () => {
      sessionManager.abort();
      await dependency.stop();
    },
  };
}

/** Makes calls one after the other; returns the median time of one, in milliseconds. */
async function timeCalls(call: () => Promise<unknown>, calls: number): Promise<number> {
  const times: number[] = [];
  while (times.length < calls) {
    const beganAt = performance.now();
    await call();
    times.push(performance.now() - beganAt);
  }
  return median(times);
}

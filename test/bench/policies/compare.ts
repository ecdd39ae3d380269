// The same call in three ways, in turns in one run, so that a slow or busy machine slows all: by Connect's own client, by the same
// that hands the trace on as every call of a service does, and by the client of the platform, which adds the policies.
import { randomUUID } from 'node:crypto';
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { pino } from 'pino';
import { InventoryService } from '../../../gen/shop/inventory/v1/inventory_service_pb.ts';
import { createPolicies } from '../../../services/order/policies.ts';
import { createDependency, propagateTrace } from '../../../services/platform/client/rpc-client.ts';
import { createMetrics } from '../../../services/platform/observability/metrics.ts';
import { installTracing, runInSpan, SpanKind } from '../../../services/platform/observability/tracing.ts';
import { measureInTurns, median, medianRatio } from '../kit/figures.ts';

const BREAKER_RESET_MS = 5_000;
const CALL_MS = 5_000;
// A service makes its calls with compiled code; fewer measure the compiler.
const WARM_UP_CALLS = 600;

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

/** Times of a call in microseconds, the median of the rounds, and what trace and policies add as shares of the call without. */
export type Cost = {
  readonly bareUs: number;
  readonly tracedUs: number;
  readonly guardedUs: number;
  readonly traceShare: number;
  readonly policiesShare: number;
};

/** Measures a call at an inventory service. */
export async function comparePolicies(url: string, name: keyof typeof CALLS, { rounds, calls }: Effort): Promise<Cost> {
  const call = CALLS[name];
  await using clients = createClients(url);
  const { bare, traced, guarded } = clients;
  // A service calls while it serves: there is a trace already.
  return await runInSpan({ name: 'bench', kind: SpanKind.INTERNAL }, async () => {
    for (const client of [bare, traced, guarded]) await timeCalls(() => call(client), WARM_UP_CALLS);
    const times = await measureInTurns(rounds, {
      bare: () => timeCalls(() => call(bare), calls),
      traced: () => timeCalls(() => call(traced), calls),
      guarded: () => timeCalls(() => call(guarded), calls),
    });
    return {
      bareUs: 1_000 * median(times.bare),
      tracedUs: 1_000 * median(times.traced),
      guardedUs: 1_000 * median(times.guarded),
      traceShare: medianRatio(times.traced, times.bare) - 1,
      policiesShare: medianRatio(times.guarded, times.traced) - 1,
    };
  });
}

function createClients(url: string) {
  installTracing();
  const dependency = createDependency({
    url,
    policy: createPolicies(BREAKER_RESET_MS).inventory,
    metrics: createMetrics('bench'),
    log: pino({ level: 'silent' }),
  });
  const sessions: Http2SessionManager[] = [];
  const createPlainClient = (interceptors: Interceptor[]): Inventory => {
    const sessionManager = new Http2SessionManager(url, { pingIntervalMs: 10_000, pingTimeoutMs: 2_000 });
    sessions.push(sessionManager);
    const options = { baseUrl: url, httpVersion: '2', useBinaryFormat: true, sessionManager, interceptors } as const;
    return createClient(InventoryService, createConnectTransport(options));
  };
  return {
    bare: createPlainClient([]),
    traced: createPlainClient([propagateTrace]),
    guarded: dependency.client(InventoryService),
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) session.abort();
      await dependency.stop();
    },
  };
}

/** Makes calls one after the other; returns the average time of one, in milliseconds: what is put off to every so many calls counts. */
async function timeCalls(call: () => Promise<unknown>, calls: number): Promise<number> {
  const beganAt = performance.now();
  for (let made = 0; made < calls; made += 1) await call();
  return (performance.now() - beganAt) / calls;
}

// The comparison of three clients making the same call: Connect's own client, the same with trace propagation, and the client of the
// platform, which adds the policies. They are measured in turns, so that a busy machine slows all of them.
import { randomUUID } from 'node:crypto';
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { Http2SessionManager } from '@connectrpc/connect-node';
import { pino } from 'pino';
import { InventoryService } from '../../../gen/shop/inventory/v1/inventory_service_pb.ts';
import { createPolicies } from '../../../services/order/policies.ts';
import { createDependency, propagateTrace } from '../../../services/platform/client/rpc-client.ts';
import { createUnaryTransport } from '../../../services/platform/client/unary-transport.ts';
import { createMetrics } from '../../../services/platform/observability/metrics.ts';
import { installTracing, runInSpan, SpanKind } from '../../../services/platform/observability/tracing.ts';
import { measureInTurns, median, medianRatio } from '../kit/figures.ts';

const BREAKER_RESET_MS = 5_000;
const CALL_MS = 5_000;
// Fewer calls would measure the compiler instead of compiled code.
const WARM_UP_CALLS = 600;

type Inventory = Client<typeof InventoryService>;

const OPTIONS = { timeoutMs: CALL_MS };
const PRODUCT_ID = '12345';

/** The measured calls: the first call of every order, and the shortest call. */
export const CALLS = {
  reserveStock: (client: Inventory) =>
    client.reserveStock({ orderId: randomUUID(), lines: [{ productId: PRODUCT_ID, quantity: 1 }] }, OPTIONS),
  checkAvailability: (client: Inventory) => client.checkAvailability({ productId: PRODUCT_ID }, OPTIONS),
} as const satisfies Record<string, (client: Inventory) => Promise<unknown>>;

export type Effort = { readonly rounds: number; readonly calls: number };

/** The time of a call in microseconds (median of the rounds), and the share that trace and policies add to it. */
export type Cost = {
  readonly bareUs: number;
  readonly tracedUs: number;
  readonly policiesUs: number;
  readonly traceShare: number;
  readonly policiesShare: number;
};

/** Measures a call to an inventory service. */
export async function comparePolicies(url: string, name: keyof typeof CALLS, { rounds, calls }: Effort): Promise<Cost> {
  const call = CALLS[name];
  await using clients = createClients(url);
  const { bare, traced, withPolicies } = clients;
  // A service makes calls while it serves one, so there is an active span.
  return await runInSpan({ name: 'bench', kind: SpanKind.INTERNAL }, async () => {
    for (const client of [bare, traced, withPolicies]) await timeCalls(() => call(client), WARM_UP_CALLS);
    const times = await measureInTurns(rounds, {
      bare: () => timeCalls(() => call(bare), calls),
      traced: () => timeCalls(() => call(traced), calls),
      withPolicies: () => timeCalls(() => call(withPolicies), calls),
    });
    return {
      bareUs: 1_000 * median(times.bare),
      tracedUs: 1_000 * median(times.traced),
      policiesUs: 1_000 * median(times.withPolicies),
      traceShare: medianRatio(times.traced, times.bare) - 1,
      policiesShare: medianRatio(times.withPolicies, times.traced) - 1,
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
    const manager = new Http2SessionManager(url, { pingIntervalMs: 10_000, pingTimeoutMs: 2_000 });
    sessions.push(manager);
    return createClient(InventoryService, createUnaryTransport({ url, manager, interceptors }));
  };
  return {
    bare: createPlainClient([]),
    traced: createPlainClient([propagateTrace]),
    withPolicies: dependency.client(InventoryService),
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) session.abort();
      await dependency.stop();
    },
  };
}

/** Makes calls one after the other and returns their average time in milliseconds, so that work done only every nth call counts. */
async function timeCalls(call: () => Promise<unknown>, calls: number): Promise<number> {
  const startedAt = performance.now();
  for (let made = 0; made < calls; made += 1) await call();
  return (performance.now() - startedAt) / calls;
}

// Calls of a dependency with several replicas, on real connections.
import { Code, ConnectError } from '@connectrpc/connect';
import { createRpcServer } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { createDependency } from '#services/platform/client/rpc-client.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { policyOf } from '../../../support/services/dependency-policy.ts';
import { recordLog } from '../support/recorded-log.ts';

const LIMIT_MS = 20_000;

/** Starts a replica that answers with its name. */
async function startReplica(productId: string, { port = 0, failure }: { port?: number; failure?: ConnectError } = {}) {
  const server = createRpcServer({
    port,
    routes: ({ service }) => {
      service(InventoryService, {
        checkAvailability: () => {
          if (failure !== undefined) throw failure;
          return { productId, available: true, quantity: 1 };
        },
      });
      service(OrderService, {
        async *watchOrder(_request, { signal }) {
          yield { order: { orderId: productId } };
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
      });
    },
  });
  const { url, port: chosen } = await server.listen();
  return {
    url,
    port: chosen,
    stop: () => server.stop({ graceMs: 0 }),
    [Symbol.asyncDispose]: () => server.stop({ graceMs: 0 }),
  };
}

function createClient(...urls: readonly string[]) {
  const { log, lines } = recordLog('order');
  const dependency = createDependency({
    url: urls.join(','),
    policy: policyOf({ timeoutMs: LIMIT_MS, tryTimeoutMs: LIMIT_MS, retries: 2, breakerFailures: 2 }),
    metrics: createMetrics('order'),
    log,
  });
  const inventory = dependency.client(InventoryService);
  const answerers = async (calls: number): Promise<string[]> => {
    const answers: string[] = [];
    for (let call = 0; call < calls; call += 1) {
      answers.push((await inventory.checkAvailability({ productId: 'any' })).productId);
    }
    return answers.toSorted();
  };
  return { dependency, lines, answerers, [Symbol.asyncDispose]: dependency.stop };
}

describe('a dependency with two replicas', () => {
  it('gets its calls in turn', async () => {
    await using one = await startReplica('one');
    await using two = await startReplica('two');
    await using client = createClient(one.url, two.url);

    expect(await client.answerers(4)).toEqual(['one', 'one', 'two', 'two']);
  });

  it('answers every call when one of them is gone, without an open breaker, and leaves it out', async () => {
    await using one = await startReplica('one');
    await using two = await startReplica('two');
    await using client = createClient(one.url, two.url);
    await client.answerers(2);

    await one.stop();

    expect(await client.answerers(6)).toEqual(Array.from({ length: 6 }, () => 'two'));
    expect(client.dependency.breaker().state).toBe('closed');
    expect(client.lines.filter(({ replica }) => replica === one.url)).toMatchObject([
      { msg: 'a replica is left out for a while', dependency: 'inventory', 'error.type': 'unreachable', ms: 1_000 },
    ]);
  });

  it('keeps a replica that refuses: it answers', async () => {
    await using one = await startReplica('one', { failure: new ConnectError('unknown', Code.NotFound) });
    await using two = await startReplica('two');
    await using client = createClient(one.url, two.url);

    const results = await Promise.allSettled(Array.from({ length: 6 }, () => client.answerers(1)));

    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(3);
  });

  it('gets a stream again at the other replica when the one that began it stops', async () => {
    await using one = await startReplica('one');
    await using two = await startReplica('two');
    await using client = createClient(one.url, two.url);
    const orders = client.dependency.client(OrderService);
    const follow = () => orders.watchOrder({ orderId: 'any' })[Symbol.asyncIterator]();
    const first = follow();
    const { value } = await first.next();
    const [stopped, other] = value?.order?.orderId === 'one' ? [one, 'two'] : [two, 'one'];

    await stopped.stop();
    await expect(first.next()).rejects.toMatchObject({ code: Code.Unavailable });
    const again = follow();

    expect((await again.next()).value?.order?.orderId).toBe(other);
    await again.return?.();
  });
});

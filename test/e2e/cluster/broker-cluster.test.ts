import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { EVENT_FLOWS } from '#services/domain.ts';
import { type NatsCluster, startNatsCluster } from '../../support/cluster/nats-cluster.ts';
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';
import { acknowledgedOrder, checkInvariants, listViolations, sourcesOf } from '../../support/invariants/invariants.ts';
import { isSlowSkipped, SLOW_SKIPPED } from '../../support/slow/slow-tests.ts';
import { awaitOrder, orderRequest, startTestStack, type TestStack } from '../../support/stack.ts';

const ORDERS_A_PHASE = 12;
const CURRENT_NATS_SERVER = fileURLToPath(new URL('../../../.tools/nats-current/nats-server', import.meta.url));

// With nats-server 2.9, streams that once had one replica are not tried: a server that held them, and comes back with an empty disk,
// takes itself for the leader of that one replica at first, and acknowledges events that are lost (docs/failures.md).
it.for([
  { origin: 'created with three replicas', replicas: [3], program: undefined },
  { origin: 'raised to three replicas, on a current nats-server', replicas: [1, 3], program: CURRENT_NATS_SERVER },
] as const)(
  'streams $origin lose no event, and none is applied twice, when a leader comes back with an empty disk',
  { timeout: 180_000 },
  async ({ replicas, program }, { skip }) => {
    skip(isSlowSkipped, SLOW_SKIPPED);
    skip(program !== undefined && !existsSync(program), 'it is not installed: make nats-current');
    await using cluster = await startNatsCluster(program);
    for (const count of replicas) await cluster.provision(count);
    await cluster.awaitReplicas();
    const leader = await cluster.leaderOf('SHOP_ORDER');
    await using platform = await startOnCluster(cluster);
    const answered: AcknowledgedOrder[] = [];
    const place = async (): Promise<void> => {
      for (let order = 0; order < ORDERS_A_PHASE; order += 1) answered.push(await placeOrder(platform));
    };

    await place();
    await cluster.killAndWipe(leader);
    await place();
    await cluster.start(leader);
    await place();
    // What the restored server stores is complete: it is needed for a majority now.
    await cluster.awaitReplicas();
    const other = await cluster.leaderOf('SHOP_ORDER');
    const next = other === leader ? (leader + 1) % 3 : other;
    await cluster.kill(next);
    await place();
    await cluster.start(next);
    // A consumer on a server that is behind counts nothing as pending, so the platform would look quiescent.
    await cluster.awaitReplicas();
    await Promise.all(answered.map(({ orderId }) => awaitOrder(platform, orderId)));

    const verdicts = await checkInvariants(sourcesOf(platform.stack), { acknowledged: answered });
    expect(listViolations(verdicts)).toEqual([]);
    expect(verdicts.find(({ name }) => name === 'answers-durable')?.counts).toMatchObject({
      answers: 4 * ORDERS_A_PHASE,
    });
  },
);

/** Starts the platform on a cluster: each service has its own user, and all three servers. */
async function startOnCluster(cluster: NatsCluster): Promise<TestStack> {
  const serviceEnvironment = Object.fromEntries(
    EVENT_FLOWS.map(({ service }) => [service, { NATS_URL: cluster.url(service as 'order') }]),
  );
  return await startTestStack({ NATS_URL: cluster.url('admin') }, { serviceEnvironment });
}

/** Places an order, which must be accepted at once, whatever the broker does. */
async function placeOrder({ orders }: TestStack): Promise<AcknowledgedOrder> {
  const request = orderRequest();
  return acknowledgedOrder(request.idempotencyKey, await orders.createOrder(request));
}

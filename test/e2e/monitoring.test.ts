// Monitoring on the running platform: the monitor's schedule through kills and restarts, who may place test orders, and analytics
// through kills. The scheduled journeys run all the time.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SalesSummary } from '#gen/shop/analytics/v1/analytics_pb.ts';
import { Journey, type Run, RunResult } from '#gen/shop/monitor/v1/monitor_pb.ts';
import { MonitorService } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { type Order, OrderReason, OrderStatus, OrderStep, StepState } from '#gen/shop/order/v1/order_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { SYNTHETIC_HEADER } from '#services/platform/base/synthetic.ts';
import { shortenAckWait } from '../chaos/crash-matrix/broker-admin.ts';
import { openSession } from '../support/contracts/contracts.ts';
import { readSummary } from '../support/services/analytics.ts';
import {
  addProduct,
  awaitOrder,
  type OrderRequest,
  orderRequest,
  readProviderCharges,
  runProgram,
  type TestStack,
  useSharedStack,
} from '../support/stack.ts';

const JOURNEYS = [Journey.ORDER, Journey.DECLINE, Journey.CANCEL, Journey.QUOTE];
const PATIENCE = { timeout: 90_000, interval: 100 };
const VERIFY = fileURLToPath(new URL('../support/verify.ts', import.meta.url));

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('monitored');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

const monitor = () => platform.client('monitor', MonitorService);
const metricsOf = async (service: ServiceName) => await (await fetch(`${platform.stack.url(service)}/metrics`)).text();
const testOrder = () => orderRequest({ items: [{ productId: 'test-product', quantity: 1 }] });

/** Places an order as clients do: on `unavailable`, it retries with the same key. */
async function place(overrides: Partial<OrderRequest>): Promise<Order> {
  const request = orderRequest(overrides);
  const { order } = await vi.waitFor(() => platform.orders.createOrder(request), PATIENCE);
  return order!;
}

/** The successful runs that started after `since`, as soon as there is one of each journey. */
async function awaitSuccesses(since: Date): Promise<Run[]> {
  return await vi.waitFor(async () => {
    const { runs } = await monitor().listRuns({ pageSize: 200 });
    const fresh = runs.filter(({ startTime, result }) => {
      return result === RunResult.SUCCEEDED && timestampMs(startTime!) > since.getTime();
    });
    expect(new Set(fresh.map(({ journey }) => journey))).toEqual(new Set(JOURNEYS));
    return fresh;
  }, PATIENCE);
}

/** Polls the run of a key until it has ended. */
async function awaitRun(idempotencyKey: string, journey: Journey): Promise<Run> {
  return await vi.waitFor(async () => (await monitor().runJourney({ idempotencyKey, journey })).run!, PATIENCE);
}

describe('the schedule', () => {
  it('runs every journey: ListRuns and /metrics show each, and its orders are test orders', async () => {
    const runs = await awaitSuccesses(new Date(0));

    for (const run of JOURNEYS.map((journey) => runs.find((found) => found.journey === journey)!)) {
      expect(run.traceId).toMatch(/^[0-9a-f]{32}$/);
      if (run.journey === Journey.QUOTE) expect(run.orderId).toBe('');
      else expect((await platform.orders.getOrder({ orderId: run.orderId })).order).toMatchObject({ synthetic: true });
    }
    await expect
      .poll(async () => {
        const succeeded = /journey_runs_total\{(?=.*result="succeeded").*journey="(\w+)".*\} [1-9]/g;
        return [...(await metricsOf('monitor')).matchAll(succeeded)].map(([, journey]) => journey).sort();
      }, PATIENCE)
      .toEqual(['cancel', 'decline', 'order', 'quote']);
  });

  it('marks a run INTERRUPTED when the monitor was killed during it, and continues with the next ones', async () => {
    const idempotencyKey = randomUUID();
    await using database = await openSession(platform.stack.databaseUrl('monitor'));
    const begun = () =>
      database.sql("select 1 from run where idempotency_key like '%' || $1 and result is null", [idempotencyKey]);
    // Without payment, neither the order nor the run can complete.
    await platform.stack.stop('payment');
    try {
      const cutOff = monitor().runJourney({ idempotencyKey, journey: Journey.ORDER }).catch(String);
      await expect.poll(begun, { ...PATIENCE, interval: 10 }).toHaveLength(1);
      await platform.stack.kill('monitor');
      expect(await cutOff).toEqual(expect.any(String));
    } finally {
      await platform.stack.start('payment');
    }
    const since = new Date();
    await platform.stack.waitUntilHealthy('monitor');

    expect(await awaitRun(idempotencyKey, Journey.ORDER)).toMatchObject({
      result: RunResult.FAILED,
      failureReason: expect.stringMatching(/^INTERRUPTED: /),
    });
    expect(await metricsOf('monitor')).toMatch(/journey_failures_total\{.*kind="interrupted".*\} [1-9]/);
    await awaitSuccesses(since);
  });

  it('keeps its runs across a restart: the key of a run returns it, and no second order is placed', async () => {
    const idempotencyKey = randomUUID();
    const before = await awaitRun(idempotencyKey, Journey.DECLINE);

    await platform.stack.stop('monitor');
    await platform.stack.start('monitor');

    expect(await awaitRun(idempotencyKey, Journey.DECLINE)).toEqual(before);
    await awaitSuccesses(new Date());
  });
});

describe('a test order', () => {
  /** Places an order by curl and by gRPC, given only the address; returns both outputs. */
  async function orderByHand(headers: readonly string[]): Promise<string[]> {
    const { idempotencyKey, customerId, items, paymentMethod } = testOrder();
    const order = { customerId, items, paymentMethod, synthetic: true };
    const url = `${platform.stack.url('order')}/shop.order.v1.OrderService/CreateOrder`;
    const given = headers.flatMap((header) => ['-H', header]);
    const data = (key: string) => JSON.stringify({ ...order, idempotencyKey: key });
    const [plain, byGrpc] = await Promise.all([
      runProgram('curl', ['-s', '-H', 'content-type: application/json', ...given, '-d', data(idempotencyKey), url]),
      runProgram('buf', [
        'curl',
        '--http2-prior-knowledge',
        '--protocol=grpc',
        ...given,
        '-d',
        data(randomUUID()),
        url,
      ]),
    ]);
    return [plain, byGrpc].map(({ stdout, stderr }) => `${stdout}${stderr}`);
  }

  it('is rejected by curl and by gRPC without the credential or with a wrong one, and accepted with it', async () => {
    for (const headers of [[], [`${SYNTHETIC_HEADER}: not-the-credential-of-the-monitor`]]) {
      for (const printed of await orderByHand(headers)) {
        expect(printed).toContain('permission_denied');
        expect(printed).not.toContain('orderId');
      }
    }
    const credential = `${SYNTHETIC_HEADER}: ${platform.stack.syntheticCredential()}`;
    await vi.waitFor(async () => {
      for (const printed of await orderByHand([credential])) {
        expect(JSON.parse(printed)).toMatchObject({ outcome: 'OUTCOME_CONFIRMED', order: { synthetic: true } });
      }
    }, PATIENCE);
  });

  it('is allowed by a credential that notification and analytics do not have', async ({ skip }) => {
    skip(process.platform !== 'linux', 'only Linux shows the environment of a process');
    const rows = await platform.stack.rows();
    const knows = async (service: ServiceName) => {
      const pid = rows.find(({ name }) => name === service)?.pid;
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
      return environment.includes(platform.stack.syntheticCredential());
    };
    const found: [ServiceName, boolean][] = [];
    for (const service of platform.stack.services) found.push([service, await knows(service)]);

    expect(Object.fromEntries(found)).toEqual({
      order: true,
      inventory: true,
      payment: true,
      monitor: true,
      notification: false,
      analytics: false,
    });
  });

  it('next to real orders violates no invariant, as `make verify` prints', async () => {
    const credential = { [SYNTHETIC_HEADER]: platform.stack.syntheticCredential() };
    await Promise.all([
      ...Array.from({ length: 5 }, () => place({})),
      ...Array.from({ length: 5 }, async () => {
        const request = { ...testOrder(), synthetic: true };
        await vi.waitFor(() => platform.orders.createOrder(request, { headers: credential }), PATIENCE);
      }),
    ]);
    // Journeys in flight are pending work: the invariants are judged at quiescence.
    await platform.stack.stop('monitor');
    try {
      const { exitCode, stdout } = await runProgram(
        process.execPath,
        [VERIFY, '--timeout', '60'],
        settingsOf(platform),
      );

      expect(stdout).toMatch(/\d+ invariants: \d+ hold, 0 violated\./);
      expect(exitCode).toBe(0);
    } finally {
      await platform.stack.start('monitor');
    }
  });
});

describe('analytics', () => {
  const salesOf = (summary: SalesSummary | undefined, productId: string) =>
    summary?.products.find((product) => product.productId === productId)?.quantity;

  it('counts each order once although it is killed repeatedly', async () => {
    const ops = platform.client('analytics', OpsService);
    const rest = { pending: 0n, unacknowledged: 0n };
    const awaitRest = () =>
      expect
        .poll(async () => (await ops.getStatus({})).status?.consumers, PATIENCE)
        .toMatchObject([rest, rest, rest, rest]);
    await awaitRest();
    await shortenAckWait(platform.stack.natsUrl('admin'), 2_000);
    const productId = await addProduct(platform, { onHand: 20 });
    const start = timestampFromDate(new Date());
    await using database = await openSession(platform.stack.databaseUrl('analytics'));
    const inHand = () =>
      database.sql(
        `select from pg_locks where relation = 'sale_line'::regclass and mode = 'RowExclusiveLock' and not granted`,
      );
    for (let round = 0; round < 2; round += 1) {
      await database.sql('begin; lock table sale_line in share mode');
      const placing = Array.from({ length: 10 }, () => place({ items: [{ productId, quantity: 1 }] }));
      await expect.poll(inHand, { ...PATIENCE, interval: 10 }).not.toEqual([]);
      await platform.stack.kill('analytics');
      // Events that were in flight are not counted yet: the broker redelivers them to the next process.
      await database.sql('rollback');
      for (const order of await Promise.all(placing)) await awaitOrder(platform, order.orderId);
      await platform.stack.waitUntilHealthy('analytics');
    }
    const summary = async () => (await platform.analytics.getSalesSummary({ startTime: start })).summary;

    await expect.poll(async () => salesOf(await summary(), productId), PATIENCE).toBe(20n);
    await awaitRest();
    expect(salesOf(await readSummary(platform.analytics), productId)).toBe(20n);
  });

  it('streams an order to its watchers within five seconds', async () => {
    const productId = await addProduct(platform);
    const leaving = new AbortController();
    let latest: SalesSummary | undefined;
    const watching = (async () => {
      for await (const { summary } of platform.analytics.watchSales({}, { signal: leaving.signal })) latest = summary;
    })().catch(String);
    await expect.poll(() => latest, PATIENCE).toBeDefined();
    expect(salesOf(latest, productId)).toBeUndefined();

    const { orderId } = await place({ items: [{ productId, quantity: 3 }] });
    await awaitOrder(platform, orderId);

    await expect.poll(() => salesOf(latest, productId), { timeout: 5_000, interval: 25 }).toBe(3n);
    leaving.abort();
    await watching;
  });
});

it('an order cancelled while payment is down has an open refund until payment is back', async () => {
  const productId = await addProduct(platform, { onHand: 1 });
  const available = async () => (await platform.inventory.checkAvailability({ productId })).quantity;
  const isSettled = async (orderId: string) => {
    const { order } = await platform.orders.getOrder({ orderId });
    return order?.timeline.some(({ step, state }) => step === OrderStep.REFUND_PAYMENT && state === StepState.DONE);
  };
  await platform.stack.stop('payment');
  let orderId = '';
  try {
    ({ orderId } = await place({ items: [{ productId, quantity: 1 }] }));
    expect(await available()).toBe(0);
    await vi.waitFor(() => platform.orders.cancelOrder({ orderId }), PATIENCE);
    await expect.poll(available, PATIENCE).toBe(1);
    expect(await isSettled(orderId)).toBe(false);
  } finally {
    await platform.stack.start('payment');
  }

  const cancelled = await awaitOrder(platform, orderId, OrderStatus.CANCELLED);
  expect(cancelled.reason).toBe(OrderReason.CANCELLED_BY_CUSTOMER);
  await expect.poll(() => isSettled(orderId), PATIENCE).toBe(true);
  expect(await readProviderCharges(platform, orderId)).toEqual([]);
  expect(await available()).toBe(1);
});

/** The settings that point the operator's commands at this platform. */
function settingsOf({ stack }: TestStack): Record<string, string> {
  return {
    NATS_URL: stack.natsUrl('admin'),
    PAYMENT_PROVIDER_URL: stack.url('provider'),
    MAILBOX_HTTP_PORT: new URL(stack.url('mailbox')).port,
    ...Object.fromEntries(
      stack.services.map((service) => [`${service.toUpperCase()}_DATABASE_URL`, stack.databaseUrl(service)]),
    ),
  };
}

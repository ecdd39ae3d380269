// Testing in production: the monitor's journeys through the running platform, and that none of them counts as business.
import { durationMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Journey, RunResult } from '#gen/shop/monitor/v1/monitor_pb.ts';
import { MonitorService } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import {
  checkInvariants,
  collectFacts,
  listViolations,
  sourcesOf,
  waitForQuiescence,
} from '../support/invariants/invariants.ts';
import { addProduct, orderRequest, type TestStack, useSharedStack } from '../support/stack.ts';

const JOURNEYS = [Journey.ORDER, Journey.DECLINE, Journey.CANCEL, Journey.QUOTE];
const ORDERS = 150;
const REAL = 120;
const PARALLEL = 25;
const PATIENCE = { timeout: 60_000, interval: 100 };

describe('the monitor', () => {
  let platform: TestStack;
  beforeAll(async () => {
    platform = await useSharedStack('monitored');
  });
  afterAll(() => platform?.[Symbol.asyncDispose]());

  it('runs synthetic journeys through the whole platform, and records success, duration and trace', {
    tags: 'seed-8.1',
  }, async () => {
    const monitor = platform.client('monitor', MonitorService);
    for (const journey of JOURNEYS) {
      const { run } = await monitor.runJourney({ idempotencyKey: `once-${journey}`, journey });
      expect(run).toMatchObject({ journey, result: RunResult.SUCCEEDED, failureReason: '' });
      expect(durationMs(run!.duration!)).toBeGreaterThan(0);
      expect(durationMs(run!.duration!)).toBeLessThan(5_000);
      const traced = async () =>
        (await platform.readOutput()).some((line) => line.startsWith('order ') && line.includes(run!.traceId));
      if (journey !== Journey.QUOTE) await expect.poll(traced, PATIENCE).toBe(true);
    }
    const metrics = await (await fetch(`${platform.stack.url('monitor')}/metrics`)).text();
    for (const journey of ['order', 'decline', 'cancel', 'quote']) {
      for (const metric of ['journey_runs_total', 'journey_seconds_count']) {
        expect(metrics).toMatch(new RegExp(`${metric}\\{.*journey="${journey}",result="succeeded".*\\} [1-9]`));
      }
    }
  });

  it('records the failure while a service is down, and succeeds again when it is back', {
    tags: 'seed-8.1',
  }, async () => {
    const monitor = platform.client('monitor', MonitorService);
    // Scheduled journeys may fail as well while payment is down.
    const countFailures = async (): Promise<number> => {
      const metrics = await (await fetch(`${platform.stack.url('monitor')}/metrics`)).text();
      return Number(/journey_failures_total\{.*journey="decline",kind="too_slow".*\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
    };
    const before = await countFailures();
    await platform.stack.stop('payment');
    const { run: failed } = await monitor.runJourney({ idempotencyKey: 'payment-away', journey: Journey.DECLINE });
    await platform.stack.start('payment');
    expect(failed?.result).toBe(RunResult.FAILED);
    expect(failed?.failureReason).toMatch(/^TOO_SLOW: /);
    expect(await countFailures()).toBeGreaterThan(before);
    await expect
      .poll(
        async () => {
          const idempotencyKey = `payment-back-${performance.now()}`;
          return (await monitor.runJourney({ idempotencyKey, journey: Journey.ORDER })).run?.result;
        },
        { timeout: 20_000 },
      )
      .toBe(RunResult.SUCCEEDED);
  });

  it('leaves exactly the real ones of mixed orders in provider, mailbox and analytics', {
    tags: 'seed-8.1',
  }, async () => {
    // Scheduled journeys would change the stock of the test product.
    await platform.stack.stop('monitor');
    await using _restored = { [Symbol.asyncDispose]: () => platform.stack.start('monitor') };
    const credential = { headers: { 'x-synthetic-credential': platform.stack.syntheticCredential() } };
    const productId = await addProduct(platform, { onHand: ORDERS });
    const before = await platform.analytics.getSalesSummary({});
    const ids = { real: [] as string[], synthetic: [] as string[] };
    const place = async (index: number) => {
      const synthetic = index % 5 === 0;
      const request = orderRequest({ items: [{ productId: synthetic ? 'test-product' : productId, quantity: 1 }] });
      // On a busy machine, calls may be `unavailable`; they are retried with the same key, as by any client.
      const { order } = await vi.waitFor(
        () => platform.orders.createOrder({ ...request, synthetic }, synthetic ? credential : {}),
        PATIENCE,
      );
      ids[synthetic ? 'synthetic' : 'real'].push(order!.orderId);
    };
    for (let index = 0; index < ORDERS; index += PARALLEL) {
      await Promise.all(Array.from({ length: PARALLEL }, (_, offset) => place(index + offset)));
    }
    const sources = sourcesOf(platform.stack);
    await waitForQuiescence(sources, { timeoutMs: 60_000 });
    const counted = async () => (await platform.analytics.getSalesSummary({})).summary!.ordersConfirmed;
    await expect.poll(counted, PATIENCE).toBe(before.summary!.ordersConfirmed + BigInt(REAL));

    const { ledger = [], mailbox, orders } = await collectFacts(sources);
    const mails = mailbox?.mails ?? [];
    const placed = new Set([...ids.real, ...ids.synthetic]);
    const charged = ledger.filter(({ orderId }) => placed.has(orderId)).map(({ orderId }) => orderId);
    const real = new Set(ids.real);
    expect(new Set(orders.filter(({ orderId }) => placed.has(orderId)).map(({ status }) => status))).toEqual(
      new Set(['CONFIRMED']),
    );
    expect([charged.length, new Set(charged)]).toEqual([REAL, real]);
    expect(mails.filter(({ orderId }) => real.has(orderId ?? ''))).toHaveLength(REAL);
    expect(mails.filter(({ orderId }) => ids.synthetic.includes(orderId ?? ''))).toEqual([]);
    const { product } = await platform.inventory.getProduct({ productId: 'test-product' });
    expect(product).toMatchObject({ onHand: 1_000, available: 1_000 });
    expect(listViolations(await checkInvariants(sources))).toEqual([]);
  });
});

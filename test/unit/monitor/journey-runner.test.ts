import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createJourneyMetrics } from '#services/monitor/journey-metrics.ts';
import { createJourneyRunner } from '#services/monitor/journey-runner.ts';
import { installTracing } from '#services/platform/observability/tracing.ts';
import { callFailure } from '../../support/services/fake-dependencies.ts';
import { createFakeRunStore, createFakeShop } from '../../support/services/journeys.ts';
import { silentLog } from '../../support/services/order-builders.ts';

installTracing();

function createRunner() {
  const registry = new Registry();
  const orders = createFakeShop();
  const store = createFakeRunStore();
  const metrics = createJourneyMetrics(registry);
  const runner = createJourneyRunner({ orders, headers: {}, store, metrics, limitMs: 1_000, log: silentLog });
  const scrape = async (series: string) => {
    const line = (await registry.metrics()).split('\n').find((text) => text.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  };
  return { runner, orders, store, scrape };
}

describe('a run', () => {
  it('that succeeds is recorded with its order, its trace and its metrics', async () => {
    const { runner, scrape } = createRunner();
    expect(await runner.run('ORDER')).toMatchObject({
      journey: 'ORDER',
      result: 'SUCCEEDED',
      failureReason: '',
      orderId: 'order-1',
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(await scrape('journey_runs_total{journey="order",result="succeeded"}')).toBe(1);
    expect(await scrape('journey_seconds_count{journey="order",result="succeeded"}')).toBe(1);
    expect(await scrape('journey_last_success_timestamp_seconds{journey="order"}')).toBeGreaterThan(1.7e9);
  });

  it('that fails is recorded with its reason, and counted by its kind', async () => {
    const { runner, orders, scrape } = createRunner();
    orders.quoteOrder.mockRejectedValue(callFailure('order', 'unreachable'));
    expect(await runner.run('QUOTE')).toMatchObject({
      result: 'FAILED',
      failureReason: 'UNREACHABLE: order could not be reached',
      orderId: '',
    });
    expect(await scrape('journey_runs_total{journey="quote",result="failed"}')).toBe(1);
    expect(await scrape('journey_failures_total{journey="quote",kind="unreachable"}')).toBe(1);
    expect(await scrape('journey_last_success_timestamp_seconds{journey="quote"}')).toBe(0);
  });

  it('has its own trace and its own order', async () => {
    const { runner, orders } = createRunner();
    const [first, second] = [await runner.run('ORDER'), await runner.run('ORDER')];
    expect(first?.traceId).not.toBe(second?.traceId);
    const keys = orders.createOrder.mock.calls.map(([request]) => request.idempotencyKey);
    expect(keys).toEqual([`journey-${first?.runId}`, `journey-${second?.runId}`]);
  });

  it('is not started when its key is taken', async () => {
    const { runner, orders } = createRunner();
    await runner.run('ORDER', 'key-1');
    expect(await runner.run('ORDER', 'key-1')).toBeUndefined();
    expect(orders.createOrder).toHaveBeenCalledOnce();
  });

  it('is awaited by a stop', async () => {
    const { runner, orders, store } = createRunner();
    const answer = Promise.withResolvers<never>();
    orders.quoteOrder.mockReturnValue(answer.promise);
    const run = runner.run('QUOTE');
    await expect.poll(() => orders.quoteOrder.mock.calls.length).toBe(1);
    const stopped = runner.stop();
    answer.reject(callFailure('order', 'cancelled'));
    await stopped;
    expect([...store.runs.values()].map(({ result }) => result)).toEqual(['FAILED']);
    await run;
  });
});

describe('the metrics of journeys', () => {
  it('have every series from the start, as a rate needs the zero before the first failure', async () => {
    const { scrape } = createRunner();
    for (const journey of ['order', 'decline', 'cancel', 'quote']) {
      expect(await scrape(`journey_runs_total{journey="${journey}",result="succeeded"}`)).toBe(0);
      expect(await scrape(`journey_runs_total{journey="${journey}",result="failed"}`)).toBe(0);
      expect(await scrape(`journey_failures_total{journey="${journey}",kind="wrong_end"}`)).toBe(0);
    }
  });
});

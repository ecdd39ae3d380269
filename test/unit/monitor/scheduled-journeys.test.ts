import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '#services/monitor/config.ts';
import type { JourneyName } from '#services/monitor/journey.ts';
import { createJourneyMetrics } from '#services/monitor/journey-metrics.ts';
import type { Run } from '#services/monitor/run-store.ts';
import { createScheduledJourneys } from '#services/monitor/scheduled-journeys.ts';
import { silentLog } from '../../support/services/order-builders.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function createSchedule({ due = [] as JourneyName[][], interrupted = [] as Run[] } = {}) {
  const registry = new Registry();
  const ran: string[] = [];
  const runner = {
    run: vi.fn(async (journey: JourneyName) => {
      ran.push(`${journey} begins`);
      await new Promise<void>((resolve) => queueMicrotask(resolve));
      ran.push(`${journey} ends`);
      return undefined;
    }),
  };
  const store = { claimDue: vi.fn(async () => due.shift() ?? []), interrupt: vi.fn(async () => interrupted.splice(0)) };
  const metrics = createJourneyMetrics(registry);
  const options = { store, runner, metrics, intervalMs: 60_000, limitMs: 10_000, log: silentLog };
  return { schedule: createScheduledJourneys(options), ran, runner, store, registry };
}

describe('the schedule', () => {
  it('runs what is due, one after the other, always in the same order', async () => {
    const { schedule, ran } = createSchedule({ due: [['CANCEL', 'ORDER']] });
    await schedule.start();
    await vi.advanceTimersByTimeAsync(10);
    await schedule.stop();
    expect(ran).toEqual(['ORDER begins', 'ORDER ends', 'CANCEL begins', 'CANCEL ends']);
  });

  it('polls every second, so that it takes over from a crashed replica', async () => {
    const { schedule, store } = createSchedule();
    await schedule.start();
    await vi.advanceTimersByTimeAsync(3_500);
    await schedule.stop();
    expect(store.claimDue.mock.calls).toEqual(
      Array.from({ length: 4 }, () => [['ORDER', 'DECLINE', 'CANCEL', 'QUOTE'], 60_000, 6_000]),
    );
  });

  it('counts runs whose monitor crashed as failed', async () => {
    const run: Run = {
      runId: 'r',
      journey: 'ORDER',
      result: 'FAILED',
      failureReason: 'INTERRUPTED: the monitor stopped during the run',
      orderId: '',
      traceId: '',
      startTime: new Date(0),
      durationMs: 25_000,
    };
    const { schedule, store, registry } = createSchedule({ interrupted: [run] });
    await schedule.start();
    await vi.advanceTimersByTimeAsync(10);
    await schedule.stop();
    expect(store.interrupt).toHaveBeenCalledWith(20_000, 'INTERRUPTED: the monitor stopped during the run');
    expect(await registry.metrics()).toContain('journey_failures_total{journey="order",kind="interrupted"} 1');
  });

  it('continues after a journey that could not be recorded', async () => {
    const { schedule, runner } = createSchedule({ due: [['ORDER'], ['QUOTE']] });
    runner.run.mockRejectedValueOnce(new Error('the database is unavailable'));
    await schedule.start();
    await vi.advanceTimersByTimeAsync(2_000);
    await schedule.stop();
    expect(runner.run.mock.calls).toEqual([['ORDER'], ['QUOTE']]);
  });

  it('starts no further journey once it is stopped', async () => {
    const { schedule, runner } = createSchedule({ due: [['ORDER', 'DECLINE', 'CANCEL', 'QUOTE']] });
    const first = Promise.withResolvers<undefined>();
    runner.run.mockReturnValueOnce(first.promise);
    await schedule.start();
    await vi.advanceTimersByTimeAsync(10);
    const stopped = schedule.stop();
    first.resolve(undefined);
    await stopped;
    expect(runner.run).toHaveBeenCalledOnce();
  });
});

describe('the settings of the monitor', () => {
  const REQUIRED = {
    MONITOR_DATABASE_URL: 'postgres://shop_monitor:pass@127.0.0.1:54329/shop_monitor',
    SYNTHETIC_CREDENTIAL: 'a-credential-of-32-characters---',
  };

  it('have the defaults of the local stack', () => {
    expect(loadConfig(REQUIRED)).toMatchObject({
      port: 50_056,
      orderUrl: 'http://127.0.0.1:50051',
      journeyIntervalMs: 300_000,
      journeyLimitMs: 10_000,
      breakerResetMs: 5_000,
      syntheticCredential: REQUIRED.SYNTHETIC_CREDENTIAL,
    });
  });

  it.each([
    { change: { SYNTHETIC_CREDENTIAL: undefined }, fault: 'SYNTHETIC_CREDENTIAL must be set' },
    {
      change: { SYNTHETIC_CREDENTIAL: 'short' },
      fault: 'SYNTHETIC_CREDENTIAL must be 16 to 256 visible ASCII characters',
    },
    { change: { JOURNEY_INTERVAL_MS: '0' }, fault: 'JOURNEY_INTERVAL_MS must be a whole number from 100 to 86400000' },
  ])('refuse: $fault', ({ change, fault }) => {
    const load = () => loadConfig({ ...REQUIRED, ...change });
    expect(load).toThrow(fault);
    expect(load).not.toThrow('short');
  });
});

// The report of a soak, and its check that the soak did enough.
import { describe, expect, it } from 'vitest';
import { KILL_TARGETS } from '../../chaos/soak/kill-plan.ts';
import { findShortfalls, renderProgress, renderReport, type SoakFigures } from '../../chaos/soak/report.ts';

const answer = (outcome: string, atMs: number, tookMs = 100) => ({
  acknowledged: { idempotencyKey: `key-${atMs}`, orderId: `order-${atMs}`, status: 'CONFIRMED', outcome } as const,
  atMs,
  tookMs,
});

function figures(change: Partial<SoakFigures> = {}): SoakFigures {
  return {
    settings: { mode: 'kills', minutes: 10, seed: 42, rate: 12 },
    scenarios: 5_500,
    ended: { CONFIRMED: 4_000, FAILED: 1_000, CANCELLED: 500 },
    outcomes: { CONFIRMED: 4_000, FAILED: 1_500 },
    answers: [answer('CONFIRMED', 1_000), answer('FAILED', 2_000, 300), answer('CONFIRMED', 3_000, 2_500)],
    failures: [],
    kills: new Map(KILL_TARGETS.map((process) => [process, 20])),
    recoveries: [
      { process: 'order', tookMs: 1_000 },
      { process: 'order', tookMs: 3_000 },
    ],
    outages: [],
    quiescentMs: 12_345,
    retriedKeys: 7,
    ...change,
  };
}

describe('the report of a soak', () => {
  it('shows what was done and how it ended', () => {
    const report = renderReport(figures());

    expect(report).toMatch(/soak +kills, 10 min at 12 orders\/s, seed 42/);
    expect(report).toMatch(
      /orders +5500 by 5500 scenarios: CONFIRMED 4000 \(72.7 %\), FAILED 1000 \(18.2 %\), CANCELLED 500 \(9.1 %\)/,
    );
    expect(report).toMatch(/answers +3, latest outcomes CONFIRMED 4000, FAILED 1500; p50 300 ms p99 2500 ms/);
    expect(report).toMatch(/kills +140: order 20, inventory 20/);
    expect(report).toMatch(/recovered in +order 1.0 s \(longest 3.0 s\)/);
    expect(report).toMatch(/quiescent +12.3 s after/);
  });

  it('counts failed calls by code and reason', () => {
    const failed = { idempotencyKey: 'key-1', rpc: 'CreateOrder', message: '', hasRetryInfo: true, startMs: 0 };
    const report = renderReport(
      figures({
        failures: [
          { ...failed, code: 'Aborted', reason: '' },
          { ...failed, code: 'Unavailable', reason: 'DATABASE_UNAVAILABLE' },
          { ...failed, code: 'Unavailable', reason: 'DATABASE_UNAVAILABLE' },
        ],
      }),
    );

    expect(report).toMatch(/failed calls +3: Unavailable\/DATABASE_UNAVAILABLE 2, Aborted 1/);
  });

  it('shows the outcomes of calls within an outage only', () => {
    const outages = [{ process: 'nats', fromMs: 1_750, untilMs: 62_000 }] as const;
    const report = renderReport(figures({ outages }));

    expect(report).toMatch(/outage +nats for 60.3 s; outcomes during it: nothing; none yet/);
    expect(renderReport(figures({ outages: [{ process: 'nats', fromMs: 900, untilMs: 2_500 }] }))).toMatch(
      /outcomes during it: CONFIRMED 1, FAILED 1; p50 100 ms/,
    );
  });

  it('shows progress in one line', () => {
    const line = renderProgress(20_400, { ...figures(), running: 14 });

    expect(line).toMatch(/^ +20 s {2}orders 5500 \(14 running\) .* failed calls 0 {2}kills 140 {2}answers p50/);
  });
});

describe('a soak did too little', () => {
  it('not when it reached its figures', () => {
    expect(findShortfalls(figures())).toEqual([]);
  });

  it('with fewer orders, confirmations or kills than its duration requires', () => {
    const little = figures({
      ended: { CONFIRMED: 2_000, FAILED: 2_000 },
      kills: new Map(KILL_TARGETS.map((process) => [process, process === 'nats' ? 0 : 10])),
    });

    expect(findShortfalls(little)).toEqual([
      'orders: 4000, wanted at least 5000',
      'confirmed orders: 50.0 %, wanted at least 60.0 %',
      'kills: 60, wanted at least 100',
      'nats was never killed',
    ]);
  });

  it('when the broker was down for less than a minute', () => {
    const settings = { mode: 'nats-down', minutes: 2, seed: 1, rate: 12 } as const;
    const kills = new Map();
    const outages = (untilMs: number) =>
      [
        { process: 'nats', fromMs: 0, untilMs },
        { process: 'nats', fromMs: 90_000, untilMs: 100_000 },
      ] as const;

    expect(findShortfalls(figures({ settings, kills, outages: outages(60_001) }))).toEqual([]);
    expect(findShortfalls(figures({ settings, kills, outages: outages(59_000) }))).toEqual([
      'longest outage in ms: 59000, wanted at least 60000',
    ]);
  });
});

// The alerting rules of the platform as the console judges them, compared with Prometheus: by the cases that promtool checks, and by series
// that are made up here.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Alert, createAlertJudge } from '#services/console/alerts/alert-judge.ts';
import { parseRules } from '#services/console/alerts/alert-rules.ts';
import type { Sample } from '#services/console/alerts/evaluate-rule.ts';
import { durationOf } from '#services/console/alerts/rule-expression.ts';
import { PROMETHEUS_MISSING, promtoolProgram } from '../../support/telemetry/prometheus.ts';

const RULES = fileURLToPath(new URL('../../../services/monitor/prometheus/alerts.yaml', import.meta.url));
const CASES = fileURLToPath(new URL('../../integration/monitor/alerts.promtool.yaml', import.meta.url));
const MINUTE_MS = 60_000;
const rules = parseRules(readFileSync(RULES, 'utf8'));

type InputSeries = { readonly series: string; readonly values: string };
type Case = {
  readonly name: string;
  readonly interval: string;
  readonly input_series: readonly InputSeries[];
  readonly alert_rule_test: readonly {
    readonly eval_time: string;
    readonly alertname: string;
    readonly exp_alerts: readonly unknown[];
  }[];
};

/** `1+2x3 _ 7` is 1 3 5 7 nothing 7, in promtool's notation. */
function expand(values: string): (number | undefined)[] {
  return values.split(' ').flatMap((part) => {
    const [, first = '', step = '0', times = '0'] = /^(-?\d+)(?:\+(\d+)x(\d+))?$/.exec(part) ?? [];
    if (part === '_') return [undefined];
    return Array.from({ length: Number(times) + 1 }, (_, at) => Number(first) + at * Number(step));
  });
}

function labelsOf(series: string): Record<string, string> {
  return Object.fromEntries([...series.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));
}

/** What the console says at a time, when it has looked in each interval. */
function judgeSeries(judged: typeof rules, inputs: readonly InputSeries[], intervalMs: number) {
  const series = inputs.map(({ series: text, values }) => ({
    name: text.replace(/\{.*/, ''),
    labels: labelsOf(text),
    values: expand(values),
  }));
  let time = 0;
  const judge = createAlertJudge(judged, { now: () => time, longestPauseMs: intervalMs });
  const looks: Alert[][] = [];
  return (at: number): Alert[] => {
    for (; looks.length <= at / intervalMs; time += intervalMs) {
      const samples = series.flatMap(({ name, labels, values }): Sample[] => {
        const value = values[looks.length];
        return value === undefined ? [] : [{ name, labels, value }];
      });
      looks.push(judge(samples));
    }
    return looks[at / intervalMs] ?? [];
  };
}

it('judges every rule of the platform', () => {
  expect(rules.alerts.filter(({ parsed }) => parsed === undefined)).toEqual([]);
  expect(rules.alerts.length).toBeGreaterThan(10);
  expect([...rules.records.keys()]).toHaveLength(3);
});

const { tests } = parse(readFileSync(CASES, 'utf8')) as { readonly tests: readonly Case[] };

it.each(tests)(
  'agrees with the case of Prometheus in which $name',
  ({ interval, input_series: inputs, ...expected }) => {
    const alertsAt = judgeSeries(rules, inputs, durationOf(interval));
    const cases = expected.alert_rule_test.toSorted((a, b) => durationOf(a.eval_time) - durationOf(b.eval_time));

    for (const { eval_time: at, alertname, exp_alerts: raised } of cases) {
      const found = alertsAt(durationOf(at)).find(({ name }) => name === alertname);
      expect({ at, alertname, firing: found?.instances.filter(({ firing }) => firing).length }).toEqual({
        ...{ at, alertname, firing: raised.length },
      });
    }
  },
);

/** Numbers that are the same in each run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

/** A counter that grows at times, starts again from zero, and is not seen at others. */
function madeUpCounter(random: () => number, growth: number): string {
  let value = 0;
  return Array.from({ length: 120 }, (_, minute) => {
    const isBusy = Math.floor(minute / 20) % 2 === 0 || random() < 0.1;
    value = random() < 0.03 ? 0 : value + (isBusy && random() < growth ? Math.ceil(random() * 4) : 0);
    // Whether the first events of a new counter count is for Prometheus' settings to say; here they do.
    return minute > 0 && random() < 0.05 ? '_' : String(value);
  }).join(' ');
}

it.for([1, 2, 3])(
  'says each minute what promtool says of counters that are made up, number %i',
  async (seed, { skip }) => {
    if (promtoolProgram === undefined) return skip(PROMETHEUS_MISSING);
    const random = createRandom(seed);
    const inputs = [
      { series: 'journey_runs_total{result="succeeded",service="monitor"}', values: madeUpCounter(random, 0.9) },
      { series: 'journey_runs_total{result="failed",service="monitor"}', values: madeUpCounter(random, 0.3) },
      { series: 'bulkhead_rejected_total{service="order",bulkhead="calls"}', values: madeUpCounter(random, 0.9) },
      { series: 'bulkhead_rejected_total{service="payment",bulkhead="calls"}', values: madeUpCounter(random, 0.2) },
    ];
    // Without words, so that only what fires is compared.
    const named = { ...rules, alerts: rules.alerts.map((rule) => ({ ...rule, summary: '{{ $labels.service }}' })) };
    const alertsAt = judgeSeries(named, inputs, MINUTE_MS);
    const bare = readFileSync(RULES, 'utf8').replaceAll(/^ +(?:labels|annotations|severity|summary|action):.*\n/gm, '');
    const expected = Array.from({ length: 119 }, (_, minute) =>
      alertsAt(minute * MINUTE_MS)
        .filter(({ windowMs }) => windowMs > 0)
        .map(({ name, instances }) => ({
          ...{ eval_time: `${minute}m`, alertname: name },
          exp_alerts: instances
            .filter(({ firing }) => firing)
            .map(({ summary }) => ({ exp_labels: summary === '' ? {} : { service: summary } })),
        })),
    ).flat();
    await using folder = await mkdtempDisposable(join(tmpdir(), 'alerts-'));
    await writeFile(join(folder.path, 'rules.yaml'), bare);
    await writeFile(
      join(folder.path, 'cases.yaml'),
      JSON.stringify({
        ...{ rule_files: ['rules.yaml'], evaluation_interval: '1m' },
        tests: [{ interval: '1m', input_series: inputs, alert_rule_test: expected }],
      }),
    );

    const { stdout } = await promisify(execFile)(promtoolProgram, ['test', 'rules', join(folder.path, 'cases.yaml')]);

    expect(stdout).toContain('SUCCESS');
    expect(
      new Set(expected.filter(({ exp_alerts: raised }) => raised.length > 0).map(({ alertname }) => alertname)).size,
    ).toBeGreaterThan(1);
  },
);

it('has words and an action for every alert', () => {
  for (const { summary, action, severity } of rules.alerts) {
    expect(summary).not.toBe('');
    expect(action).not.toBe('');
    expect(['page', 'ticket']).toContain(severity);
  }
});

import { describe, expect, it } from 'vitest';
import { createAlertJudge, renderSummary } from '#services/console/alerts/alert-judge.ts';
import { parseRules } from '#services/console/alerts/alert-rules.ts';
import { matchesOf, parseExpression } from '#services/console/alerts/rule-expression.ts';
import { type Alert, sortAlerts, summariseAlerts } from '#services/console/page/src/model/alerts.ts';
import { formatPercentage } from '#services/console/page/src/model/flags.ts';

const sample = (name: string, value: number, labels: Record<string, string> = {}) => ({ name, value, labels });
const SAMPLES = [
  sample('up', 0, { job: 'touchstone', instance: 'a:1' }),
  sample('up', 1, { job: 'touchstone', instance: 'b:1' }),
  sample('up', 0, { job: 'other', instance: 'c:1' }),
  sample('lag', 5, { service: 'order', stream: 'A' }),
  sample('lag', 9, { service: 'order', stream: 'B' }),
  sample('lag', 7, { service: 'payment', stream: 'A' }),
];

describe('an expression', () => {
  it.each([
    ['up{job="touchstone"} == 0', [[{ job: 'touchstone', instance: 'a:1' }, 0]]],
    ['up{job="touchstone",instance="b:1"} == 0', []],
    ['max by (service) (lag) > 7', [[{ service: 'order' }, 9]]],
    ['min by (service) (lag) >= 7', [[{ service: 'payment' }, 7]]],
    ['sum by(service)(lag) != 14', [[{ service: 'payment' }, 7]]],
    ['max(lag) > 8.5', [[{}, 9]]],
    ['max(lag) < 9', []],
    ['max(lag) <= 9', [[{}, 9]]],
    ['max(unknown) > 0', []],
    ['min by (service, stream) (lag{stream="B"}) > 0', [[{ service: 'order', stream: 'B' }, 9]]],
  ])('%s matches %j', (text, matches) => {
    const expression = parseExpression(text);

    expect(matchesOf(expression!, SAMPLES).map(({ labels, value }) => [labels, value])).toEqual(matches);
  });

  it.each([
    'rate(lag[5m]) > 0',
    'sum by (service) (rate(lag{a="b"}[5m])) > 0',
    'absent(lag) == 1',
    'lag > 1 and lag < 5',
    'lag > 14.4 * 0.01',
    'lag{service=~"o.*"} > 0',
    'lag',
    '',
  ])('%s cannot be judged by one look', (text) => {
    expect(parseExpression(text)).toBeUndefined();
  });
});

const RULES = `
groups:
  - name: g
    rules:
      - record: a:b
        expr: sum(x)
      - alert: Lags
        expr: max by (service) (lag) > 6
        for: 1m30s
        labels: { severity: ticket }
        annotations: { summary: "{{ $labels.service }} is {{ $value }} behind", action: Look. }
      - alert: Now
        expr: max(lag) > 8
      - alert: Later
        expr: rate(lag[5m]) > 0
`;

describe('the alerts', () => {
  it('are read from a file of Prometheus, without what it records', () => {
    expect(parseRules(RULES).map(({ name, holdMs, parsed }) => [name, holdMs, parsed !== undefined])).toEqual([
      ['Lags', 90_000, true],
      ['Now', 0, true],
      ['Later', 0, false],
    ]);
    expect(() => parseRules('groups: 5')).toThrow();
  });

  it('are pending until they have held as long as their rule demands, then fire, and end with their cause', () => {
    let time = 0;
    const judge = createAlertJudge(parseRules(RULES), () => time);
    const look = (at: number, samples = SAMPLES) => {
      time = at;
      return Object.fromEntries(judge(samples).map(({ name, state }) => [name, state]));
    };

    expect(look(0)).toEqual({ Lags: 'pending', Now: 'firing', Later: 'not_judged' });
    for (const at of [20_000, 40_000, 60_000, 80_000]) expect(look(at).Lags).toBe('pending');
    expect(look(90_000).Lags).toBe('firing');
    expect(look(91_000, [])).toEqual({ Lags: 'quiet', Now: 'quiet', Later: 'not_judged' });
    expect(look(92_000).Lags).toBe('pending');
  });

  it('begin again after a pause without a look', () => {
    let time = 0;
    const judge = createAlertJudge(parseRules(RULES), () => time);
    judge(SAMPLES);
    time = 100_000;

    expect(judge(SAMPLES)[0]).toMatchObject({ state: 'pending', instances: [{ heldMs: 0 }, { heldMs: 0 }] });
  });

  it('say what they are about', () => {
    const [lags] = createAlertJudge(parseRules(RULES), () => 0)(SAMPLES);

    expect(lags?.instances.map(({ summary }) => summary)).toEqual(['order is 9 behind', 'payment is 7 behind']);
  });
});

it.each([
  [0, 'on for 0 %'],
  [12.5, 'on for 12.5 %'],
  [100 / 3, 'on for 33.33 %'],
  [undefined, 'by its rule'],
])('the share %s of a flag is shown as "%s"', (percentage, text) => {
  expect(formatPercentage(percentage)).toBe(text);
});

it.each([
  ['{{ $value }}', 2.345, '2.35'],
  ['{{ $value | humanizeDuration }}', 95, '1 min 35 s'],
  ['{{ $value | humanizeDuration }}', 9, '9 s'],
  ['{{$value|humanizePercentage}}', 0.1234, '12.3 %'],
  ['{{ $value | humanize }} of {{ $labels.service }} {{ $labels.missing }}', 3, '3 of <b> '],
])('the summary %s of %d is "%s"', (summary, value, text) => {
  expect(renderSummary(summary, { value, labels: { service: '<b>' } })).toBe(text);
});

it.each([
  [['quiet', 'firing', 'not_judged', 'pending'], '1 of 3 firing', 'bad'],
  [['quiet', 'pending'], '1 of 2 pending', 'wait'],
  [['not_judged', 'quiet'], 'none of 1 firing', 'good'],
] as const)('%j are shown as "%s", those that need a person first', (states, text, tone) => {
  const alerts = states.map((state) => ({ state }) as Alert);

  expect(summariseAlerts(alerts)).toEqual({ text, tone });
  expect(sortAlerts(alerts).map(({ state }) => state)).toEqual(
    ['firing', 'pending', 'quiet', 'not_judged'].filter((state) => states.includes(state as never)),
  );
});

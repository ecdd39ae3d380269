import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createAlertJudge, renderSummary } from '#services/console/alerts/alert-judge.ts';
import { parseRules } from '#services/console/alerts/alert-rules.ts';
import { matchesOf } from '#services/console/alerts/evaluate-rule.ts';
import { parseExpression } from '#services/console/alerts/rule-expression.ts';
import { createSampleHistory } from '#services/console/alerts/sample-history.ts';
import { createAlertJudgement } from '#services/console/alerts-route.ts';
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

const FACTS = {
  samples: SAMPLES,
  growthOf: () => [],
  recordOf: (metric: string) => (metric === 'doubled' ? parseExpression('lag * 2') : undefined),
};

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
    ['lag > 5 and lag < 9', [[{ service: 'payment', stream: 'A' }, 7]]],
    [
      'lag{stream="B"} or lag > 5',
      [
        [{ service: 'order', stream: 'B' }, 9],
        [{ service: 'payment', stream: 'A' }, 7],
      ],
    ],
    ['sum(lag) / sum(up{job="touchstone"}) > 14.4 * 0.01', [[{}, 21]]],
    ['10 > max(lag)', [[{}, 9]]],
    ['lag * 2 == 18', [[{ service: 'order', stream: 'B' }, 18]]],
    [
      'sum by (service) (lag) / sum by (service) (lag{stream="A"}) >= 1',
      [
        [{ service: 'order' }, 14 / 5],
        [{ service: 'payment' }, 1],
      ],
    ],
    ['absent(lag)', []],
    ['absent(unknown{a="b"})', [[{ a: 'b' }, 1]]],
    [
      'doubled > 10',
      [
        [{ service: 'order', stream: 'B' }, 18],
        [{ service: 'payment', stream: 'A' }, 14],
      ],
    ],
    ['min by (service, stream) (lag{stream="B"}) > 0', [[{ service: 'order', stream: 'B' }, 9]]],
  ])('%s matches %j', (text, matches) => {
    const expression = parseExpression(text);

    expect(matchesOf(expression!, FACTS).map(({ labels, value }) => [labels, value])).toEqual(matches);
  });

  it.each([
    'histogram_quantile(0.9, lag) > 0',
    'lag > 1 unless lag < 5',
    'lag{service=~"o.*"} > 0',
    'rate(lag) > 0',
    'sum without (a) (lag) > 0',
    'lag >',
    '(lag > 1',
    'lag > 1)',
    'lag ! 1',
    '',
  ])('%s is not understood', (text) => {
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
        expr: topk(3, lag) > 0
`;

describe('the alerts', () => {
  it('are read from a file of Prometheus, with what it records for them', () => {
    const { alerts, records } = parseRules(RULES);
    expect(alerts.map(({ name, holdMs, parsed }) => [name, holdMs, parsed !== undefined])).toEqual([
      ['Lags', 90_000, true],
      ['Now', 0, true],
      ['Later', 0, false],
    ]);
    expect([...records.keys()]).toEqual(['a:b']);
    expect(() => parseRules('groups: 5')).toThrow();
  });

  it('are pending until they have held as long as their rule demands, then fire, and end with their cause', () => {
    let time = 0;
    const judge = createAlertJudge(parseRules(RULES), { now: () => time });
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
    const judge = createAlertJudge(parseRules(RULES), { now: () => time });
    judge(SAMPLES);
    time = 100_000;

    expect(judge(SAMPLES)[0]).toMatchObject({ state: 'pending', instances: [{ heldMs: 0 }, { heldMs: 0 }] });
  });

  it('say what they are about', () => {
    const [lags] = createAlertJudge(parseRules(RULES), { now: () => 0 })(SAMPLES);

    expect(lags?.instances.map(({ summary }) => summary)).toEqual(['order is 9 behind', 'payment is 7 behind']);
  });
});

describe('a rule over minutes', () => {
  const rules = (expr: string) => parseRules(`groups: [{ rules: [{ alert: Grows, expr: '${expr}' }] }]`);
  /** Looks every `stepMs` at a counter with these values; the value of the alert by the last look, or undefined. */
  const valueAfter = (expr: string, values: readonly (number | undefined)[], stepMs = 60_000) => {
    let time = 0;
    const judge = createAlertJudge(
      { ...rules(expr), alerts: rules(expr).alerts.map((rule) => ({ ...rule, summary: '{{ $value }}' })) },
      { now: () => time, longestPauseMs: 600_000 },
    );
    let alerts: ReturnType<typeof judge> = [];
    for (const [at, value] of values.entries()) {
      time = at * stepMs;
      alerts = judge(value === undefined ? [] : [sample('done', value, { service: 'order' })]);
    }
    return alerts[0]?.instances[0]?.summary;
  };

  it.each([
    ['a steady counter', 'increase(done[5m]) >= 0', [10, 20, 30, 40, 50, 60, 70], '50'],
    ['its rate a second', 'rate(done[5m]) >= 0', [0, 60, 120, 180, 240, 300, 360], '1'],
    ['a counter at rest', 'increase(done[5m]) >= 0', [7, 7, 7, 7, 7, 7], '0'],
    ['a reset counts from zero', 'increase(done[5m]) >= 0', [100, 110, 120, 10, 20, 30], '50'],
    ['what was before the window does not count', 'increase(done[2m]) >= 0', [0, 1_000, 1_000, 1_001, 1_002], '2'],
    ['the first events of a counter that was not there count', 'increase(done[5m]) >= 0', [undefined, 3, 3, 3], '3'],
    ['one sample tells nothing', 'increase(done[5m]) >= 0', [5], undefined],
    [
      'a counter that began within the window is not stretched beyond zero',
      'increase(done[10m]) >= 0',
      [undefined, undefined, undefined, undefined, 0, 10, 20],
      '20',
    ],
    [
      'a counter that ended is stretched by half of its spacing',
      'increase(done[10m]) >= 0',
      [0, 10, 20, 30, undefined, undefined, undefined],
      '35',
    ],
  ])('%s: %s', (_, expr, values, value) => {
    expect(valueAfter(expr, values)).toBe(value);
  });

  it('keeps a sample every 15 seconds, and none that is older than its window', () => {
    const history = createSampleHistory([{ of: { metric: 'done', labels: {} }, windowMs: 60_000 }]);
    for (let second = 0; second <= 600; second += 2)
      history.add([sample('done', second), sample('other', second)], second * 1_000);

    expect(history.growthOf({ metric: 'done', labels: {} }, 60_000, 600_000)[0]?.value).toBeCloseTo(60, 0);
    expect(history.growthOf({ metric: 'other', labels: {} }, 60_000, 600_000)).toEqual([]);
    expect(history.size()).toEqual({ series: 1, points: 5 });
    history.add([], 700_000);
    expect(history.size()).toEqual({ series: 0, points: 0 });
  });

  it('keeps at most 500 series', () => {
    const history = createSampleHistory([{ of: { metric: 'done', labels: {} }, windowMs: 60_000 }]);
    history.add(
      Array.from({ length: 600 }, (_, at) => sample('done', 1, { customer: String(at) })),
      0,
    );

    expect(history.size().series).toBe(500);
  });

  it('says how much of the time that it looks back is known', () => {
    let time = 0;
    const judge = createAlertJudge(rules('sum(increase(done[1h])) < 1'), { now: () => time });
    judge([]);
    time = 600_000;

    expect(judge([])[0]).toMatchObject({ windowMs: 3_600_000, knownMs: 600_000 });
  });
});

it.each([
  ['Bearer own', ['Bearer own']],
  [undefined, []],
])('alerts are judged without being asked by the token %s, if there is one', async (token, asked) => {
  const readBy: (string | undefined)[] = [];
  const looked = Promise.withResolvers<void>();
  const { watch } = createAlertJudgement({
    rulesFile: fileURLToPath(new URL('../../../services/monitor/prometheus/alerts.yaml', import.meta.url)),
    readMetrics: async (authorization) => {
      readBy.push(authorization);
      looked.resolve();
      return { time: 0, replicas: [] };
    },
    credentials: {
      find: async () => {
        if (token === undefined) looked.resolve();
        return token;
      },
    } as never,
    log: pino({ level: 'silent' }),
  });

  await watch.start();
  await looked.promise;
  await watch.stop();

  expect(readBy).toEqual(asked);
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

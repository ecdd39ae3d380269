// Judges the alerting rules look by look. What counters were and how long an alert has held is remembered; an alert is counted from the
// start after a pause without a look.
import type { AlertRule, Rules } from './alert-rules.ts';
import { type Facts, type Match, matchesOf, type Sample } from './evaluate-rule.ts';
import { metricsOf } from './rule-expression.ts';
import { createSampleHistory } from './sample-history.ts';

const LONGEST_PAUSE_MS = 40_000;

export type Alert = {
  readonly name: string;
  readonly severity: string;
  readonly expression: string;
  readonly action: string;
  /** `not_judged`: the rule's expression is not understood. `pending`: it holds, but not yet for as long as the rule demands. */
  readonly state: 'firing' | 'pending' | 'quiet' | 'not_judged';
  /** How long it must hold before it fires. */
  readonly holdMs: number;
  /** The longest time over which the rule looks at counters; 0 for the moment only. */
  readonly windowMs: number;
  /** For how much of that time there are samples. */
  readonly knownMs: number;
  /** What it is about, one for each set of labels. */
  readonly instances: readonly {
    readonly summary: string;
    readonly firing: boolean;
    /** How long it has held, as far as was looked. */
    readonly heldMs: number;
  }[];
};

export type JudgeAlerts = (samples: readonly Sample[]) => Alert[];

export type JudgeOptions = {
  /** In milliseconds, never set back. Default that of the process. */
  readonly now?: () => number;
  /** Without a look for longer than this, alerts are counted from the start. Default 40,000. */
  readonly longestPauseMs?: number;
};

/** Creates the judge of some rules. */
export function createAlertJudge({ alerts: rules, records }: Rules, options: JudgeOptions = {}): JudgeAlerts {
  const { now = () => performance.now(), longestPauseMs = LONGEST_PAUSE_MS } = options;
  const recordOf: Facts['recordOf'] = (metric) => records.get(metric);
  const windows = new Map(rules.map((rule) => [rule, windowsOf(rule, recordOf)]));
  const history = createSampleHistory([...windows.values()].flat());
  let since = new Map<string, number>();
  let lookedAt = Number.NEGATIVE_INFINITY;
  return (samples) => {
    const time = now();
    const known = time - lookedAt > longestPauseMs ? new Map<string, number>() : since;
    const holding = new Map<string, number>();
    history.add(samples, time);
    const facts: Facts = {
      samples,
      recordOf,
      growthOf: (selector, windowMs) => history.growthOf(selector, windowMs, time),
    };
    const alerts = rules.map((rule): Alert => {
      const { name, severity, expression, action, holdMs, parsed } = rule;
      const windowMs = Math.max(0, ...(windows.get(rule) ?? []).map((window) => window.windowMs));
      const knownMs = Math.min(windowMs, history.lengthAt(time));
      const about = { name, severity, expression, action, holdMs, windowMs, knownMs };
      if (parsed === undefined) return { ...about, state: 'not_judged', instances: [] };
      const instances = matchesOf(parsed, facts).map((match) => {
        const key = JSON.stringify([name, match.labels]);
        const began = known.get(key) ?? time;
        holding.set(key, began);
        return { summary: renderSummary(rule.summary, match), firing: time - began >= holdMs, heldMs: time - began };
      });
      return { ...about, state: stateOf(instances), instances };
    });
    since = holding;
    lookedAt = time;
    return alerts;
  };
}

/** What a rule reads over a window, by itself or by what it reads is recorded from. */
function windowsOf({ parsed }: AlertRule, recordOf: Facts['recordOf']) {
  if (parsed === undefined) return [];
  const read = metricsOf(parsed).flatMap((one) => {
    const recorded = recordOf(one.of.metric);
    return recorded === undefined ? [one] : metricsOf(recorded);
  });
  return read.filter(({ windowMs }) => windowMs > 0);
}

function stateOf(instances: Alert['instances']): Alert['state'] {
  if (instances.some(({ firing }) => firing)) return 'firing';
  return instances.length > 0 ? 'pending' : 'quiet';
}

const PLACEHOLDER = /\{\{\s*\$(value|labels\.(\w+))\s*(?:\|\s*(\w+)\s*)?\}\}/g;

/** Fills the placeholders of a summary, as Prometheus does. */
export function renderSummary(summary: string, { labels, value }: Match): string {
  return summary.replaceAll(PLACEHOLDER, (_, what: string, label: string | undefined, filter: string | undefined) =>
    what === 'value' ? formatValue(value, filter) : (labels[label ?? ''] ?? ''),
  );
}

function formatValue(value: number, filter: string | undefined): string {
  if (filter === 'humanizePercentage') return `${Number((value * 100).toFixed(1))} %`;
  if (filter !== 'humanizeDuration') return String(Number(value.toFixed(2)));
  const seconds = Math.round(value);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

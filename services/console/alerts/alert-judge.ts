// Judges the alerting rules by the metrics of the moment. How long an alert has held is remembered from look to look; it is counted
// from the start after a pause without one.
import type { AlertRule } from './alert-rules.ts';
import { type Match, matchesOf, type Sample } from './rule-expression.ts';

const LONGEST_PAUSE_MS = 30_000;

export type Alert = {
  readonly name: string;
  readonly severity: string;
  readonly expression: string;
  readonly action: string;
  /** `not_judged`: the rule needs a history of metrics. `pending`: it holds, but not yet for as long as the rule demands. */
  readonly state: 'firing' | 'pending' | 'quiet' | 'not_judged';
  /** How long it must hold before it fires. */
  readonly holdMs: number;
  /** What it is about, one for each set of labels. */
  readonly instances: readonly {
    readonly summary: string;
    readonly firing: boolean;
    /** How long it has held, as far as was looked. */
    readonly heldMs: number;
  }[];
};

export type JudgeAlerts = (samples: readonly Sample[]) => Alert[];

/** Creates the judge of some rules; `now` is in milliseconds and never set back. */
export function createAlertJudge(
  rules: readonly AlertRule[],
  now: () => number = () => performance.now(),
): JudgeAlerts {
  let since = new Map<string, number>();
  let lookedAt = Number.NEGATIVE_INFINITY;
  return (samples) => {
    const time = now();
    const known = time - lookedAt > LONGEST_PAUSE_MS ? new Map<string, number>() : since;
    const holding = new Map<string, number>();
    const alerts = rules.map((rule): Alert => {
      const { name, severity, expression, action, holdMs, parsed } = rule;
      const about = { name, severity, expression, action, holdMs };
      if (parsed === undefined) return { ...about, state: 'not_judged', instances: [] };
      const instances = matchesOf(parsed, samples).map((match) => {
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

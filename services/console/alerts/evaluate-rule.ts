// Evaluates an expression of a rule at a moment, as Prometheus does. Pure.
import type { Aggregation, Operator, RuleExpression, Selector } from './rule-expression.ts';

export type Match = { readonly labels: Readonly<Record<string, string>>; readonly value: number };
export type Sample = Match & { readonly name: string };

export type Facts = {
  /** The samples of the moment. */
  readonly samples: readonly Sample[];
  /** What the counters of a selector grew by within the window up to now, by their labels. */
  growthOf(selector: Selector, windowMs: number): readonly Match[];
  /** The expression of a recorded metric. */
  recordOf(metric: string): RuleExpression | undefined;
};

type Value = number | readonly Match[];

const COMPARISONS: Partial<Record<Operator, (value: number, limit: number) => boolean>> = {
  '==': (value, limit) => value === limit,
  '!=': (value, limit) => value !== limit,
  '>=': (value, limit) => value >= limit,
  '<=': (value, limit) => value <= limit,
  '>': (value, limit) => value > limit,
  '<': (value, limit) => value < limit,
};
const AGGREGATIONS: Readonly<Record<Aggregation, (values: readonly number[]) => number>> = {
  sum: (values) => values.reduce((total, value) => total + value, 0),
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
};

/** What fulfils a rule's expression. A number alone, which is no condition, fulfils nothing. */
export function matchesOf(expression: RuleExpression, facts: Facts): readonly Match[] {
  const value = evaluate(expression, facts);
  return typeof value === 'number' ? [] : value;
}

function evaluate(expression: RuleExpression, facts: Facts): Value {
  switch (expression.kind) {
    case 'number':
      return expression.value;
    case 'selector': {
      const recorded = facts.recordOf(expression.metric);
      return recorded === undefined ? select(expression, facts.samples) : evaluate(recorded, facts);
    }
    case 'absent':
      return select(expression.of, facts.samples).length > 0 ? [] : [{ labels: expression.of.labels, value: 1 }];
    case 'growth':
      return facts.growthOf(expression.of, expression.windowMs).map(({ labels, value }) => ({
        labels,
        value: expression.by === 'rate' ? value / (expression.windowMs / 1_000) : value,
      }));
    case 'aggregate':
      return aggregate(vectorOf(evaluate(expression.of, facts)), expression.by, expression.labels);
    case 'binary':
      return combine(expression.operator, evaluate(expression.left, facts), evaluate(expression.right, facts));
  }
}

/** Whether a sample is one that a selector means. */
export function isSelected({ metric, labels: wanted }: Selector, { name, labels }: Omit<Sample, 'value'>): boolean {
  return name === metric && Object.entries(wanted).every(([key, value]) => (labels[key] ?? '') === value);
}

function select(selector: Selector, samples: readonly Sample[]): Match[] {
  return samples.filter((sample) => isSelected(selector, sample)).map(({ labels, value }) => ({ labels, value }));
}

function aggregate(matches: readonly Match[], by: Aggregation, labels: readonly string[]): Match[] {
  const groups = new Map<string, { readonly labels: Record<string, string>; readonly values: number[] }>();
  for (const match of matches) {
    const own = Object.fromEntries(labels.map((label) => [label, match.labels[label] ?? '']));
    const key = JSON.stringify(own);
    const group = groups.get(key) ?? { labels: own, values: [] };
    group.values.push(match.value);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ labels: own, values }) => ({ labels: own, value: AGGREGATIONS[by](values) }));
}

function combine(operator: Operator, left: Value, right: Value): Value {
  if (operator === 'and') return vectorOf(left).filter((match) => hasSameLabels(vectorOf(right), match));
  if (operator === 'or') {
    const own = vectorOf(left);
    return [...own, ...vectorOf(right).filter((match) => !hasSameLabels(own, match))];
  }
  if (typeof left === 'number' && typeof right === 'number') return compute(operator, left, right) ?? Number.NaN;
  return vectorOf(typeof left === 'number' ? right : left).flatMap((match) => {
    const [a, b] = [valueFor(left, match), valueFor(right, match)];
    const value = a === undefined || b === undefined ? undefined : compute(operator, a, b);
    // A comparison keeps the value of the vector's side, as it is on the left.
    return value === undefined ? [] : [{ labels: match.labels, value: operator in COMPARISONS ? match.value : value }];
  });
}

/** The result; of a comparison that does not hold, undefined. */
function compute(operator: Operator, a: number, b: number): number | undefined {
  if (operator === '*') return a * b;
  if (operator === '/') return a / b;
  return COMPARISONS[operator]?.(a, b) === true ? a : undefined;
}

function valueFor(value: Value, { labels }: Match): number | undefined {
  return typeof value === 'number' ? value : value.find((other) => isSame(other.labels, labels))?.value;
}

function hasSameLabels(matches: readonly Match[], { labels }: Match): boolean {
  return matches.some((other) => isSame(other.labels, labels));
}

function isSame(one: Match['labels'], other: Match['labels']): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}

function vectorOf(value: Value): readonly Match[] {
  return typeof value === 'number' ? [] : value;
}

// The expressions of alerting rules that can be judged by one look at the metrics: a metric, or its sum, minimum or maximum by labels,
// compared with a number. Pure.

export type Sample = Match & { readonly name: string };

export type Aggregation = 'sum' | 'min' | 'max';

export type RuleExpression = {
  readonly metric: string;
  /** The labels that a sample must have. */
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined judges each sample by itself. */
  readonly aggregation: { readonly by: Aggregation; readonly labels: readonly string[] } | undefined;
  readonly comparison: keyof typeof COMPARISONS;
  readonly limit: number;
};

export type Match = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

const COMPARISONS = {
  '==': (value: number, limit: number) => value === limit,
  '!=': (value: number, limit: number) => value !== limit,
  '>=': (value: number, limit: number) => value >= limit,
  '<=': (value: number, limit: number) => value <= limit,
  '>': (value: number, limit: number) => value > limit,
  '<': (value: number, limit: number) => value < limit,
};
const AGGREGATIONS: Readonly<Record<Aggregation, (values: readonly number[]) => number>> = {
  sum: (values) => values.reduce((total, value) => total + value, 0),
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
};

const SELECTOR = /([a-zA-Z_:][\w:]*)(?:\{([^{}]*)\})?/.source;
const COMPARED = /\s*(==|!=|>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)/.source;
const PLAIN = new RegExp(`^${SELECTOR}${COMPARED}$`);
const AGGREGATED = new RegExp(
  `^(sum|min|max)(?:\\s+by\\s*\\(([\\w\\s,]*)\\))?\\s*\\(\\s*${SELECTOR}\\s*\\)${COMPARED}$`,
);
const MATCHER = /^([a-zA-Z_]\w*)="([^"\\]*)"$/;

/** Reads an expression; undefined for one that needs more than a look, such as `rate` over five minutes. */
export function parseExpression(text: string): RuleExpression | undefined {
  const trimmed = text.trim();
  const plain = PLAIN.exec(trimmed);
  const aggregated = plain === null ? AGGREGATED.exec(trimmed) : null;
  const [, by, byLabels = '', ...rest] = aggregated ?? [];
  const [metric, matchers = '', comparison, limit] = aggregated === null ? (plain?.slice(1) ?? []) : rest;
  const labels = parseMatchers(matchers);
  if (metric === undefined || labels === undefined) return undefined;
  return {
    metric,
    labels,
    aggregation: by === undefined ? undefined : { by: by as Aggregation, labels: listOf(byLabels) },
    comparison: comparison as RuleExpression['comparison'],
    limit: Number(limit),
  };
}

/** What fulfils an expression among the samples. */
export function matchesOf(expression: RuleExpression, samples: readonly Sample[]): Match[] {
  const { metric, labels: wanted, aggregation, comparison, limit } = expression;
  const chosen = samples.filter(
    ({ name, labels }) => name === metric && Object.entries(wanted).every(([key, value]) => labels[key] === value),
  );
  const values = aggregation === undefined ? chosen : aggregate(chosen, aggregation);
  return values
    .filter(({ value }) => COMPARISONS[comparison](value, limit))
    .map(({ labels, value }) => ({ labels, value }));
}

function aggregate(
  samples: readonly Sample[],
  { by, labels }: { readonly by: Aggregation; readonly labels: readonly string[] },
): Match[] {
  const groups = new Map<string, { readonly labels: Record<string, string>; readonly values: number[] }>();
  for (const sample of samples) {
    const own = Object.fromEntries(labels.map((label) => [label, sample.labels[label] ?? '']));
    const key = JSON.stringify(own);
    const group = groups.get(key) ?? { labels: own, values: [] };
    group.values.push(sample.value);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ labels: own, values }) => ({ labels: own, value: AGGREGATIONS[by](values) }));
}

function parseMatchers(text: string): Record<string, string> | undefined {
  const parts = listOf(text).map((part) => MATCHER.exec(part));
  if (parts.includes(null)) return undefined;
  return Object.fromEntries(parts.map((part) => [part?.[1] ?? '', part?.[2] ?? '']));
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

// The usage matrix: a row for each used RPC, field, message or enum value, a column for each consumer.

import { type ConsumerUsage, USAGE_KINDS, USAGE_VERBS, type Usage, type UsageKind } from './usage.ts';

/** Formats the matrix. A cell has how a consumer uses an element, and in how many tests. */
export function formatUsage({ consumers }: Usage): string {
  const names = [...new Set(consumers.map(({ consumer }) => consumer))].sort();
  const elements = new Map<string, Map<string, string[]>>();
  for (const usage of consumers) {
    for (const { element, use } of countUses(usage)) {
      const row = elements.get(element) ?? new Map<string, string[]>();
      row.set(usage.consumer, [...(row.get(usage.consumer) ?? []), use]);
      elements.set(element, row);
    }
  }
  const rows = [...elements]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([element, row]) => [element, ...names.map((name) => row.get(name)?.join(', ') ?? '-')]);
  return renderColumns([['used', ...names], ...rows]);
}

function countUses({ tests }: ConsumerUsage): { element: string; use: string }[] {
  const counts = new Map<string, { kind: UsageKind; element: string; tests: number }>();
  for (const test of tests) {
    for (const kind of USAGE_KINDS) {
      for (const element of test[kind]) {
        const key = `${kind} ${element}`;
        counts.set(key, { kind, element, tests: (counts.get(key)?.tests ?? 0) + 1 });
      }
    }
  }
  return [...counts.values()].map((count) => ({
    element: count.element,
    use: `${USAGE_VERBS[count.kind]} (${count.tests})`,
  }));
}

function renderColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return lines.join('\n');
}

// The verdicts as people read them: a row for each invariant, and below those that are violated what violates them.
import type { Verdict } from './judge.ts';

const MARKS: Readonly<Record<Verdict['state'], string>> = { holds: 'holds', violated: 'VIOLATED', unknown: 'unknown' };

/** Renders all verdicts; the last line sums them up. */
export function renderVerdicts(verdicts: readonly Verdict[]): string {
  const nameWidth = Math.max(...verdicts.map(({ name }) => name.length));
  const markWidth = Math.max(...Object.values(MARKS).map((mark) => mark.length));
  const row = (name: string, mark: string, rest: string): string =>
    `  ${name.padEnd(nameWidth)}  ${mark.padEnd(markWidth)}  ${rest}`.trimEnd();
  const lines = verdicts.flatMap((verdict) => [
    row(verdict.name, MARKS[verdict.state], renderCounts(verdict)),
    ...renderViolations(verdict).map((line) => `      ${line}`),
  ]);
  return [row('invariant', '', 'compared'), ...lines, '', renderSum(verdicts)].join('\n');
}

/** One line for each violation, named by its invariant: what a test shows when something does not hold. */
export function listViolations(verdicts: readonly Verdict[]): string[] {
  return verdicts
    .filter(({ state }) => state === 'violated')
    .flatMap(({ name, violations }) => violations.map(({ id, detail }) => `${name}: ${id} ${detail}`));
}

function renderCounts({ counts }: Verdict): string {
  const parts = Object.entries(counts).map(([label, value]) =>
    label === 'note' ? String(value) : `${label} ${value}`,
  );
  return parts.join(', ') || 'nothing there';
}

function renderViolations({ promise, violations, violationCount }: Verdict): string[] {
  if (violationCount === 0) return [];
  const unlisted = violationCount - violations.length;
  return [
    `promised: ${promise}`,
    ...violations.map(({ id, detail }) => `- ${id}  ${detail}`),
    ...(unlisted > 0 ? [`  and ${unlisted} more`] : []),
  ];
}

function renderSum(verdicts: readonly Verdict[]): string {
  const count = (state: Verdict['state']): number => verdicts.filter((verdict) => verdict.state === state).length;
  const unknown = count('unknown') > 0 ? `, ${count('unknown')} unknown` : '';
  return `  ${verdicts.length} invariants: ${count('holds')} hold, ${count('violated')} violated${unknown}.`;
}

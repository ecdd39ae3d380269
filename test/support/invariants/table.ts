// The verdicts as text: one row for each invariant, followed by its violations.
import type { Verdict } from './judge.ts';

const MARKS: Readonly<Record<Verdict['state'], string>> = { holds: 'holds', violated: 'VIOLATED', unknown: 'unknown' };

/** Renders all verdicts; the last line is the summary. */
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

/** Renders all verdicts as JSON, in one line. */
export function renderVerdictsAsJson(verdicts: readonly Verdict[]): string {
  return JSON.stringify(
    verdicts.map((verdict) => ({
      name: verdict.name,
      promise: verdict.promise,
      state: verdict.state,
      counts: renderCounts(verdict),
      violations: verdict.violations.map(({ id, detail }) => `${id} ${detail}`),
    })),
  );
}

/** Lists the violations, one line each, with the name of the invariant: the failure output of a test. */
export function listViolations(verdicts: readonly Verdict[]): string[] {
  return verdicts
    .filter(({ state }) => state === 'violated')
    .flatMap(({ name, violations }) => violations.map(({ id, detail }) => `${name}: ${id} ${detail}`));
}

function renderCounts({ counts }: Verdict): string {
  const parts = Object.entries(counts).map(([label, value]) =>
    label === 'note' ? String(value) : `${label} ${value}`,
  );
  return parts.join(', ') || 'nothing';
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

// The table of mutants and their verdicts. Pure.
import type { Verdict } from './judge.ts';

export type Row = { readonly name: string; readonly verdict: Verdict; readonly tookMs: number };

const MARKS: Readonly<Record<Verdict['kind'], string>> = { caught: 'caught', survived: 'SURVIVED', broken: 'BROKEN' };

/** Renders a row for each mutant, and a summary. */
export function renderTable(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length), 'mutant'.length);
  const lines = rows.map(({ name, verdict, tookMs }) => {
    const by = verdict.kind === 'caught' ? `${verdict.by.file}: ${verdict.by.name}` : verdict.reason;
    return `  ${name.padEnd(width)}  ${MARKS[verdict.kind].padEnd(8)}  ${seconds(tookMs).padStart(6)}  ${by}`;
  });
  const count = (kind: Verdict['kind']): number => rows.filter(({ verdict }) => verdict.kind === kind).length;
  const sum = `  ${rows.length} mutants: ${count('caught')} caught, ${count('survived')} survived, ${count('broken')} broken.`;
  return [`  ${'mutant'.padEnd(width)}  ${'is'.padEnd(8)}  ${'took'.padStart(6)}  by`, ...lines, '', sum].join('\n');
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}

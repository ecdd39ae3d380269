// Joins the findings of `buf breaking` with what consumers use: whom each of them breaks, and in which test one sees it.

import type { BreakingFinding } from './breaking-findings.ts';
import { type AffectedUse, findUsers } from './find-users.ts';
import type { Usage } from './usage.ts';

/** `breaks`: these consumers use it. `unused`: none does. `unknown`: what it is about cannot be told, so it breaks all. */
export type ChangeVerdict = 'breaks' | 'unused' | 'unknown';

/** One finding, and whom it breaks. */
export interface JudgedFinding {
  readonly finding: BreakingFinding;
  readonly verdict: ChangeVerdict;
  /** Whom it breaks; for `unknown`, every consumer there is. */
  readonly consumers: readonly string[];
  /** Where it is used. */
  readonly uses: readonly AffectedUse[];
}

/** Whom a change of the contract breaks. */
export interface ChangeReport {
  /** Whether a finding breaks somebody, or may. */
  readonly isBreaking: boolean;
  readonly findings: readonly JudgedFinding[];
}

/** Returns for each finding whom it breaks. */
export function canIChange(findings: readonly BreakingFinding[], usage: Usage): ChangeReport {
  const judged = findings.map((finding) => judge(finding, usage));
  return { isBreaking: judged.some(({ verdict }) => verdict !== 'unused'), findings: judged };
}

function judge(finding: BreakingFinding, { consumers }: Usage): JudgedFinding {
  const { element } = finding;
  if (!element) {
    return { finding, verdict: 'unknown', consumers: namesOf(consumers), uses: [] };
  }
  const uses = consumers.flatMap((usage) => findUsers(element, finding, usage));
  return { finding, verdict: uses.length > 0 ? 'breaks' : 'unused', consumers: namesOf(uses), uses };
}

function namesOf(uses: readonly { readonly consumer: string }[]): string[] {
  return [...new Set(uses.map(({ consumer }) => consumer))].sort();
}

// So many tests of one use are shown: they tell where to look, the report's data has all.
const shownTests = 3;

/** Returns a report as text: each finding with whom it breaks and where one sees it, and a line that sums up. */
export function formatChangeReport(report: ChangeReport): string {
  return [...report.findings.flatMap(formatFinding), sumUp(report)].join('\n');
}

function formatFinding({ finding, verdict, consumers, uses }: JudgedFinding): string[] {
  const { path, line, rule, message } = finding;
  const place = path === undefined ? [] : [[path, line].filter((part) => part !== undefined).join(':')];
  const head = [[...place, rule].join('  '), `  ${message}`];
  if (verdict === 'unused') return [...head, '  nobody uses it', ''];
  if (verdict === 'unknown') {
    const all = consumers.length === 0 ? '' : `: ${consumers.join(', ')}`;
    return [...head, `  what it is about cannot be told: treat it as breaking everybody${all}`, ''];
  }
  return [...head, ...consumers.flatMap((consumer) => formatConsumer(consumer, uses)), ''];
}

function formatConsumer(consumer: string, uses: readonly AffectedUse[]): string[] {
  const ofConsumer = uses.filter((use) => use.consumer === consumer);
  const lines = [...new Set(ofConsumer.map(({ use }) => use))].flatMap((use) => {
    const tests = ofConsumer.filter((other) => other.use === use).map(({ file, test }) => `      ${file}: ${test}`);
    const more = tests.length > shownTests ? [`      and ${tests.length - shownTests} more`] : [];
    return [`    ${use}`, ...tests.slice(0, shownTests), ...more];
  });
  return [`  breaks ${consumer}, which`, ...lines];
}

function sumUp({ findings }: ChangeReport): string {
  if (findings.length === 0) return 'no finding: nothing breaks';
  const count = (verdict: ChangeVerdict) => findings.filter((finding) => finding.verdict === verdict).length;
  const broken = [...new Set(findings.flatMap(({ consumers }) => consumers))].sort();
  const parts = [
    ...(count('breaks') > 0 ? [`${count('breaks')} of what is used`] : []),
    ...(count('unused') > 0 ? [`${count('unused')} of what nobody uses`] : []),
    ...(count('unknown') > 0 ? [`${count('unknown')} of what cannot be told`] : []),
  ];
  return `${findings.length} finding${findings.length === 1 ? '' : 's'}: ${parts.join(', ')}; ${nameBroken(broken, count('unknown'))}`;
}

function nameBroken(broken: readonly string[], unknown: number): string {
  if (broken.length > 0) return `breaks ${broken.join(', ')}`;
  return unknown > 0 ? 'may break somebody' : 'breaks nobody';
}

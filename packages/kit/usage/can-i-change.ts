// The join of the findings of `buf breaking` with recorded usage: the consumers and tests that each finding breaks.

import type { BreakingFinding } from './breaking-findings.ts';
import { type AffectedUse, findUsers } from './find-users.ts';
import type { Usage } from './usage.ts';

/** `breaks`: consumers use the element. `unused`: none does. `unknown`: the element is not known, so it may break all. */
export type ChangeVerdict = 'breaks' | 'unused' | 'unknown';

/** A finding and the consumers it breaks. */
export type JudgedFinding = {
  readonly finding: BreakingFinding;
  readonly verdict: ChangeVerdict;
  /** The consumers it breaks; for `unknown`, all consumers. */
  readonly consumers: readonly string[];
  /** The uses of the element. */
  readonly uses: readonly AffectedUse[];
};

/** The consumers that a change of a contract breaks. */
export type ChangeReport = {
  /** Whether a finding breaks, or may break, a consumer. */
  readonly isBreaking: boolean;
  readonly findings: readonly JudgedFinding[];
};

/** Returns for each finding the consumers it breaks. */
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

// The text shows only the first tests of a use; the data of the report has all.
const MAX_SHOWN_TESTS = 3;

/** Formats a report: each finding with the consumers and tests it breaks, and a summary. */
export function formatChangeReport(report: ChangeReport): string {
  return [...report.findings.flatMap(formatFinding), sumUp(report)].join('\n');
}

function formatFinding({ finding, verdict, consumers, uses }: JudgedFinding): string[] {
  const { path, line, rule, message } = finding;
  const place = path === undefined ? [] : [[path, line].filter((part) => part !== undefined).join(':')];
  const head = [[...place, rule].join('  '), `  ${message}`];
  if (verdict === 'unused') return [...head, '  no consumer uses it', ''];
  if (verdict === 'unknown') {
    const all = consumers.length === 0 ? '' : `: ${consumers.join(', ')}`;
    return [...head, `  the changed element is unknown: treat it as breaking all consumers${all}`, ''];
  }
  return [...head, ...consumers.flatMap((consumer) => formatConsumer(consumer, uses)), ''];
}

function formatConsumer(consumer: string, uses: readonly AffectedUse[]): string[] {
  const ofConsumer = uses.filter((use) => use.consumer === consumer);
  const lines = [...new Set(ofConsumer.map(({ use }) => use))].flatMap((use) => {
    const tests = ofConsumer.filter((other) => other.use === use).map(({ file, test }) => `      ${file}: ${test}`);
    const more = tests.length > MAX_SHOWN_TESTS ? [`      and ${tests.length - MAX_SHOWN_TESTS} more`] : [];
    return [`    ${use}`, ...tests.slice(0, MAX_SHOWN_TESTS), ...more];
  });
  return [`  breaks ${consumer}, which`, ...lines];
}

function sumUp({ findings }: ChangeReport): string {
  if (findings.length === 0) return 'no findings: nothing breaks';
  const count = (verdict: ChangeVerdict) => findings.filter((finding) => finding.verdict === verdict).length;
  const broken = [...new Set(findings.flatMap(({ consumers }) => consumers))].sort();
  const parts = [
    ...(count('breaks') > 0 ? [`${count('breaks')} of used elements`] : []),
    ...(count('unused') > 0 ? [`${count('unused')} of unused elements`] : []),
    ...(count('unknown') > 0 ? [`${count('unknown')} of unknown elements`] : []),
  ];
  return `${findings.length} finding${findings.length === 1 ? '' : 's'}: ${parts.join(', ')}; ${nameBroken(broken, count('unknown'))}`;
}

function nameBroken(broken: readonly string[], unknown: number): string {
  if (broken.length > 0) return `breaks ${broken.join(', ')}`;
  return unknown > 0 ? 'may break any consumer' : 'breaks no consumer';
}

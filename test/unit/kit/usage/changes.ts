// Findings of buf, and the uses of consumers that they concern.
import { type BreakingFinding, readBreakingFindings } from '../../../../packages/kit/usage/breaking-findings.ts';
import { canIChange } from '../../../../packages/kit/usage/can-i-change.ts';
import type { ConsumerUsage, Usage } from '../../../../packages/kit/usage/usage.ts';
import { usageOf } from './library-usage.ts';

/** Records the usage of one test. */
export type Read = Parameters<typeof usageOf>[0][string];

/** Returns the finding that a field was deleted. */
export const deleted = (number: number, name: string, message: string, path = 'proto/library/v1/library.proto') =>
  finding(
    'FIELD_NO_DELETE',
    `Previously present field "${number}" with name "${name}" on message "${message}" was deleted.`,
    path,
  );

/** Returns a finding of buf. */
export function finding(type: string, message: string, path = 'proto/library/v1/library.proto'): BreakingFinding {
  const [found] = readBreakingFindings(JSON.stringify({ path, start_line: 3, type, message }));
  return found as BreakingFinding;
}

/** Returns the usage of one consumer with one test. */
export const usageBy = (take: Read): Usage => ({ consumers: [usageOf({ 'a test': take })] });

/** Returns the uses that a finding breaks. */
export const usesOf = (found: BreakingFinding, usage: Usage) =>
  canIChange([found], usage).findings.flatMap(({ uses }) => uses.map(({ use }) => use));

/** Usage of a contract for which the kit has no example. */
export function usageOfTypes(types: ConsumerUsage['types'], ...reads: string[]): Usage {
  const test = { file: 'a.test.ts', test: 'a test', calls: [], sets: [], whole: [], values: [], types: [], reads };
  return { consumers: [{ consumer: 'Reader', provider: 'Library', types, tests: [test] }] };
}

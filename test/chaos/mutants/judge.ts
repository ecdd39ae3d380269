// The judgement of a mutant by the results of its named tests. Pure.
import { z } from 'zod';
import type { NamedTest } from './mutant.ts';

/** The needed parts of the output of vitest's JSON reporter. */
const resultsSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      message: z.string().default(''),
      assertionResults: z.array(
        z.object({
          title: z.string(),
          fullName: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});
export type TestResults = z.infer<typeof resultsSchema>;

export type Verdict =
  | { readonly kind: 'caught'; readonly by: NamedTest; readonly reason: string }
  | { readonly kind: 'survived' | 'broken'; readonly reason: string };

// `expect.poll` throws a plain Error.
const ASSERTION = /^(AssertionError|Error: expected )/;

/**
 * Parses the output of vitest.
 *
 * @throws {Error} the output has another shape.
 */
export function readResults(text: string): TestResults {
  const results = resultsSchema.safeParse(JSON.parse(text));
  if (!results.success) throw new Error(`unexpected results of vitest: ${z.prettifyError(results.error)}`);
  return results.data;
}

/** Describes the named tests that do not exist, or do not pass on unchanged code; empty when all of them pass. */
export function findRedTests(tests: readonly NamedTest[], results: TestResults): string[] {
  return tests.flatMap((test) => {
    const runs = runsOf(test, results);
    if (runs.length === 0) return [`${test.file} has no test "${test.name}"`];
    const red = runs.find(({ status }) => status !== 'passed');
    return red === undefined
      ? []
      : [`${test.file} "${test.name}" ${red.status}: ${firstLine(red.failureMessages?.[0])}`];
  });
}

/** Judges a mutant by its named tests: one of them has to fail on an assertion. */
export function judgeMutant(tests: readonly NamedTest[], results: TestResults): Verdict {
  const otherFailures: string[] = [];
  for (const test of tests) {
    for (const { status, failureMessages } of runsOf(test, results)) {
      if (status !== 'failed') continue;
      const assertion = failureMessages?.find((message) => ASSERTION.test(message));
      if (assertion !== undefined) return { kind: 'caught', by: test, reason: firstLine(assertion) };
      otherFailures.push(firstLine(failureMessages?.[0]));
    }
  }
  if (otherFailures.length > 0) return { kind: 'broken', reason: `failed, but on no assertion: ${otherFailures[0]}` };
  const ran = tests.some((test) => runsOf(test, results).some(({ status }) => status === 'passed'));
  if (ran) return { kind: 'survived', reason: 'all its tests passed' };
  const message = results.testResults.map(({ message }) => message).find((message) => message !== '');
  return { kind: 'broken', reason: `none of its tests ran: ${firstLine(message)}` };
}

function runsOf(test: NamedTest, { testResults }: TestResults) {
  return testResults
    .filter(({ name }) => name.endsWith(`/${test.file}`))
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ title }) => title.startsWith(test.name));
}

function firstLine(message = 'no message'): string {
  return message.split('\n', 1)[0]?.slice(0, 160) ?? '';
}

// What the results of its named tests say about a mutant. Pure.
import { z } from 'zod';
import type { NamedTest } from './mutant.ts';

/** What vitest's JSON reporter writes, as much of it as is needed. */
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
  | { readonly kind: 'caught'; readonly by: NamedTest; readonly words: string }
  | { readonly kind: 'survived' | 'broken'; readonly words: string };

// What `expect.poll` gives up with is an assertion under another name.
const ASSERTION = /^(AssertionError|Error: expected )/;

/** Reads what vitest wrote. Throws Error when that is something else. */
export function readResults(text: string): TestResults {
  const results = resultsSchema.safeParse(JSON.parse(text));
  if (!results.success) throw new Error(`vitest wrote other results: ${z.prettifyError(results.error)}`);
  return results.data;
}

/** Why these tests prove nothing when they are run on unchanged code, in words; empty when all of them ran and passed. */
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

/** Judges a mutant by the tests that have to catch it: one of them has to fail on an assertion. */
export function judgeMutant(tests: readonly NamedTest[], results: TestResults): Verdict {
  const otherwise: string[] = [];
  for (const test of tests) {
    for (const { status, failureMessages } of runsOf(test, results)) {
      if (status !== 'failed') continue;
      const assertion = failureMessages?.find((message) => ASSERTION.test(message));
      if (assertion !== undefined) return { kind: 'caught', by: test, words: firstLine(assertion) };
      otherwise.push(firstLine(failureMessages?.[0]));
    }
  }
  if (otherwise.length > 0) return { kind: 'broken', words: `failed, but on no assertion: ${otherwise[0]}` };
  const ran = tests.some((test) => runsOf(test, results).some(({ status }) => status === 'passed'));
  if (ran) return { kind: 'survived', words: 'every test that was to catch it passed' };
  const reason = results.testResults.map(({ message }) => message).find((message) => message !== '');
  return { kind: 'broken', words: `none of its tests ran: ${firstLine(reason)}` };
}

function runsOf(test: NamedTest, { testResults }: TestResults) {
  return testResults
    .filter(({ name }) => name.endsWith(`/${test.file}`))
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ title }) => title.startsWith(test.name));
}

function firstLine(message = 'no words'): string {
  return message.split('\n', 1)[0]?.slice(0, 160) ?? '';
}

// What failed in a run of vitest, by the file that results-reporter.ts writes. Pure.
import { relative } from 'node:path';
import { z } from 'zod';

const resultsSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(
        z.object({ ancestorTitles: z.array(z.string()), title: z.string(), status: z.string() }),
      ),
    }),
  ),
  unhandledErrors: z.array(z.string()).default([]),
});

/** Stands for a run that failed without a failed test, for example by a leaked process. */
export const NO_TEST_FAILED = 'no test failed, but the run did: see its log';

/**
 * Lists the tests that failed, as `file > group > title`; a file that failed outside its tests is listed alone, and so is each error that
 * belongs to no test.
 *
 * @param root the repository, to which the paths are relative
 * @throws {Error} the text is no output of vitest.
 */
export function listFailures(text: string, root: string): string[] {
  const results = resultsSchema.safeParse(JSON.parse(text));
  if (!results.success) throw new Error(`unexpected results of vitest: ${z.prettifyError(results.error)}`);
  const { testResults, unhandledErrors } = results.data;
  const errors = unhandledErrors.map((error) => `outside the tests: ${error.split('\n')[0]}`);
  const failures = testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(root, name);
    const failed = assertionResults
      .filter((test) => test.status === 'failed')
      .map(({ ancestorTitles, title }) => [file, ...ancestorTitles, title].join(' > '));
    return failed.length === 0 && status === 'failed' ? [`${file} > outside its tests`] : failed;
  });
  return [...failures, ...errors];
}

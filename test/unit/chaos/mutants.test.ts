// The lists of mutants, and the judgement of their test results.
import { describe, expect, it } from 'vitest';
import { findRedTests, judgeMutant, readResults, type TestResults } from '../../chaos/mutants/judge.ts';
import { findListProblems, findPatchProblem, type Mutant } from '../../chaos/mutants/mutant.ts';
import { MUTANTS } from '../../chaos/mutants/mutants.ts';
import { REVIEWER_MUTANTS } from '../../chaos/mutants/reviewer-mutants.ts';
import { renderTable } from '../../chaos/mutants/table.ts';

const test = { file: 'test/unit/order/order.test.ts', name: 'never changes' };
const mutant: Mutant = {
  name: 'let a verdict change',
  file: 'services/order/order.ts',
  search: 'throw new Error',
  replacement: 'return new Error',
  caughtBy: [test],
};

function resultsOf(status: string, message = '', title = 'never changes: after a, b is refused'): TestResults {
  const failureMessages = message === '' ? [] : [message];
  return readResults(
    JSON.stringify({
      testResults: [
        {
          name: `/somewhere/copy/${test.file}`,
          assertionResults: [{ title, fullName: `a verdict ${title}`, status, failureMessages }],
        },
      ],
    }),
  );
}

describe('the lists of mutants', () => {
  it('hold at least fifteen by the authors of the tests', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(15);
  });

  it('have unique names, change production code, and name a test', () => {
    expect(findListProblems([...MUTANTS, ...REVIEWER_MUTANTS])).toEqual([]);
  });

  it('are refused with a duplicate name, without a test, with a random one, and for code outside the services', () => {
    const problems = findListProblems([
      mutant,
      { ...mutant, caughtBy: [] },
      { ...mutant, name: 'a', file: 'test/support/stack.ts' },
      { ...mutant, name: 'b', file: 'local/stack/stack.ts' },
      { ...mutant, name: 'd', file: 'test/support/services/order.ts' },
      { ...mutant, name: 'c', caughtBy: [test, { ...test, file: 'test/integration/order/histories.test.ts' }] },
    ]);

    expect(problems).toEqual([
      'let a verdict change: the name is not unique',
      'let a verdict change: no test is named',
      'c: a random history may not meet it, so its verdict would be luck',
      'a: test/support/stack.ts is not production code',
      'b: local/stack/stack.ts is not production code',
      'd: test/support/services/order.ts is not production code',
    ]);
  });
});

describe('a mutant', () => {
  it('applies where its search text occurs exactly once', () => {
    expect(findPatchProblem(mutant, 'if (a) throw new Error();')).toBeUndefined();
    expect(findPatchProblem(mutant, 'if (a) return;')).toBe('its search text occurs 0 times');
    expect(findPatchProblem(mutant, 'throw new Error; throw new Error;')).toBe('its search text occurs 2 times');
  });

  it('changes something', () => {
    const same = { ...mutant, replacement: mutant.search };

    expect(findPatchProblem(same, 'throw new Error')).toBe('its replacement changes nothing');
  });

  it('is caught when a named test fails on an assertion', () => {
    const results = resultsOf('failed', 'AssertionError: expected 1 to be 2\n    at somewhere');

    expect(judgeMutant([test], results)).toEqual({
      kind: 'caught',
      by: test,
      reason: 'AssertionError: expected 1 to be 2',
    });
  });

  it.each(['Error: Test timed out in 5000ms.', 'TypeError: undefined is not a function'])(
    'is not caught by a failure other than an assertion: %s',
    (message) => {
      expect(judgeMutant([test], resultsOf('failed', message))).toEqual({
        kind: 'broken',
        reason: `failed, but on no assertion: ${message}`,
      });
    },
  );

  it('survives when its tests pass', () => {
    expect(judgeMutant([test], resultsOf('passed')).kind).toBe('survived');
  });

  it('is not caught by a test with another title or file', () => {
    const failed = 'AssertionError: expected 1 to be 2';

    for (const title of ['is pending', `almost ${test.name}`])
      expect(judgeMutant([test], resultsOf('failed', failed, title)).kind).toBe('broken');
    expect(judgeMutant([{ ...test, file: 'test/unit/order/other.test.ts' }], resultsOf('failed', failed)).kind).toBe(
      'broken',
    );
  });
});

describe('unchanged code', () => {
  it('is green when every named test exists and passes', () => {
    expect(findRedTests([test], resultsOf('passed'))).toEqual([]);
  });

  it('is red when a named test fails, is skipped or does not exist', () => {
    const file = test.file;

    expect(findRedTests([test], resultsOf('failed', 'Error: no'))).toEqual([
      `${file} "never changes" failed: Error: no`,
    ]);
    expect(findRedTests([test], resultsOf('pending'))).toEqual([`${file} "never changes" pending: no message`]);
    expect(findRedTests([{ ...test, name: 'gone' }], resultsOf('passed'))).toEqual([`${file} has no test "gone"`]);
  });
});

describe('the table of mutants', () => {
  it('names the test that caught each, and counts them', () => {
    const table = renderTable([
      { name: 'one', verdict: { kind: 'caught', by: test, reason: '' }, tookMs: 1_234 },
      { name: 'another', verdict: { kind: 'survived', reason: 'no test failed' }, tookMs: 20_000 },
    ]);

    expect(table).toMatch(/one +caught +1.2 s {2}test\/unit\/order\/order.test.ts: never changes/);
    expect(table).toMatch(/another +SURVIVED +20.0 s {2}no test failed/);
    expect(table).toMatch(/2 mutants: 1 caught, 1 survived, 0 broken.$/);
  });
});

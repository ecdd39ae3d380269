// Which runs have all tests, and are judged as a whole.
import { describe, expect, it } from 'vitest';
import type { TestModule, Vitest } from 'vitest/node';
import { isWholeRun } from '../../support/pyramid/whole-run.ts';

const LEVELS = ['unit', 'integration', 'contract', 'e2e'];

/** Asks about a run of two files, of as many as there are unless said otherwise. */
function ask({ levels = LEVELS, files = 2, config = {} }: { levels?: string[]; files?: number; config?: object }) {
  const vitest = {
    config,
    projects: levels.map((name) => ({ name })),
    globTestSpecifications: async () => Array(files).fill({}),
  };
  return isWholeRun(vitest as unknown as Vitest, Array<TestModule>(2));
}

describe('a run', () => {
  it('of every file of every level is a whole one', async () => {
    expect(await ask({})).toBe(true);
  });

  it.each([
    ['without one of the levels', { levels: LEVELS.slice(1) }],
    ['of one level', { levels: ['unit'] }],
    ['of some files', { files: 3 }],
    ['filtered by name', { config: { testNamePattern: /order/ } }],
    ['filtered by tag', { config: { tagsFilter: ['seed-4.4'] } }],
  ])('%s is none', async (_, run) => {
    expect(await ask(run)).toBe(false);
  });
});

// The configuration of vitest: `vitest run` runs all four levels of the pyramid, `--project unit` one of them.
import { availableParallelism } from 'node:os';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { LeakReporter } from './test/support/guards/leak-reporter.ts';
import { PATIENCE } from './test/support/patience.ts';
import { ProgressReporter } from './test/support/progress-reporter.ts';
import type { Level } from './test/support/pyramid/pyramid.ts';
import { PyramidReporter } from './test/support/pyramid/reporter.ts';
import { ResultsReporter } from './test/support/results-reporter.ts';
import { SeedMapReporter } from './test/support/seed-map/reporter.ts';
import { SEED_TAGS } from './test/support/seed-map/sections.ts';

// Where to write the run's results as JSON, for a caller that counts them.
const resultsFile = process.env.TEST_RESULTS_FILE;

// The packages of this repository are tested as their TypeScript sources, in tests and in the processes that tests start.
const SOURCE_CONDITION = '@touchstone/source';
const SOURCE_FLAG = `--conditions=${SOURCE_CONDITION}`;
if (process.env.NODE_OPTIONS?.includes(SOURCE_FLAG) !== true) {
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} ${SOURCE_FLAG}`.trim();
}

const CORES = availableParallelism();
// More than half of the time of a test file is waiting, so two workers keep a core busy. A third takes a fifth off the time of a run,
// but then one test or two of 8,600 miss a deadline in every second run.
const WORKERS = CORES * 2;

export default defineConfig({
  ssr: { resolve: { conditions: [SOURCE_CONDITION] } },
  test: {
    includeTaskLocation: true,
    allowOnly: false,
    tags: SEED_TAGS,
    globalSetup: [
      'test/support/temporary-files/memory-folder.ts',
      'test/support/postgres.ts',
      'test/support/shared-stacks.ts',
    ],
    retry: 0,
    restoreMocks: true,
    unstubGlobals: true,
    unstubEnvs: true,
    sequence: { shuffle: { files: false, tests: true } },
    reporters: [
      'default',
      new ProgressReporter(),
      ...(resultsFile ? [new ResultsReporter(resultsFile)] : []),
      new PyramidReporter(),
      new SeedMapReporter(),
      new LeakReporter(),
    ],
    projects: [
      level('unit', { order: 0, seconds: 5, setup: ['test/support/guards/refuse-outside-world.ts'] }),
      level('integration', { order: 1, seconds: 30, setup: ['test/support/guards/leaks-of-file.ts'] }),
      level('contract', { order: 1, seconds: 120, setup: ['test/support/guards/leaks-of-file.ts'] }),
      level('e2e', { order: 1, seconds: 120, setup: ['test/support/guards/leaks-of-file.ts'] }),
    ],
  },
});

type LevelOptions = {
  /** Levels with the same order run in parallel, after those with a lower order: the files that wait leave the cores to others. */
  readonly order: number;
  /** The longest a test or a hook may take. */
  readonly seconds: number;
  readonly setup: string[];
};

function level(name: Level, { order, seconds, setup }: LevelOptions): TestProjectInlineConfiguration {
  return {
    extends: true,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      setupFiles: ['test/support/guards/undo-stubs.ts', ...setup],
      // Threads start faster; tests that start processes and handle signals need their own process.
      pool: name === 'unit' ? 'threads' : 'forks',
      // The files of a worker share their modules: importing them again would take most of the time of the unit tests.
      isolate: false,
      // A wait for an effect ends before the test does, so that it fails with its own expectation.
      expect: { poll: { ...PATIENCE, timeout: Math.min(PATIENCE.timeout, seconds * 1000 - 1000) } },
      testTimeout: seconds * 1000,
      hookTimeout: seconds * 1000,
      sequence: { groupOrder: order },
      maxWorkers: name === 'unit' ? CORES : WORKERS,
    },
  };
}

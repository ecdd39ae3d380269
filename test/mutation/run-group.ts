// Runs Stryker on one group: mutates its files in a copy of the repository, and runs the group's tests on each mutant.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Stryker } from '@stryker-mutator/core';
import { type MutationGroup, TESTS_VARIABLE } from './groups.ts';

export type RunOptions = {
  /** Mutants tested at once. */
  readonly concurrency: number;
  /** Whether every mutant is tested, also those whose code and tests did not change. */
  readonly force: boolean;
};

type TestedStatus = { readonly status: string };

/** @throws {Error} The tests fail on unchanged code. */
export function runGroup({ name, files, tests }: MutationGroup, { concurrency, force }: RunOptions) {
  const resultsFile = `.mutation/${name}.json`;
  if (existsSync(resultsFile)) forgetSurvivors(resultsFile);
  // Not by Stryker's option `testFiles`: with it, a mutant of a module's constants is activated only after the module has read them.
  process.env[TESTS_VARIABLE] = JSON.stringify(tests);
  return new Stryker({
    mutate: [...files],
    concurrency,
    force,
    incremental: true,
    incrementalFile: resultsFile,
    tempDirName: `.mutation/sandbox-${name}`,
    ignorePatterns: [
      '*',
      '!/docs/**',
      '!/gen/**',
      '!/packages/**',
      '!/services/**',
      '!/test/{mutation,support,unit}/**',
      '!/package.json',
    ],
    plugins: ['@stryker-mutator/vitest-runner', import.meta.resolve('./ignored-mutants.ts')],
    ignorers: ['texts'],
    testRunner: 'vitest',
    vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
    coverageAnalysis: 'perTest',
    reporters: ['progress-append-only'],
    allowConsoleColors: false,
    // Stryker rewrites tsconfig.json and adds `@ts-nocheck` with the compiler's API, which TypeScript 7 does not have. vitest needs neither.
    tsconfigFile: 'none',
    disableTypeChecks: false,
    cleanTempDir: 'always',
    // vitest notices an endless loop by Stryker's count of hits first.
    timeoutMS: 20_000,
  }).runMutationTest();
}

// Every survivor is tested again: Stryker would reuse the result of a mutant of module constants although there is a new test, and of
// any mutant although a module that is not mutated changed.
function forgetSurvivors(resultsFile: string): void {
  const results = JSON.parse(readFileSync(resultsFile, 'utf8')) as {
    files: Record<string, { mutants: TestedStatus[] }>;
  };
  for (const file of Object.values(results.files))
    file.mutants = file.mutants.filter(({ status }) => status === 'Killed');
  writeFileSync(resultsFile, JSON.stringify(results));
}

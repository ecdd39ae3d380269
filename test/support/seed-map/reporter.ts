// The reporter that fails a whole run in which a section of the seed map has no test, or one that did not pass. SEED_MAP=1 makes it
// judge any run, and print the map.
import { relative } from 'node:path';
import type { Reporter, TestModule, TestRunEndReason, Vitest } from 'vitest/node';
import { isWholeRun } from '../pyramid/whole-run.ts';
import { buildSeedMap, drawSeedMap, findGaps, type TaggedTest } from './seed-map.ts';

export class SeedMapReporter implements Reporter {
  readonly #isRequested = process.env.SEED_MAP !== undefined;
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunEnd(
    testModules: readonly TestModule[],
    _errors: readonly unknown[],
    reason: TestRunEndReason,
  ): Promise<void> {
    const vitest = this.#vitest;
    if (!vitest || reason === 'interrupted') return;
    if (!this.#isRequested && !(await isWholeRun(vitest, testModules))) return;
    const rows = buildSeedMap(testModules.flatMap((testModule) => listTaggedTests(testModule, vitest.config.root)));
    if (this.#isRequested) console.log(`\n${drawSeedMap(rows)}\n`);
    for (const gap of findGaps(rows)) {
      console.error(`The seed map has a gap: ${gap}.`);
      process.exitCode = 1;
    }
  }
}

function listTaggedTests(testModule: TestModule, root: string): TaggedTest[] {
  const file = relative(root, testModule.moduleId);
  return [...testModule.children.allTests()]
    .filter(({ tags }) => tags.length > 0)
    .map((test) => ({ tags: test.tags, name: test.fullName, file, result: test.result().state }));
}

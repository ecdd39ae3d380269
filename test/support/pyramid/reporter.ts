// The reporter that prints the pyramid's table after every run, and fails a full run when a level is outside its band.
import type { Reporter, TestModule, Vitest } from 'vitest/node';
import { buildPyramid, drawPyramid, findFaults, LEVELS, type Level, type RanTest } from './pyramid.ts';
import { isWholeRun } from './whole-run.ts';

export class PyramidReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunEnd(testModules: readonly TestModule[]): Promise<void> {
    const rows = buildPyramid(testModules.flatMap(listRanTests), sumSeconds(testModules));
    // The shares of a filtered run are meaningless.
    const isWhole = this.#vitest !== undefined && (await isWholeRun(this.#vitest, testModules));
    console.log(`\n${drawPyramid(rows, isWhole)}\n`);
    if (!isWhole) return;
    for (const fault of findFaults(rows)) {
      console.error(`The pyramid is out of shape: ${fault}.`);
      process.exitCode = 1;
    }
  }
}

function listRanTests(testModule: TestModule): RanTest[] {
  const level = levelOf(testModule);
  if (!level) return [];
  return [...testModule.children.allTests()]
    .filter((test) => {
      // Tests skipped because a program is missing count too: the shape describes the repository, not the machine.
      const result = test.result();
      return result.state !== 'skipped' || result.note !== undefined;
    })
    .map((test) => {
      if (!test.location)
        throw new Error(`${testModule.moduleId}: no location for "${test.fullName}"; includeTaskLocation must be on`);
      return { level, file: testModule.moduleId, line: test.location.line, column: test.location.column };
    });
}

function sumSeconds(testModules: readonly TestModule[]): Record<Level, number> {
  const seconds: Record<Level, number> = { unit: 0, integration: 0, contract: 0, e2e: 0 };
  for (const testModule of testModules) {
    const level = levelOf(testModule);
    const { prepareDuration, setupDuration, collectDuration, duration } = testModule.diagnostic();
    if (level) seconds[level] += (prepareDuration + setupDuration + collectDuration + duration) / 1000;
  }
  return seconds;
}

function levelOf(testModule: TestModule): Level | undefined {
  return LEVELS.find((level) => level === testModule.project.name);
}

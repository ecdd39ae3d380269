import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { TestModule, TestSpecification } from 'vitest/node';
import { ProgressReporter } from '../../support/progress-reporter.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const moduleWith = (...states: string[]) =>
  ({ children: { allTests: () => states.map((state) => ({ result: () => ({ state }) })) } }) as unknown as TestModule;

it('prints the elapsed time, the files and the tests so far, at most every ten seconds', () => {
  const lines: string[] = [];
  const reporter = new ProgressReporter((line) => lines.push(line));
  reporter.onTestRunStart(Array.from({ length: 4 }) as TestSpecification[]);
  vi.advanceTimersByTime(9_000);
  reporter.onTestModuleEnd(moduleWith('passed', 'failed'));
  vi.advanceTimersByTime(3_400);
  reporter.onTestModuleEnd(moduleWith('passed'));
  vi.advanceTimersByTime(9_000);
  reporter.onTestModuleEnd(moduleWith('skipped'));
  vi.advanceTimersByTime(1_000);
  reporter.onTestModuleEnd(moduleWith('passed'));

  expect(lines).toEqual(['12 s: 2 of 4 files, 3 tests, 1 failed', '22 s: 4 of 4 files, 5 tests, 1 failed']);
});

// The loop over the runs. It stops only when it is called off.
import { describeRun, type RunResult } from './report.ts';
import type { RepeatSettings } from './settings.ts';

export type Run = { readonly seed: number; readonly hasBusyCore: boolean };

export type RepeatDependencies = {
  runOnce(run: Run): Promise<RunResult>;
  print(line: string): void;
};

/**
 * Makes all runs, one after the other, whatever their results. A seed stands for the order of the tests and for the load: runs with an
 * odd seed have a busy core.
 *
 * @returns the results of the runs that ended; fewer than asked for when `signal` aborts.
 */
export async function repeatRuns(
  { runs, firstSeed }: RepeatSettings,
  { runOnce, print }: RepeatDependencies,
  signal: AbortSignal,
): Promise<RunResult[]> {
  const results: RunResult[] = [];
  while (results.length < runs && !signal.aborted) {
    const seed = firstSeed + results.length;
    const result = await runOnce({ seed, hasBusyCore: seed % 2 === 1 });
    // A run that was called off says nothing about its tests.
    if (signal.aborted) break;
    results.push(result);
    print(describeRun(result, results.length, runs));
  }
  return results;
}

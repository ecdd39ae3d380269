// What repeated runs print: a line for each, and in the end the tests that failed. Pure.

export type RunResult = {
  readonly seed: number;
  readonly hasBusyCore: boolean;
  readonly seconds: number;
  /** What failed; empty when the run passed. */
  readonly failures: readonly string[];
  /** The output of a failed run. */
  readonly log: string;
};

export function describeRun(
  { seed, hasBusyCore, seconds, failures, log }: RunResult,
  number: number,
  runs: number,
): string {
  const width = String(runs).length;
  const result = failures.length === 0 ? 'passed' : 'FAILED';
  const load = hasBusyCore ? ', busy core' : '';
  const failed = failures.length === 0 ? '' : `   ${count(failures.length, 'failure')}, see ${log}`;
  const columns = [`${String(number).padStart(width)}/${runs}`, result, `${seconds.toFixed(1).padStart(7)} s`];
  return `  ${columns.join('   ')}   seed ${seed}${load}${failed}`;
}

/** Renders the failures, the most frequent first, and how to repeat them. */
export function renderReport(results: readonly RunResult[], runs: number): string {
  const failed = results.filter(({ failures }) => failures.length > 0);
  const end = results.length < runs ? ` Called off after ${results.length} of ${runs}.` : '';
  const sum = `${results.length - failed.length} of ${count(results.length, 'run')} passed.${end}`;
  if (failed.length === 0) return sum;

  const seedsByFailure = new Map<string, number[]>();
  for (const { seed, failures } of failed) {
    for (const failure of new Set(failures))
      seedsByFailure.set(failure, [...(seedsByFailure.get(failure) ?? []), seed]);
  }
  const lines = [...seedsByFailure]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .flatMap(([failure, seeds]) => [
      `  ${String(seeds.length).padStart('failed'.length)}   ${failure}`,
      `  ${' '.repeat('failed'.length)}   seeds: ${seeds.join(' ')}`,
    ]);
  const hint = 'Repeat a run: make test-repeat N=1 SEED=<seed>, with the same FILE, PROJECT and TEST_ARGS.';
  return ['  failed   test', ...lines, '', sum, hint].join('\n');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

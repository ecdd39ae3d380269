// The time of a consumer's contract tests: the first one in a new process, with loading the library and writing the file, and each
// further one.
import { type Effort, type Figure, measureInTurns, median, medianRatio } from './figures.ts';
import { runScript } from './process.ts';

/** The output of a contract test script, in milliseconds. */
export interface ContractTestTimes {
  readonly firstMs: number;
  /** The average time of each further test. */
  readonly furtherMs: number;
}

export async function compareContractTests({ rounds }: Effort): Promise<Figure[]> {
  const times: Record<'ours' | 'pact', ContractTestTimes[]> = { ours: [], pact: [] };
  const measure = (name: keyof typeof times) => async () => {
    const measured = (await runScript(`contract-tests-${name}.ts`)) as ContractTestTimes;
    times[name].push(measured);
    return measured.firstMs;
  };
  const first = await measureInTurns(rounds, { ours: measure('ours'), pact: measure('pact') });
  const further = {
    ours: times.ours.map(({ furtherMs }) => furtherMs),
    pact: times.pact.map(({ furtherMs }) => furtherMs),
  };
  return [
    {
      what: 'first contract test, time of pact-js',
      ours: `${median(first.ours).toFixed(0)} ms`,
      peer: `${median(first.pact).toFixed(0)} ms`,
      ratio: medianRatio(first.ours, first.pact),
      wanted: { below: 0.5 },
    },
    {
      what: 'further interactions, speed of pact-js',
      ours: `${median(further.ours).toFixed(1)} ms`,
      peer: `${median(further.pact).toFixed(1)} ms`,
      ratio: medianRatio(further.pact, further.ours),
      wanted: { atLeast: 5 },
    },
  ];
}

// How long a consumer's contract tests take: the first one in a fresh process, its library loaded and its file written, and
// each one after that.
import { type Effort, type Figure, measureInTurns, median, medianRatio } from './figures.ts';
import { runScript } from './process.ts';

/** What a script with contract tests prints, in milliseconds. */
export interface ContractTestTimes {
  readonly firstMs: number;
  /** Of one of the others, on average. */
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

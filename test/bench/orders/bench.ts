// A run of the benchmark: every load on this checkout, or in turns on the baseline and on this one.
import { REPOSITORY_ROOT } from '../../../local/stack/stack-plan.ts';
import { type Durability, readDurability } from './database-counters.ts';
import { describeLoad, type Load, type RunFigures } from './figures.ts';
import { Meter } from './measure.ts';
import { toMeasuredSystem } from './measured-platform.ts';
import { startPlatform } from './platform.ts';
import type { BenchSettings } from './settings.ts';

/** The load whose throughput sets the rate of the open load. */
const REFERENCE_CALLERS = 32;

export type Side = 'baseline' | 'ours';

export type BenchRun = RunFigures & {
  readonly side: Side;
  /** From 1. */
  readonly round: number;
  readonly violations: readonly string[];
};

export type BenchResult = { readonly durability: Durability; readonly runs: readonly BenchRun[] };

type Write = (text: string) => void;

/** Runs the benchmark; `write` receives a line for each step. Rejects when `signal` aborts. */
export async function runBench(settings: BenchSettings, write: Write, signal: AbortSignal): Promise<BenchResult> {
  const runs: BenchRun[] = [];
  let durability: Durability | undefined;
  let openRate = settings.rate === 'half' ? undefined : settings.rate;
  for (let round = 1; round <= settings.rounds; round += 1) {
    for (const side of sidesOf(settings)) {
      const root = side === 'baseline' && settings.baseline !== undefined ? settings.baseline : REPOSITORY_ROOT;
      write(`round ${round} of ${settings.rounds}, ${side}: starting the platform of ${root}`);
      const own = side === 'baseline' ? settings.baselineEnvironment : {};
      const environment = { ...settings.environment, ...own };
      await using platform = await startPlatform(root, { ...settings, environment }, signal);
      durability ??= await readDurability(platform);
      const meter = new Meter(toMeasuredSystem(platform), settings, signal);
      const measure = async (load: Load): Promise<BenchRun> => {
        write(`${describeLoad(load)} for ${settings.seconds} s, after ${settings.warmUpSeconds} s of warm-up`);
        const { figures, violations } = await meter.measure(load);
        const run: BenchRun = { side, round, ...figures, violations };
        runs.push(run);
        return run;
      };
      await meter.warmUp();
      for (const callers of settings.callers) await measure({ kind: 'closed', callers });
      // The same rate for every round and side, so that they are comparable.
      openRate ??= halfOf(runs);
      if (openRate > 0) await measure({ kind: 'open', rate: openRate });
    }
  }
  if (durability === undefined) throw new Error('nothing was measured');
  return { durability, runs };
}

function sidesOf({ baseline }: BenchSettings): readonly Side[] {
  return baseline === undefined ? ['ours'] : ['baseline', 'ours'];
}

/** Half of the throughput of 32 callers, or of the most callers that were measured. */
function halfOf(runs: readonly BenchRun[]): number {
  const isReference = ({ load }: BenchRun): boolean => load.kind === 'closed' && load.callers === REFERENCE_CALLERS;
  const reference = runs.find(isReference) ?? runs.at(-1);
  return Math.max(1, Math.round((reference?.ordersPerSecond ?? 0) / 2));
}

// A run of experiments on a platform that they share while it is healthy. Writes the report at the end, also of an aborted run.
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { describeError } from '#services/platform/base/errors.ts';
import { scrubSecrets } from '#services/platform/observability/log.ts';
import {
  collectFacts,
  judgeInvariants,
  listViolations,
  sourcesOf,
  waitForQuiescence,
} from '../../../support/invariants/invariants.ts';
import { createRandom } from '../../soak/random.ts';
import { startCustomers } from './customers.ts';
import type { Experiment } from './experiment.ts';
import { type Platform, startPlatform } from './platform.ts';
import { type Result, renderJson, renderReport } from './report.ts';
import { type Outcome, runExperiment } from './run-experiment.ts';
import { probeSteadyState, STEADY_STATE } from './steady-state.ts';
import { decideVerdict, haveAllPassed, type Judgement } from './verdict.ts';

const QUIESCENCE_LIMIT_MS = 60_000;
// No experiment starts after this, so that a run ends within fifteen minutes.
const START_LIMIT_MS = 11 * 60_000;

export type RunOptions = {
  readonly experiments: readonly Experiment[];
  readonly seed: number;
  /** The folder of the reports; created if it is missing. */
  readonly folder: string;
  readonly write: (line: string) => void;
  /** Aborts the run. */
  readonly signal: AbortSignal;
};

/** Runs the experiments one after the other and writes the reports. Resolves to whether all of them passed. */
export async function runAll({ experiments, seed, folder, write, signal }: RunOptions): Promise<boolean> {
  const startTime = new Date();
  const startMs = performance.now();
  await mkdir(folder, { recursive: true });
  await using resources = new AsyncDisposableStack();
  const processLog = createWriteStream(join(folder, 'processes.log'));
  resources.defer(async () => {
    processLog.end();
    await finished(processLog);
  });
  const log = (line: string): void => void processLog.write(`${new Date().toISOString()} ${line}\n`);
  const platforms = resources.use(new Platforms({ seed, signal, log, write }));
  const results: Result[] = [];
  for (const [index, experiment] of experiments.entries()) {
    if (signal.aborted) break;
    const label = `[${index + 1}/${experiments.length}] ${experiment.name}`;
    write(`${label}: ${experiment.title}`);
    const isLate = performance.now() - startMs > START_LIMIT_MS;
    const outcome = isLate
      ? endEarly({ obstacle: undefined, abortReason: 'not started: the run has taken too long' }, performance.now())
      : await runOne(experiment, { platforms, seed, signal, write, log });
    if (outcome === undefined) break;
    results.push({ experiment, outcome });
    write(`${label}: ${outcome.verdict.toUpperCase()} after ${(outcome.tookMs / 1_000).toFixed(1)} s`);
    for (const reason of outcome.reasons) write(`    ${reason}`);
  }
  const facts = {
    seed,
    startTime,
    steadyState: STEADY_STATE,
    tookMs: performance.now() - startMs,
    interrupted: signal.aborted,
  };
  await writeFile(join(folder, 'report.md'), renderReport(results, facts));
  await writeFile(join(folder, 'report.json'), renderJson(results, facts));
  write(`report: ${join(folder, 'report.md')} and report.json`);
  return haveAllPassed(results.map(({ outcome }) => outcome.verdict)) && !signal.aborted;
}

type World = Pick<RunOptions, 'seed' | 'signal' | 'write'> & {
  readonly platforms: Platforms;
  readonly log: (line: string) => void;
};

/** Returns undefined when the run was aborted. */
async function runOne(experiment: Experiment, world: World): Promise<Outcome | undefined> {
  const { platforms, seed, signal, write, log } = world;
  const startMs = performance.now();
  const obstacle = await experiment.findObstacle?.();
  if (obstacle !== undefined) return endEarly({ obstacle, abortReason: undefined }, startMs);
  try {
    const platform = await platforms.acquire(experiment);
    const random = createRandom(seed).fork(experiment.name);
    const run = `chaos-${seed}-${experiment.name}`;
    const outcome = await runExperiment(experiment, {
      subject: platform,
      random: random.fork('experiment'),
      signal,
      isSteady: () => probeSteadyState(platform, random),
      startCustomers: (scenariosPerSecond) =>
        startCustomers({ platform, random: random.fork('customers'), run, scenariosPerSecond, signal }),
      judge: () => judge(platform),
      progress: (words) => {
        write(`    ${words}`);
        log(`chaos ${experiment.name}: ${words}`);
      },
    });
    // A platform that failed one experiment must not make the next one fail.
    if (experiment.platform === 'own' || outcome.verdict !== 'upheld') await platforms.drop();
    return outcome;
  } catch (error) {
    await platforms.drop();
    if (signal.aborted) return undefined;
    return endEarly({ obstacle: undefined, abortReason: scrubSecrets(describeError(error)) }, startMs);
  }
}

function endEarly(why: Pick<Outcome, 'obstacle' | 'abortReason'>, startMs: number): Outcome {
  const nothing = {
    effect: undefined,
    findings: [],
    steadyBefore: undefined,
    steadyAfter: undefined,
    judgement: undefined,
  };
  const seen = { ...nothing, ...why };
  return { ...seen, ...decideVerdict(seen), faultMs: 0, tookMs: performance.now() - startMs };
}

async function judge(platform: Platform): Promise<Judgement> {
  const sources = sourcesOf(platform.stack);
  await waitForQuiescence(sources, { timeoutMs: QUIESCENCE_LIMIT_MS });
  const verdicts = judgeInvariants(await collectFacts(sources, { acknowledged: platform.acknowledged }));
  return { held: verdicts.filter(({ state }) => state === 'holds').length, violations: listViolations(verdicts) };
}

/** The platform of the current experiment: at most one exists at a time. */
class Platforms implements AsyncDisposable {
  readonly #options: Omit<World, 'platforms'>;
  #current: Platform | undefined;

  constructor(options: Omit<World, 'platforms'>) {
    this.#options = options;
  }

  async acquire({ platform, prepareFolder }: Experiment): Promise<Platform> {
    if (platform === 'own') await this.drop();
    if (this.#current !== undefined) return this.#current;
    const { write, seed, signal, log } = this.#options;
    const startMs = performance.now();
    write('    starting a platform');
    this.#current = await startPlatform({ seed, signal, log, prepareFolder });
    write(`    platform started after ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
    return this.#current;
  }

  async drop(): Promise<void> {
    const dropped = this.#current;
    this.#current = undefined;
    await dropped?.[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drop();
  }
}

// Takes one experiment through its stages: steady state, fault, observation, removal, steady state again, rest, invariants.
import { pause } from '#services/platform/base/backoff.ts';
import { withTimeout } from '#services/platform/base/deadline.ts';
import { describeError } from '#services/platform/base/errors.ts';
import { scrubSecrets } from '#services/platform/observability/log.ts';
import type { Random } from '../../soak/random.ts';
import type { ActiveFault, Experiment, ExperimentContext, FaultEffect, Finding, ProbeResult } from './experiment.ts';
import { type Decision, decideVerdict, type Judgement, type Observations } from './verdict.ts';

const WATCH_PERIOD_MS = 1_000;
const LOOKS_TO_ABORT = 3;
const POLL_MS = 100;
const STEADY_POLL_MS = 500;
const STEADY_LIMIT_MS = 60_000;
// Measuring a fault, and removing it.
const MEASURE_LIMIT_MS = 60_000;

/** The customers who order while an experiment runs. */
export type Customers = {
  /** Lets them end what they began, begins nothing more; resolves to what they saw. */
  finish(): Promise<Finding[]>;
};

/** What the runner needs of the world. */
export type ExperimentEnvironment<Subject> = {
  readonly subject: Subject;
  readonly random: Random;
  /** Calls everything off. */
  readonly signal: AbortSignal;
  isSteady(): Promise<ProbeResult>;
  startCustomers(scenariosPerSecond: number): Customers;
  /** Waits for rest, then judges. */
  judge(): Promise<Judgement>;
  /** AcknowledgedOrder what is being done. */
  progress(words: string): void;
};

export type Outcome = Observations & Decision & { readonly tookMs: number; readonly faultMs: number };

/** Runs an experiment. Resolves to what was seen; rejects only when `environment.signal` called it off. */
export async function runExperiment<Subject>(
  experiment: Experiment<unknown, Subject>,
  environment: ExperimentEnvironment<Subject>,
): Promise<Outcome> {
  const startMs = performance.now();
  const run = new Run(experiment, environment);
  await run.walk();
  environment.signal.throwIfAborted();
  const { abortReason, measureEffect, findings, steadyBefore, steadyAfter, judgement, faultMs } = run;
  const seen = { obstacle: undefined, abortReason, measureEffect, findings, steadyBefore, steadyAfter, judgement };
  return { ...seen, ...decideVerdict(seen), faultMs, tookMs: performance.now() - startMs };
}

class Run<Subject> {
  readonly findings: Finding[] = [];
  abortReason: string | undefined;
  measureEffect: FaultEffect | undefined;
  steadyBefore: ProbeResult | undefined;
  steadyAfter: ProbeResult | undefined;
  judgement: Judgement | undefined;
  faultMs = 0;
  readonly #experiment: Experiment<unknown, Subject>;
  readonly #environment: ExperimentEnvironment<Subject>;
  readonly #calledOff = new AbortController();
  readonly #context: ExperimentContext<Subject>;

  constructor(experiment: Experiment<unknown, Subject>, environment: ExperimentEnvironment<Subject>) {
    this.#experiment = experiment;
    this.#environment = environment;
    this.#context = createContext(
      environment,
      AbortSignal.any([this.#calledOff.signal, environment.signal]),
      this.findings,
    );
  }

  async walk(): Promise<void> {
    const { progress, signal } = this.#environment;
    this.steadyBefore = await this.#waitForSteadyState();
    progress(`steady state: ${this.steadyBefore.seen}`);
    if (!this.steadyBefore.holds || signal.aborted) return;
    const customers = this.#environment.startCustomers(this.#experiment.scenariosPerSecond);
    try {
      await this.#breakAndRestore();
      signal.throwIfAborted();
      this.steadyAfter = await this.#waitForSteadyState();
      progress(`steady state again: ${this.steadyAfter.seen}`);
    } finally {
      this.findings.push(...(await customers.finish()));
    }
    await this.#judge();
  }

  async #breakAndRestore(): Promise<void> {
    const { inject, observe, recover, fault } = this.#experiment;
    const startMs = performance.now();
    let active: ActiveFault | undefined;
    const observed = await this.#guard('the fault could be done and looked at', async () => {
      active = await inject(this.#context);
      this.#environment.progress(`the fault is on: ${fault}`);
      const watching = new AbortController();
      const watch = this.#watch(watching.signal);
      try {
        return { state: await orCalledOff(observe(this.#context), this.#context.signal) };
      } finally {
        watching.abort();
        await watch;
      }
    });
    await this.#guard('the fault could be measured and removed', async () => {
      try {
        this.measureEffect = await inTime(active?.measureEffect(), this.#environment.signal);
      } finally {
        // Also when it is called off: what is stopped has to go on before it can be ended.
        await inTime(active?.remove());
      }
    });
    this.faultMs = performance.now() - startMs;
    this.#environment.progress(
      `the fault is removed after ${Math.round(this.faultMs)} ms; measuredBy: ${this.measureEffect?.seen ?? 'none'}`,
    );
    // Nothing is expected after a fault of which nothing was seen.
    if (observed === undefined || recover === undefined || this.abortReason !== undefined) return;
    await this.#guard('the recovery could be looked at', () =>
      orCalledOff(recover(this.#context, observed.state), this.#context.signal),
    );
  }

  /** What goes wrong in an experiment's own steps is a finding, unless it was called off. */
  async #guard<Result>(claim: string, work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!this.#context.signal.aborted) {
        this.findings.push({ claim, holds: false, seen: scrubSecrets(describeError(error)) });
      }
      return undefined;
    }
  }

  /** Calls the experiment off by its abort condition. */
  async #watch(over: AbortSignal): Promise<void> {
    const { limitMs, watch } = this.#experiment.abort;
    const startMs = performance.now();
    for (let bad = 0; !over.aborted; ) {
      await pause(WATCH_PERIOD_MS, over);
      if (over.aborted) return;
      const look = await probeSafely(() => watch(this.#environment.subject));
      if (over.aborted) return;
      bad = look.holds ? 0 : bad + 1;
      const isLate = performance.now() - startMs > limitMs;
      if (bad < LOOKS_TO_ABORT && !isLate) continue;
      this.abortReason = isLate ? `the fault was on for more than ${limitMs} ms` : look.seen;
      this.#environment.progress(`called off: ${this.abortReason}`);
      this.#calledOff.abort(new Error(this.abortReason));
      return;
    }
  }

  async #waitForSteadyState(): Promise<ProbeResult> {
    const { signal, isSteady } = this.#environment;
    const startMs = performance.now();
    for (;;) {
      const look = await probeSafely(isSteady);
      if (look.holds || signal.aborted || performance.now() - startMs > STEADY_LIMIT_MS) return look;
      await pause(STEADY_POLL_MS, signal);
    }
  }

  async #judge(): Promise<void> {
    if (this.#environment.signal.aborted) return;
    const judgement = await this.#guard('the platform comes to rest and can be judged', () =>
      this.#environment.judge(),
    );
    this.judgement = judgement;
    if (judgement !== undefined) {
      this.#environment.progress(`invariants: ${judgement.held} hold, ${judgement.violations.length} violations`);
    }
  }
}

function createContext<Subject>(
  environment: ExperimentEnvironment<Subject>,
  signal: AbortSignal,
  findings: Finding[],
): ExperimentContext<Subject> {
  const note = (finding: Finding): void => {
    findings.push(finding);
    environment.progress(`${finding.holds ? 'as claimed' : 'NOT AS CLAIMED'}: ${finding.claim} (${finding.seen})`);
  };
  const wait = async (forMs: number): Promise<void> => {
    await pause(forMs, signal);
    signal.throwIfAborted();
  };
  return {
    subject: environment.subject,
    random: environment.random,
    signal,
    wait,
    check: (claim, look) => note({ claim, ...look }),
    eventually: async (claim, withinMs, look) => {
      const startMs = performance.now();
      for (;;) {
        const last = await probeSafely(look);
        signal.throwIfAborted();
        const tookMs = performance.now() - startMs;
        if (last.holds || tookMs > withinMs) {
          note({ claim, holds: last.holds, seen: `${last.seen}, after ${(tookMs / 1_000).toFixed(1)} s` });
          return;
        }
        await wait(POLL_MS);
      }
    },
  };
}

/** A look that fails sees nothing that holds. */
async function probeSafely(look: () => Promise<ProbeResult>): Promise<ProbeResult> {
  try {
    return await look();
  } catch (error) {
    return { holds: false, seen: scrubSecrets(describeError(error)) };
  }
}

/** The work's result; rejects as soon as the signal aborts, whatever the work still waits for. */
async function orCalledOff<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const calledOff = Promise.withResolvers<never>();
  const reject = (): void => calledOff.reject(signal.reason);
  signal.addEventListener('abort', reject, { once: true });
  if (signal.aborted) reject();
  try {
    return await Promise.race([work, calledOff.promise]);
  } finally {
    signal.removeEventListener('abort', reject);
  }
}

/** The work's result; rejects when it takes too long, or when the signal aborts. */
function inTime<Result>(work: Result | Promise<Result>, signal?: AbortSignal): Promise<Result> {
  const timed = withTimeout<Result>(Promise.resolve(work), MEASURE_LIMIT_MS, () => {
    throw new Error(`not within ${MEASURE_LIMIT_MS} ms`);
  });
  return signal === undefined ? timed : orCalledOff(timed, signal);
}

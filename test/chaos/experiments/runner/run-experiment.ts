// The runner of one experiment: probes the steady state, injects the fault, observes, removes the fault (rollback), probes the steady
// state again, waits for quiescence and judges the invariants.
import { pause } from '#services/platform/base/backoff.ts';
import { withTimeout } from '#services/platform/base/deadline.ts';
import { describeError } from '#services/platform/base/errors.ts';
import { scrubSecrets } from '#services/platform/observability/log.ts';
import type { Random } from '../../soak/random.ts';
import type { ActiveFault, Experiment, ExperimentContext, FaultEffect, Finding, ProbeResult } from './experiment.ts';
import { type Decision, decideVerdict, type Judgement, type Observations } from './verdict.ts';

const ABORT_POLL_MS = 1_000;
const FAILED_PROBES_TO_ABORT = 3;
const POLL_MS = 100;
const STEADY_POLL_MS = 500;
const STEADY_LIMIT_MS = 60_000;
// The limit for measuring a fault, and for removing it.
const MEASURE_LIMIT_MS = 60_000;

/** The background load of an experiment. */
export type Customers = {
  /** Starts no more scenarios, waits for the running ones, and returns the findings. */
  finish(): Promise<Finding[]>;
};

/** What the runner depends on; tests replace it. */
export type ExperimentEnvironment<Subject> = {
  readonly subject: Subject;
  readonly random: Random;
  /** Aborts the whole run. */
  readonly signal: AbortSignal;
  isSteady(): Promise<ProbeResult>;
  startCustomers(scenariosPerSecond: number): Customers;
  /** Waits for quiescence, then judges the invariants. */
  judge(): Promise<Judgement>;
  progress(words: string): void;
};

export type Outcome = Observations & Decision & { readonly tookMs: number; readonly faultMs: number };

/** Runs an experiment. Rejects only when `environment.signal` aborts. */
export async function runExperiment<Subject>(
  experiment: Experiment<unknown, Subject>,
  environment: ExperimentEnvironment<Subject>,
): Promise<Outcome> {
  const startMs = performance.now();
  const run = new Run(experiment, environment);
  await run.execute();
  environment.signal.throwIfAborted();
  const { abortReason, effect, findings, steadyBefore, steadyAfter, judgement, faultMs } = run;
  const seen = { obstacle: undefined, abortReason, effect, findings, steadyBefore, steadyAfter, judgement };
  return { ...seen, ...decideVerdict(seen), faultMs, tookMs: performance.now() - startMs };
}

class Run<Subject> {
  readonly findings: Finding[] = [];
  abortReason: string | undefined;
  effect: FaultEffect | undefined;
  steadyBefore: ProbeResult | undefined;
  steadyAfter: ProbeResult | undefined;
  judgement: Judgement | undefined;
  faultMs = 0;
  readonly #experiment: Experiment<unknown, Subject>;
  readonly #environment: ExperimentEnvironment<Subject>;
  readonly #aborted = new AbortController();
  readonly #context: ExperimentContext<Subject>;

  constructor(experiment: Experiment<unknown, Subject>, environment: ExperimentEnvironment<Subject>) {
    this.#experiment = experiment;
    this.#environment = environment;
    this.#context = createContext(
      environment,
      AbortSignal.any([this.#aborted.signal, environment.signal]),
      this.findings,
    );
  }

  async execute(): Promise<void> {
    const { progress, signal } = this.#environment;
    this.steadyBefore = await this.#waitForSteadyState();
    progress(`steady state: ${this.steadyBefore.seen}`);
    if (!this.steadyBefore.holds || signal.aborted) return;
    const customers = this.#environment.startCustomers(this.#experiment.scenariosPerSecond);
    try {
      await this.#injectAndRemove();
      signal.throwIfAborted();
      this.steadyAfter = await this.#waitForSteadyState();
      progress(`steady state again: ${this.steadyAfter.seen}`);
    } finally {
      this.findings.push(...(await customers.finish()));
    }
    await this.#judge();
  }

  async #injectAndRemove(): Promise<void> {
    const { inject, observe, recover, fault } = this.#experiment;
    const startMs = performance.now();
    let active: ActiveFault | undefined;
    const observed = await this.#guard('the fault is injected and observed', async () => {
      active = await inject(this.#context);
      this.#environment.progress(`fault injected: ${fault}`);
      const watching = new AbortController();
      const watch = this.#watch(watching.signal);
      try {
        return { state: await orAborted(observe(this.#context), this.#context.signal) };
      } finally {
        watching.abort();
        await watch;
      }
    });
    await this.#guard('the fault is measured and removed', async () => {
      try {
        this.effect = await withinLimit(active?.measureEffect(), this.#environment.signal);
      } finally {
        // Also after an abort: a stopped process has to be continued before it can be ended.
        await withinLimit(active?.remove());
      }
    });
    this.faultMs = performance.now() - startMs;
    this.#environment.progress(
      `fault removed after ${Math.round(this.faultMs)} ms; effect: ${this.effect?.seen ?? 'none'}`,
    );
    // Without an observation there is no state to check the recovery with.
    if (observed === undefined || recover === undefined || this.abortReason !== undefined) return;
    await this.#guard('the recovery is observed', () =>
      orAborted(recover(this.#context, observed.state), this.#context.signal),
    );
  }

  /** Turns an error of the experiment's own steps into a finding, unless the experiment was aborted. */
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

  /** Aborts the experiment when its abort condition is met. */
  async #watch(over: AbortSignal): Promise<void> {
    const { limitMs, watch } = this.#experiment.abort;
    const startMs = performance.now();
    for (let bad = 0; !over.aborted; ) {
      await pause(ABORT_POLL_MS, over);
      if (over.aborted) return;
      const probe = await probeSafely(() => watch(this.#environment.subject));
      if (over.aborted) return;
      bad = probe.holds ? 0 : bad + 1;
      const isLate = performance.now() - startMs > limitMs;
      if (bad < FAILED_PROBES_TO_ABORT && !isLate) continue;
      this.abortReason = isLate ? `the fault lasted longer than ${limitMs} ms` : probe.seen;
      this.#environment.progress(`aborted: ${this.abortReason}`);
      this.#aborted.abort(new Error(this.abortReason));
      return;
    }
  }

  async #waitForSteadyState(): Promise<ProbeResult> {
    const { signal, isSteady } = this.#environment;
    const startMs = performance.now();
    for (;;) {
      const probe = await probeSafely(isSteady);
      if (probe.holds || signal.aborted || performance.now() - startMs > STEADY_LIMIT_MS) return probe;
      await pause(STEADY_POLL_MS, signal);
    }
  }

  async #judge(): Promise<void> {
    if (this.#environment.signal.aborted) return;
    const judgement = await this.#guard('the platform reaches quiescence and can be judged', () =>
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
  const record = (finding: Finding): void => {
    findings.push(finding);
    environment.progress(`${finding.holds ? 'holds' : 'DOES NOT HOLD'}: ${finding.claim} (${finding.seen})`);
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
    check: (claim, probe) => record({ claim, ...probe }),
    eventually: async (claim, withinMs, probe) => {
      const startMs = performance.now();
      for (;;) {
        const last = await probeSafely(probe);
        signal.throwIfAborted();
        const tookMs = performance.now() - startMs;
        if (last.holds || tookMs > withinMs) {
          record({ claim, holds: last.holds, seen: `${last.seen}, after ${(tookMs / 1_000).toFixed(1)} s` });
          return;
        }
        await wait(POLL_MS);
      }
    },
  };
}

/** Runs a probe; one that throws does not hold. */
async function probeSafely(probe: () => Promise<ProbeResult>): Promise<ProbeResult> {
  try {
    return await probe();
  } catch (error) {
    return { holds: false, seen: scrubSecrets(describeError(error)) };
  }
}

/** Races work against an abort signal: rejects as soon as the signal aborts. */
async function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const aborted = Promise.withResolvers<never>();
  const reject = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', reject, { once: true });
  if (signal.aborted) reject();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', reject);
  }
}

/** Races work against the measuring limit and an abort signal. */
function withinLimit<Result>(work: Result | Promise<Result>, signal?: AbortSignal): Promise<Result> {
  const timed = withTimeout<Result>(Promise.resolve(work), MEASURE_LIMIT_MS, () => {
    throw new Error(`not within ${MEASURE_LIMIT_MS} ms`);
  });
  return signal === undefined ? timed : orAborted(timed, signal);
}

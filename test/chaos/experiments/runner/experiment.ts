// The definition of a chaos experiment, after "Principles of Chaos Engineering": a steady state, a hypothesis that it survives a fault, a
// bounded blast radius, an abort condition and a rollback. Texts are for the report, functions for the runner (run-experiment.ts).
import type { Random } from '../../soak/random.ts';
import type { Platform } from './platform.ts';

/** The result of a probe: whether it is as expected, and what was seen. */
export type ProbeResult = { readonly holds: boolean; readonly seen: string };

/** A claim of the hypothesis, with its probe result. */
export type Finding = ProbeResult & { readonly claim: string };

/** The measured effect of a fault. `count` is zero when the fault affected nothing: then the experiment proves nothing. */
export type FaultEffect = { readonly count: number; readonly seen: string };

/** An injected fault. */
export type ActiveFault = {
  /** Called once, before the fault is removed. */
  measureEffect(): FaultEffect | Promise<FaultEffect>;
  /** The rollback: removes the fault and restores what it stopped. Idempotent. */
  remove(): Promise<void>;
};

/** What the functions of an experiment work with. */
export type ExperimentContext<Subject = Platform> = {
  readonly subject: Subject;
  /** The random generator of this experiment, from the run's seed. */
  readonly random: Random;
  /** Aborts by the abort condition, or when the run is interrupted. */
  readonly signal: AbortSignal;
  /** Records a claim. */
  check(claim: string, result: ProbeResult): void;
  /** Probes until the claim holds or `withinMs` is over, and records the last result. Rejects when the experiment is aborted. */
  eventually(claim: string, withinMs: number, probe: () => Promise<ProbeResult>): Promise<void>;
  /** Waits. Rejects when the experiment is aborted. */
  wait(forMs: number): Promise<void>;
};

export type AbortCondition<Subject> = {
  /** The condition in words; the report adds the time limit. */
  readonly when: string;
  /** How long the fault may last, in milliseconds. */
  readonly limitMs: number;
  /** Probed every second during the fault; three failures in a row abort the experiment. */
  readonly watch: (subject: Subject) => Promise<ProbeResult>;
};

export type Experiment<State = unknown, Subject = Platform> = {
  /** In kebab case, for `EXPERIMENT=`. */
  readonly name: string;
  readonly title: string;
  /** The section of the testing guide that it implements, if any. */
  readonly section?: string;
  readonly hypothesis: string;
  readonly fault: string;
  readonly blastRadius: string;
  readonly abort: AbortCondition<Subject>;
  /** How the effect of the fault is measured. */
  readonly measuredBy: string;
  /** The background load in scenarios per second; 0 for an experiment that counts its own calls. */
  readonly scenariosPerSecond: number;
  /** `shared` uses the platform of the previous experiments, `own` a new one that is removed afterwards. */
  readonly platform: 'shared' | 'own';
  /** Prepares the platform's data folder before it starts. */
  prepareFolder?(resources: AsyncDisposableStack, dataDir: string): Promise<void>;
  /** Returns why this machine cannot run the experiment; undefined when it can. */
  findObstacle?(): Promise<string | undefined>;
  inject(context: ExperimentContext<Subject>): Promise<ActiveFault>;
  /** Probes during the fault. */
  observe(context: ExperimentContext<Subject>): Promise<State>;
  /** Probes after the fault is removed. */
  recover?(context: ExperimentContext<Subject>, state: State): Promise<void>;
};

/** Defines an experiment; `recover` receives what `observe` returns. */
export function defineExperiment<State, Subject = Platform>(
  experiment: Experiment<State, Subject>,
): Experiment<unknown, Subject> {
  return experiment as Experiment<unknown, Subject>;
}

// What an experiment is: what it claims, in words for people, and what it does, in functions for the runner. One file each beside
// this folder; run-experiment.ts takes them through their stages.
import type { Random } from '../../soak/random.ts';
import type { Platform } from './platform.ts';

/** Something that was looked at: whether it is as it must be, and what was seen. */
export type ProbeResult = { readonly holds: boolean; readonly seen: string };

/** A claim of the hypothesis, and what was seen of it. */
export type Finding = ProbeResult & { readonly claim: string };

/** The measuredBy: how often the fault was really done to something, by a count that is zero when it does nothing. */
export type FaultEffect = { readonly count: number; readonly seen: string };

/** A fault that is on. */
export type ActiveFault = {
  /** OrderOptions once, before the fault is removed. */
  measureEffect(): FaultEffect | Promise<FaultEffect>;
  /** Takes the fault away and brings back what it took; a second time does nothing. */
  remove(): Promise<void>;
};

/** What an experiment has in its hands. */
export type ExperimentContext<Subject = Platform> = {
  readonly subject: Subject;
  /** Chance of this experiment alone, from the run's seed. */
  readonly random: Random;
  /** Aborts when the experiment is called off, by its abort condition or by whoever started it. */
  readonly signal: AbortSignal;
  check(claim: string, look: ProbeResult): void;
  /** Looks again and again until it holds or `withinMs` is over, and notes the last look. Rejects when called off. */
  eventually(claim: string, withinMs: number, look: () => Promise<ProbeResult>): Promise<void>;
  /** Waits; rejects when the experiment is called off. */
  wait(forMs: number): Promise<void>;
};

export type AbortCondition<Subject> = {
  /** The condition in words; how long the fault may be on is added to it. */
  readonly when: string;
  /** How long the fault may be on, in milliseconds. */
  readonly limitMs: number;
  /** Looked at every second while the fault is on; three looks in a row that do not hold call the experiment off. */
  readonly watch: (subject: Subject) => Promise<ProbeResult>;
};

export type Experiment<State = unknown, Subject = Platform> = {
  /** In kebab case: what `EXPERIMENT=` takes. */
  readonly name: string;
  readonly title: string;
  /** The section of the testing guide that it follows, where there is one. */
  readonly section?: string;
  readonly hypothesis: string;
  readonly fault: string;
  readonly blastRadius: string;
  readonly abort: AbortCondition<Subject>;
  readonly measuredBy: string;
  /** Errands that customers begin each second while the fault is on; 0 for an experiment that counts its own calls. */
  readonly scenariosPerSecond: number;
  /** `shared` takes the platform of the experiments before, `own` a fresh one that is gone afterwards. */
  readonly platform: 'shared' | 'own';
  /** What the platform's data folder needs before it starts. */
  prepareFolder?(resources: AsyncDisposableStack, dataDir: string): Promise<void>;
  /** Why it cannot be done on this machine; undefined when it can. */
  findObstacle?(): Promise<string | undefined>;
  inject(context: ExperimentContext<Subject>): Promise<ActiveFault>;
  /** What is looked at while the fault is on. */
  observe(context: ExperimentContext<Subject>): Promise<State>;
  /** What is looked at after the fault was removed. */
  recover?(context: ExperimentContext<Subject>, state: State): Promise<void>;
};

/** Declares an experiment; what `observe` returns is what `recover` is given. */
export function defineExperiment<State, Subject = Platform>(
  experiment: Experiment<State, Subject>,
): Experiment<unknown, Subject> {
  return experiment as Experiment<unknown, Subject>;
}

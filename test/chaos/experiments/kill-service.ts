// The common part of the experiments that kill a service.
import type { ServiceName } from '#local/shared/topology.ts';
import { defineExperiment, type Experiment, type ExperimentContext } from './runner/experiment.ts';
import { killRepeatedly, watchRestarts } from './runner/faults.ts';
import { isStillServing } from './runner/steady-state.ts';

const KILLS = 2;

export type KillDescription = Pick<Experiment, 'hypothesis' | 'blastRadius'> & {
  /** A service outside the blast radius. */
  readonly bystander: ServiceName;
  /** Runs concurrently with the kills, until `over` aborts. */
  readonly during?: (context: ExperimentContext, over: AbortSignal) => Promise<void>;
  readonly recover?: (context: ExperimentContext) => Promise<void>;
};

/** Defines an experiment that kills a service under load. */
export function killService(service: ServiceName, description: KillDescription): Experiment {
  const { bystander, hypothesis, blastRadius, during, recover } = description;
  return defineExperiment<void>({
    name: `kill-${service}`,
    title: `The ${service} service is killed ${KILLS} times under load`,
    hypothesis,
    fault: `SIGKILL to the process of ${service}, ${KILLS} times, at moments drawn from the seed; the supervisor restarts it.`,
    blastRadius,
    abort: { when: `The ${bystander} service no longer answers`, limitMs: 60_000, watch: isStillServing(bystander) },
    measuredBy: `The number of times the supervisor restarted ${service}.`,
    scenariosPerSecond: 4,
    platform: 'shared',
    inject: async ({ subject }) => watchRestarts(subject, service),
    observe: async (context) => {
      const over = new AbortController();
      const kills = killRepeatedly(context, service, KILLS).finally(() => over.abort());
      await Promise.all([kills, during?.(context, over.signal)]);
    },
    ...(recover === undefined ? {} : { recover }),
  });
}

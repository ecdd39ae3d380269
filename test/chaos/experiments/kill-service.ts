// What the experiments that kill a service have in common; each has a file of its own.
import type { ServiceName } from '#local/shared/topology.ts';
import { defineExperiment, type Experiment, type ExperimentContext } from './runner/experiment.ts';
import { killRepeatedly, watchRestarts } from './runner/faults.ts';
import { isStillServing } from './runner/steady-state.ts';

const KILLS = 2;

export type KillDescription = Pick<Experiment, 'hypothesis' | 'blastRadius'> & {
  /** A service outside the blast radius. */
  readonly bystander: ServiceName;
  /** What goes on beside the kills, until `over` aborts. */
  readonly meanwhile?: (context: ExperimentContext, over: AbortSignal) => Promise<void>;
  readonly afterwards?: (context: ExperimentContext) => Promise<void>;
};

/** An experiment that kills a service under load. */
export function killService(service: ServiceName, words: KillDescription): Experiment {
  const { bystander, hypothesis, blastRadius, meanwhile, afterwards } = words;
  return defineExperiment<void>({
    name: `kill-${service}`,
    title: `The ${service} service is killed ${KILLS} times under load`,
    hypothesis,
    fault: `SIGKILL to the process of ${service}, ${KILLS} times, at moments drawn from the seed; the supervisor starts it again.`,
    blastRadius,
    abort: { when: `The ${bystander} service no longer answers`, limitMs: 60_000, watch: isStillServing(bystander) },
    measuredBy: `The supervisor counts how often it had to start ${service} again.`,
    scenariosPerSecond: 4,
    platform: 'shared',
    inject: async ({ subject }) => watchRestarts(subject, service),
    observe: async (context) => {
      const over = new AbortController();
      const kills = killRepeatedly(context, service, KILLS).finally(() => over.abort());
      await Promise.all([kills, meanwhile?.(context, over.signal)]);
    },
    ...(afterwards === undefined ? {} : { recover: afterwards }),
  });
}

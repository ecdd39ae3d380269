// What the experiments that kill a service have in common; each has a file of its own.
import type { ServiceName } from '#local/shared/topology.ts';
import { defineExperiment, type Experiment, type Lab } from './runner/experiment.ts';
import { killAgainAndAgain, watchDeaths } from './runner/faults.ts';
import { stillAnswers } from './runner/steady-state.ts';

const KILLS = 2;

export type KillWords = Pick<Experiment, 'hypothesis' | 'blastRadius'> & {
  /** A service outside the blast radius. */
  readonly bystander: ServiceName;
  /** What goes on beside the kills, until `over` aborts. */
  readonly meanwhile?: (lab: Lab, over: AbortSignal) => Promise<void>;
  readonly afterwards?: (lab: Lab) => Promise<void>;
};

/** An experiment that kills a service under load. */
export function killService(service: ServiceName, words: KillWords): Experiment {
  const { bystander, hypothesis, blastRadius, meanwhile, afterwards } = words;
  return defineExperiment<void>({
    name: `kill-${service}`,
    title: `The ${service} service is killed ${KILLS} times under load`,
    hypothesis,
    fault: `SIGKILL to the process of ${service}, ${KILLS} times, at moments drawn from the seed; the supervisor starts it again.`,
    blastRadius,
    abort: { when: `The ${bystander} service no longer answers`, limitMs: 60_000, watch: stillAnswers(bystander) },
    control: `The supervisor counts how often it had to start ${service} again.`,
    errandsPerSecond: 4,
    platform: 'shared',
    inject: async ({ subject }) => watchDeaths(subject, service),
    observe: async (lab) => {
      const over = new AbortController();
      const kills = killAgainAndAgain(lab, service, KILLS).finally(() => over.abort());
      await Promise.all([kills, meanwhile?.(lab, over.signal)]);
    },
    ...(afterwards === undefined ? {} : { recover: afterwards }),
  });
}

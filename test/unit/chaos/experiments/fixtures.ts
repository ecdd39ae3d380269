// An experiment on nothing, and a environment of doubles to run it on: tests change what they are about.

import type { Experiment, ProbeResult } from '../../../chaos/experiments/runner/experiment.ts';
import type { ExperimentEnvironment } from '../../../chaos/experiments/runner/run-experiment.ts';
import { createRandom } from '../../../chaos/soak/random.ts';

/** Whether the fault is on, and what was done, in order. */
export type FakeSubject = { isBroken: boolean; readonly steps: string[] };

export const WELL: ProbeResult = { holds: true, seen: 'all is well' };
export const UNWELL: ProbeResult = { holds: false, seen: 'nothing is well' };

/** An experiment that is upheld on the environment below. */
export function plainExperiment(
  changes: Partial<Experiment<unknown, FakeSubject>> = {},
): Experiment<unknown, FakeSubject> {
  return {
    name: 'plain',
    title: 'The patient is broken',
    hypothesis: 'It is whole again afterwards.',
    fault: 'It is broken.',
    blastRadius: 'The patient.',
    abort: { when: 'Somebody screams', limitMs: 10_000, watch: async () => WELL },
    measuredBy: 'It is looked at.',
    scenariosPerSecond: 1,
    platform: 'shared',
    inject: async ({ subject }) => {
      subject.isBroken = true;
      subject.steps.push('inject');
      return {
        measureEffect: () => ({ count: subject.isBroken ? 1 : 0, seen: 'it is broken' }),
        remove: async () => {
          subject.isBroken = false;
          subject.steps.push('remove');
        },
      };
    },
    observe: async ({ subject, check }) => {
      subject.steps.push('observe');
      check('It answers', { holds: true, seen: 'it answered' });
      return 'what was observed';
    },
    recover: async ({ subject, check }, state) => {
      subject.steps.push('recover');
      check('It recovers', { holds: state === 'what was observed' && !subject.isBroken, seen: 'it did' });
    },
    ...changes,
  };
}

/** A environment on which everything is well. */
export function plainEnvironment(
  changes: Partial<ExperimentEnvironment<FakeSubject>> = {},
): ExperimentEnvironment<FakeSubject> {
  const subject: FakeSubject = { isBroken: false, steps: [] };
  return {
    subject,
    random: createRandom(1),
    signal: new AbortController().signal,
    isSteady: async () => {
      subject.steps.push('steady');
      return WELL;
    },
    startCustomers: () => {
      subject.steps.push('customers come');
      return {
        finish: async () => {
          subject.steps.push('customers go');
          return [{ claim: 'Customers are content', holds: true, seen: 'one of one' }];
        },
      };
    },
    judge: async () => {
      subject.steps.push('judge');
      return { held: 3, violations: [] };
    },
    progress: () => undefined,
    ...changes,
  };
}

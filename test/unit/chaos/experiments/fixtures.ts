// A minimal experiment on a fake subject, and an environment of test doubles to run it in.

import type { Experiment, ProbeResult } from '../../../chaos/experiments/runner/experiment.ts';
import type { ExperimentEnvironment } from '../../../chaos/experiments/runner/run-experiment.ts';
import { createRandom } from '../../../chaos/soak/random.ts';

/** Whether the fault is active, and the executed steps in order. */
export type FakeSubject = { isBroken: boolean; readonly steps: string[] };

export const WELL: ProbeResult = { holds: true, seen: 'all is well' };
export const UNWELL: ProbeResult = { holds: false, seen: 'nothing is well' };

/** An experiment that is upheld in the environment below. */
export function plainExperiment(
  changes: Partial<Experiment<unknown, FakeSubject>> = {},
): Experiment<unknown, FakeSubject> {
  return {
    name: 'plain',
    title: 'The subject is broken',
    hypothesis: 'It recovers.',
    fault: 'It is broken.',
    blastRadius: 'The subject.',
    abort: { when: 'An alarm is raised', limitMs: 10_000, watch: async () => WELL },
    measuredBy: 'A probe.',
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

/** An environment in which every probe holds. */
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
      subject.steps.push('customers start');
      return {
        finish: async () => {
          subject.steps.push('customers finish');
          return [{ claim: 'Customers see no errors', holds: true, seen: 'one of one' }];
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

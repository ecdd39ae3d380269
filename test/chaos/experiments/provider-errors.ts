// The payment provider fails half of its calls, some of them after it has captured the money.
import { failAlways, reset } from '@touchstone/kit';
import { defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { injectOnLinks } from './runner/faults.ts';
import { areChargedOnce, describeAll, haveStatus, type PlacedOrder, placeOrder, within } from './runner/orders.ts';
import { isStillServing } from './runner/steady-state.ts';

const ORDERS = 10;
const ANSWER_MS = 3_000;
const PAUSE_MS = 300;

export const providerErrors = defineExperiment({
  name: 'provider-errors',
  title: 'The payment provider fails',
  hypothesis:
    'An order is answered CONFIRMED or PENDING in under 3 s; none is FAILED because of the provider. When the provider recovers, every order ' +
    'completes, charged exactly once, also where the provider captured the money and its answer was lost.',
  fault:
    'Half of the calls to the provider are answered with status 500, and a third of the rest are reset during the answer.',
  blastRadius: 'Orders wait for their payment. Stock, quotes and reading orders still work.',
  abort: { when: 'The order service no longer answers', limitMs: 60_000, watch: isStillServing('order') },
  measuredBy: 'The number of calls that the proxy to the provider failed or reset.',
  scenariosPerSecond: 0,
  platform: 'shared',
  inject: async ({ subject }) =>
    injectOnLinks(
      subject,
      ['payment>provider'],
      [
        { fault: failAlways(500), options: { rpc: '*', probability: 0.5 } },
        { fault: reset(), options: { rpc: '*', probability: 0.33 } },
      ],
    ),
  observe: async ({ subject, random, check, wait }: ExperimentContext) => {
    const placed: PlacedOrder[] = [];
    while (placed.length < ORDERS) {
      placed.push(await placeOrder(subject, random));
      // Leaves time for waiting orders to be retried.
      await wait(PAUSE_MS);
    }
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    check('Each order is answered in under 3 s', within('the slowest', slowestMs, ANSWER_MS));
    check('None is FAILED', {
      holds: placed.every(({ outcome }) => outcome !== 'FAILED'),
      seen: describeAll(placed),
    });
    return placed;
  },
  recover: async ({ subject, eventually }, placed) => {
    await eventually('Every order completes when the provider recovers', 40_000, () => haveStatus(subject, placed));
    await eventually('Each is charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});

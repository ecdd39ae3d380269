// The payment provider fails half of its calls, and of the others some after it has done what it was asked.
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
    'An order is CONFIRMED or waits, in under 3 s; none fails because the provider did. When the provider is well again every order ' +
    'completes, charged exactly once, also where the provider had taken the money and its answer was lost.',
  fault:
    'Of the calls to the provider half are answered with status 500, and of the rest a third lose their answer to a reset.',
  blastRadius: 'Orders wait for their payment. Stock, prices and reading of orders go on.',
  abort: { when: 'The order service no longer answers', limitMs: 60_000, watch: isStillServing('order') },
  measuredBy: 'The proxy before the provider counts the calls that it failed and the answers that it cut off.',
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
      // Time for those that wait to be tried again.
      await wait(PAUSE_MS);
    }
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    check('Each order is answered in under 3 s', within('the slowest', slowestMs, ANSWER_MS));
    check('None fails for good', {
      holds: placed.every(({ outcome }) => outcome !== 'FAILED'),
      seen: describeAll(placed),
    });
    return placed;
  },
  recover: async ({ subject, eventually }, placed) => {
    await eventually('Every order completes when the provider is well', 40_000, () => haveStatus(subject, placed));
    await eventually('Each was charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});

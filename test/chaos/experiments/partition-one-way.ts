// A one-way partition: payment receives the calls of the order service, but its answers are lost.
import { partition } from '@touchstone/kit';
import { defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { injectOnLinks } from './runner/faults.ts';
import { areChargedOnce, describeAll, haveStatus, placeOrders, within } from './runner/orders.ts';
import { isStillServing } from './runner/steady-state.ts';

const ORDERS = 3;
const ANSWER_MS = 3_000;

export const partitionOneWay = defineExperiment({
  name: 'partition-one-way',
  title: 'Answers of the payment service are lost',
  hypothesis:
    'An order is answered TIMEOUT in under 3 s although it is charged. It is neither confirmed nor failed by a guess; when the ' +
    'network heals, it is settled with the existing charge.',
  fault: 'What the payment service sends to the order service is lost; what the order service sends arrives.',
  blastRadius: 'Orders wait after their payment. Stock, quotes and reading orders still work.',
  abort: { when: 'The order service no longer answers', limitMs: 40_000, watch: isStillServing('order') },
  measuredBy:
    'The number of connections on which the proxy held answers back; the provider has charges for orders answered as PENDING.',
  scenariosPerSecond: 0,
  platform: 'shared',
  inject: async ({ subject }) => injectOnLinks(subject, ['order>payment'], [{ fault: partition() }]),
  observe: async ({ subject, random, check, eventually }: ExperimentContext) => {
    const placed = await placeOrders(subject, random, ORDERS);
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    check('Each order is answered in under 3 s', within('the slowest', slowestMs, ANSWER_MS));
    check('with TIMEOUT', { holds: placed.every(({ outcome }) => outcome === 'TIMEOUT'), seen: describeAll(placed) });
    await eventually('The orders are charged all the same', 5_000, () => areChargedOnce(subject, placed));
    check('and the orders are still undecided', await haveStatus(subject, placed, 'PENDING'));
    return placed;
  },
  recover: async ({ subject, eventually }, placed) => {
    await eventually('Every order completes when the network heals', 40_000, () => haveStatus(subject, placed));
    await eventually('Each is charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});

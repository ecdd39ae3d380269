// Payment hears the order service and is not heard: money is taken, and nobody is told.
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
    'An order is answered TIMEOUT in under 3 s though its money is taken. It is neither confirmed nor given up on a guess; when the ' +
    'network heals it is settled with the charge that exists.',
  fault: 'What the payment service sends to the order service does not arrive; what the order service sends does.',
  blastRadius: 'Orders wait after their payment. Stock, prices and reading of orders go on.',
  abort: { when: 'The order service no longer answers', limitMs: 40_000, watch: isStillServing('order') },
  measuredBy:
    'The proxy counts the connections on which it held back answers, and the provider has charges for orders that were told PENDING.',
  scenariosPerSecond: 0,
  platform: 'shared',
  inject: async ({ subject }) => injectOnLinks(subject, ['order>payment'], [{ fault: partition() }]),
  observe: async ({ subject, random, check, eventually }: ExperimentContext) => {
    const placed = await placeOrders(subject, random, ORDERS);
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    check('Each order is answered in under 3 s', within('the slowest', slowestMs, ANSWER_MS));
    check('with TIMEOUT', { holds: placed.every(({ outcome }) => outcome === 'TIMEOUT'), seen: describeAll(placed) });
    await eventually('The money was taken all the same', 5_000, () => areChargedOnce(subject, placed));
    check('and the orders are still undecided', await haveStatus(subject, placed, 'PENDING'));
    return placed;
  },
  recover: async ({ subject, eventually }, placed) => {
    await eventually('Every order completes when the network heals', 40_000, () => haveStatus(subject, placed));
    await eventually('Each was charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});

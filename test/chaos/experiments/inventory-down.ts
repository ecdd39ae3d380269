// The inventory service is down: orders are accepted, wait, and complete when it is back.
import { defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { stopProcess } from './runner/faults.ts';
import { areChargedOnce, describeAll, haveStatus, placeOrder, placeOrders, within } from './runner/orders.ts';
import { isStillServing } from './runner/steady-state.ts';

const ANSWER_MS = 3_000;
const BREAKER_THRESHOLD = 5;

export const inventoryDown = defineExperiment({
  name: 'inventory-down',
  title: 'The inventory service is down',
  section: '8.3',
  hypothesis:
    'An order is answered in under 3 s, with PENDING and INVENTORY_UNAVAILABLE; after five of them the circuit breaker answers ' +
    'at once. When inventory is back every order completes without a retry by the customer, sold and charged once.',
  fault: 'The inventory service is stopped, so that its port refuses connections, and started at the end.',
  blastRadius: 'Orders wait for stock. Quotes, reading orders, payments and mails still work.',
  abort: { when: 'The order service no longer answers', limitMs: 40_000, watch: isStillServing('order') },
  measuredBy: 'A connection to the port of inventory, which succeeds before the fault and must be refused during it.',
  scenariosPerSecond: 0,
  platform: 'shared',
  inject: ({ subject }) => stopProcess(subject, 'inventory'),
  observe: async ({ subject, random, check }: ExperimentContext) => {
    const placed = await placeOrders(subject, random, BREAKER_THRESHOLD, { quantity: 2 });
    check('The first five orders are PENDING for INVENTORY_UNAVAILABLE', {
      holds: placed.every(({ outcome, reason }) => outcome === 'PENDING' && reason === 'INVENTORY_UNAVAILABLE'),
      seen: describeAll(placed),
    });
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    check('Each of them is answered in under 3 s', within('the slowest', slowestMs, ANSWER_MS));
    const sixth = await placeOrder(subject, random);
    check('The sixth is answered CIRCUIT_OPEN', {
      holds: sixth.outcome === 'CIRCUIT_OPEN' && sixth.reason === 'INVENTORY_UNAVAILABLE',
      seen: describeAll([sixth]),
    });
    return [...placed, sixth];
  },
  recover: async ({ subject, eventually }, placed) => {
    await eventually('Every order completes when inventory is back', 30_000, () => haveStatus(subject, placed));
    await eventually('Each is charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});

// A network partition between order and inventory; both still reach everything else.
import { partition } from '@touchstone/kit';
import { readDatabase } from '../../support/invariants/sources.ts';
import { defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { injectOnLinks } from './runner/faults.ts';
import { areChargedOnce, describeAll, haveStatus, placeOrders, within } from './runner/orders.ts';
import type { Platform } from './runner/platform.ts';
import { isStillServing } from './runner/steady-state.ts';

const ORDERS = 3;
const ANSWER_MS = 3_000;

export const partitionBothWays = defineExperiment({
  name: 'partition-both-ways',
  title: 'Order and inventory are cut off from each other',
  hypothesis:
    'An order is answered PENDING in under 3 s. Its stock is reserved by the event that passes through the broker; when the ' +
    'network heals, the order completes with that reservation, not with a second one.',
  fault:
    'Nothing passes between the order service and the inventory service, in either direction; connections are not refused.',
  blastRadius: 'Orders wait for the answer of inventory. Both services reach the database and the broker.',
  abort: { when: 'The order service no longer answers', limitMs: 40_000, watch: isStillServing('order') },
  measuredBy: 'The number of connections on which the proxy held data back.',
  scenariosPerSecond: 0,
  platform: 'shared',
  inject: async ({ subject }) =>
    injectOnLinks(subject, ['order>inventory'], [{ fault: partition(), options: { direction: 'both' } }]),
  observe: async ({ subject, random, check, eventually }: ExperimentContext) => {
    const placed = await placeOrders(subject, random, ORDERS, { quantity: 2 });
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    check('Each order is answered in under 3 s', within('the slowest', slowestMs, ANSWER_MS));
    check('with PENDING', { holds: placed.every(({ outcome }) => outcome === 'PENDING'), seen: describeAll(placed) });
    const orderIds = placed.map(({ orderId }) => orderId);
    await eventually('The stock is reserved by the event', 10_000, async () => {
      const states = await readReservations(subject, orderIds);
      const reserved = states.filter((state) => state === 'RESERVED').length;
      return {
        holds: reserved === ORDERS && states.length === ORDERS,
        seen: `reservations: ${states.join(', ') || 'none'}`,
      };
    });
    return placed;
  },
  recover: async ({ subject, eventually }, placed) => {
    await eventually('Every order completes when the network heals', 40_000, () => haveStatus(subject, placed));
    await eventually('Each is charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});

async function readReservations({ stack }: Platform, orderIds: readonly string[]): Promise<string[]> {
  const rows = await readDatabase('inventory', stack.databaseUrl('inventory'), (query) =>
    query<{ order_id: string; state: string }>('select order_id, state from reservation'),
  );
  return rows.filter(({ order_id }) => orderIds.includes(order_id)).map(({ state }) => state);
}

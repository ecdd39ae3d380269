// The broker is down: orders are still confirmed, and the effects of events are late.
import { defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { stopProcess } from './runner/faults.ts';
import { countMails, describeAll, drawKey, placeOrders, within } from './runner/orders.ts';
import { isStillServing } from './runner/steady-state.ts';

const ORDERS = 10;
const ANSWER_MS = 3_000;
const DOWN_MS = 4_000;

export const natsDown = defineExperiment({
  name: 'nats-down',
  title: 'The broker is down',
  hypothesis:
    'Orders are CONFIRMED as usual. Their events wait in the outboxes and are published when it is back: then every mail ' +
    'is sent and every sum is right.',
  fault: 'The nats-server is stopped, and started at the end.',
  blastRadius: 'Mails, sums and price changes are late. No call needs the broker.',
  abort: { when: 'The order service no longer answers', limitMs: 40_000, watch: isStillServing('order') },
  measuredBy: 'A connection to the port of the broker, which succeeds before the fault and must be refused during it.',
  scenariosPerSecond: 4,
  platform: 'shared',
  inject: ({ subject }) => stopProcess(subject, 'nats'),
  observe: async ({ subject, random, check, wait }: ExperimentContext) => {
    const customerId = drawKey(random);
    const placed = await placeOrders(subject, random, ORDERS, { customerId });
    await wait(DOWN_MS);
    check(`All of ${ORDERS} orders are CONFIRMED`, {
      holds: placed.every(({ outcome }) => outcome === 'CONFIRMED'),
      seen: describeAll(placed),
    });
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    check('Each is answered in under 3 s', within('the slowest', slowestMs, ANSWER_MS));
    const { status } = await subject.ops('order').getStatus({}, { timeoutMs: 3_000 });
    check('The order service reports the outage and keeps its events', {
      holds: status?.broker?.connected === false && (status.outbox?.unsent ?? 0n) >= 2n * BigInt(ORDERS),
      seen: `connected: ${status?.broker?.connected}, unsent events: ${status?.outbox?.unsent}`,
    });
    const mails = await countMails(subject, customerId);
    check('No mail of these orders was sent', { holds: mails === 0, seen: `${mails} mails` });
    return customerId;
  },
  recover: async ({ subject, eventually }, customerId) => {
    await eventually('Every order has its mail when the broker is back', 30_000, async () => {
      const mails = await countMails(subject, customerId);
      return { holds: mails === ORDERS, seen: `${mails} of ${ORDERS} mails` };
    });
  },
});

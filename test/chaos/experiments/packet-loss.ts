// A bad network between all processes: late packets and broken connections.
import { latency, reset } from '@touchstone/kit';
import { defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { injectOnLinks } from './runner/faults.ts';
import type { LinkName } from './runner/links.ts';
import { describeAll, haveStatus, type PlacedOrder, placeUntilAnswered, within } from './runner/orders.ts';
import { isStillServing } from './runner/steady-state.ts';

const ORDERS = 20;
const ANSWER_MS = 3_000;
const CALLS: readonly LinkName[] = ['order>inventory', 'order>payment', 'payment>provider', 'monitor>order'];
// TCP retransmits a lost packet after at least 200 ms.
const RETRANSMISSION = latency({ delayMs: 200, jitterMs: 200 });
const JITTER = latency({ delayMs: 1, jitterMs: 12 });
const LATE_RESET = reset({ afterBytes: 8_000, breaks: 'connection' });

export const packetLoss = defineExperiment({
  name: 'packet-loss',
  title: 'The network between all processes loses packets',
  hypothesis:
    'Customers get an answer to every order in under 3 s, if need be by retrying an interrupted call; every order reaches its end state, ' +
    'and no retry sells or charges twice.',
  fault:
    'The effect of lost packets on programs: between services, about one call in eight is 200 to 400 ms late and one in twenty is reset ' +
    'during its answer; everything to and from database and broker arrives with jitter, and a third of those connections ' +
    'break after 8 kB. Done by proxies, because `tc netem` on the loopback device would affect the whole machine.',
  blastRadius:
    'Every call and connection between two processes of the platform, except from customers to the order service.',
  abort: { when: 'The order service no longer answers', limitMs: 60_000, watch: isStillServing('order') },
  measuredBy: 'The number of calls and connections that the proxies delayed or broke.',
  scenariosPerSecond: 3,
  platform: 'shared',
  inject: async ({ subject }) => {
    const calls = injectOnLinks(subject, CALLS, [
      { fault: RETRANSMISSION, options: { rpc: '*', probability: 0.125 } },
      { fault: reset(), options: { rpc: '*', probability: 0.05 } },
    ]);
    const stateful = subject.links.filter((name) => !CALLS.includes(name));
    const connections = injectOnLinks(subject, stateful, [
      { fault: JITTER, options: { direction: 'both' } },
      { fault: LATE_RESET, options: { probability: 0.33 } },
    ]);
    return {
      measureEffect: async () => {
        const [first, second] = await Promise.all([calls.measureEffect(), connections.measureEffect()]);
        // Both kinds of fault have to act.
        return { count: Math.min(first.count, second.count), seen: `${first.seen}; ${second.seen}` };
      },
      remove: async () => {
        await Promise.all([calls.remove(), connections.remove()]);
      },
    };
  },
  observe: async (context: ExperimentContext) => {
    const placed: PlacedOrder[] = [];
    while (placed.length < ORDERS) placed.push(await placeUntilAnswered(context));
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    context.check(
      `Each of ${ORDERS} orders is answered in under 3 s`,
      within('the slowest answer', slowestMs, ANSWER_MS),
    );
    context.check('None is FAILED', {
      holds: placed.every(({ outcome }) => outcome !== 'FAILED'),
      seen: describeAll(placed),
    });
    return placed;
  },
  recover: async ({ subject, eventually }, placed) => {
    await eventually('Every order completes', 40_000, () => haveStatus(subject, placed));
  },
});

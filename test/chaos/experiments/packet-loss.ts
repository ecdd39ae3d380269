// A bad network everywhere: late packets, and connections that break.
import { latency, reset } from '@touchstone/kit';
import { defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { injectOnLinks } from './runner/faults.ts';
import type { LinkName } from './runner/links.ts';
import { describeAll, haveStatus, type PlacedOrder, placeUntilAnswered, within } from './runner/orders.ts';
import { isStillServing } from './runner/steady-state.ts';

const ORDERS = 20;
const ANSWER_MS = 3_000;
const CALLS: readonly LinkName[] = ['order>inventory', 'order>payment', 'payment>provider', 'monitor>order'];
// What TCP does about a packet that is lost: it comes again after at least this.
const RESENT = latency({ delayMs: 200, jitterMs: 200 });
const JITTER = latency({ delayMs: 1, jitterMs: 12 });
const BROKEN_LATER = reset({ afterBytes: 8_000, breaks: 'connection' });

export const packetLoss = defineExperiment({
  name: 'packet-loss',
  title: 'The network between all parts loses packets',
  hypothesis:
    'Customers get an answer to every order in under 3 s, if need be by repeating a call that broke off; every order comes to its end, ' +
    'and no repetition sells or charges twice.',
  fault:
    'As lost packets look to programs: between services each eighth call or so comes 200 to 400 ms late and one in twenty is reset ' +
    'in the middle of its answer; everything to and from database and broker arrives with jitter, and a third of those connections ' +
    'break after 8 kB. Done by proxies: `tc netem` on the loopback device would hit everything else on the machine.',
  blastRadius:
    'Every call and connection between two parts of the platform. The way from customers to the order service is clean.',
  abort: { when: 'The order service no longer answers', limitMs: 60_000, watch: isStillServing('order') },
  measuredBy: 'The proxies count the calls and connections that they delayed or broke.',
  scenariosPerSecond: 3,
  platform: 'shared',
  inject: async ({ subject }) => {
    const calls = injectOnLinks(subject, CALLS, [
      { fault: RESENT, options: { rpc: '*', probability: 0.125 } },
      { fault: reset(), options: { rpc: '*', probability: 0.05 } },
    ]);
    const others = subject.links.filter((name) => !CALLS.includes(name));
    const connections = injectOnLinks(subject, others, [
      { fault: JITTER, options: { direction: 'both' } },
      { fault: BROKEN_LATER, options: { probability: 0.33 } },
    ]);
    return {
      measureEffect: async () => {
        const [first, second] = await Promise.all([calls.measureEffect(), connections.measureEffect()]);
        // Both kinds have to be seen: one alone would be another experiment.
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
    context.check('None of them fails for good', {
      holds: placed.every(({ outcome }) => outcome !== 'FAILED'),
      seen: describeAll(placed),
    });
    return placed;
  },
  recover: async ({ subject, eventually }, placed) => {
    await eventually('Every order completes', 40_000, () => haveStatus(subject, placed));
  },
});

// Undecodable events in a stream: they become dead letters, and the events after them are applied.
import { randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { connect, headers as createHeaders, type JetStreamManager } from 'nats';
import type { DeadLetter } from '#gen/shop/ops/v1/ops_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { DOMAIN } from '#services/domain.ts';
import { streamOf } from '#services/platform/base/domain.ts';
import type { Random } from '../soak/random.ts';
import { type ActiveFault, defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { countMails, describeAll, drawKey, failureOf, haveStatus, placeOrders } from './runner/orders.ts';
import type { Platform } from './runner/platform.ts';
import { isStillServing } from './runner/steady-state.ts';

const STREAM = streamOf(DOMAIN, 'order');
const SUBJECT = 'shop.order.v1.OrderCreated';
const CONSUMERS: readonly ServiceName[] = ['inventory', 'analytics'];
const ORDERS = 5;
const BAD_EVENTS = 3;
const MARKER = 'chaos-corrupted';

export const corruptedEvent = defineExperiment({
  name: 'corrupted-event',
  title: 'A stream holds undecodable events',
  hypothesis:
    'Each consumer stores each of them as a dead letter, with its payload and the error, and applies the events after it. ' +
    'Replaying one is refused while it cannot be decoded; discarding it deletes it.',
  fault:
    `${BAD_EVENTS} messages are published to the stream of order events: two with random bytes, one of them without an event id; ` +
    'and one truncated event. They are removed from the stream at the end.',
  blastRadius: 'The consumers of order events that handle this one: inventory and analytics.',
  abort: { when: 'The order service no longer answers', limitMs: 60_000, watch: isStillServing('order') },
  measuredBy: 'The stream sequences of the messages, as returned by the broker.',
  scenariosPerSecond: 2,
  platform: 'shared',
  inject: ({ subject, random }) => publishCorruptedEvents(subject, random),
  observe: async ({ subject, random, check, eventually }: ExperimentContext) => {
    for (const consumer of CONSUMERS) {
      await eventually(`${consumer} stores ${BAD_EVENTS} dead letters`, 20_000, async () => {
        const letters = await listLetters(subject, consumer);
        const words = letters.map(({ error }) => error);
        return {
          holds: letters.length === BAD_EVENTS,
          seen: `${letters.length} dead letters: ${[...new Set(words)].join(' | ')}`,
        };
      });
    }
    const customerId = drawKey(random);
    const placed = await placeOrders(subject, random, ORDERS, { customerId });
    check('Orders placed after them are CONFIRMED', {
      ...(await haveStatus(subject, placed)),
      seen: describeAll(placed),
    });
    await eventually('and the events after them are applied', 20_000, async () => {
      const mails = await countMails(subject, customerId);
      return { holds: mails === ORDERS, seen: `${mails} of ${ORDERS} mails` };
    });
    const [letter] = await listLetters(subject, 'inventory');
    const refusal = await failureOf(
      subject.ops('inventory').replayDeadLetter({ deadLetterId: letter?.deadLetterId ?? '' }, { timeoutMs: 3_000 }),
    );
    check('Replaying one is refused, and it is kept', {
      holds:
        refusal?.code === Code.FailedPrecondition && (await listLetters(subject, 'inventory')).length === BAD_EVENTS,
      seen: refusal?.words ?? 'it was replayed',
    });
    for (const consumer of CONSUMERS) await discardLetters(subject, consumer);
    const left = await Promise.all(CONSUMERS.map((consumer) => listLetters(subject, consumer)));
    check('Discarding them leaves none', { holds: left.flat().length === 0, seen: `${left.flat().length} are left` });
  },
});

async function publishCorruptedEvents(platform: Platform, random: Random): Promise<ActiveFault> {
  const sequences: number[] = [];
  await withBroker(platform, async (manager, publish) => {
    const garbage = () =>
      Buffer.from([
        0x0a,
        0xff,
        0xff,
        0xff,
        0x0f,
        ...Array.from({ length: random.integer(1, 60) }, () => random.integer(0, 255)),
      ]);
    const whole = await manager.streams.getMessage(STREAM, { last_by_subj: SUBJECT });
    const half = Buffer.from(whole.data).subarray(0, whole.data.length - random.integer(1, 5));
    const bad = random.shuffle([
      { payload: garbage(), id: randomUUID() },
      { payload: garbage(), id: undefined },
      { payload: half, id: randomUUID() },
    ]);
    for (const { payload, id } of bad) sequences.push(await publish(payload, id));
  });
  return {
    measureEffect: () => ({ count: sequences.length, seen: `they are in ${STREAM} at ${sequences.join(', ')}` }),
    remove: async () => {
      await withBroker(platform, async (manager) => {
        for (const sequence of sequences.splice(0)) await manager.streams.deleteMessage(STREAM, sequence);
      });
      for (const consumer of CONSUMERS) await discardLetters(platform, consumer);
    },
  };
}

type Publish = (payload: Uint8Array, id: string | undefined) => Promise<number>;

async function withBroker(
  { stack }: Platform,
  work: (manager: JetStreamManager, publish: Publish) => Promise<void>,
): Promise<void> {
  const { host, username, password } = new URL(stack.natsUrl('admin'));
  const user = { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
  const connection = await connect({ servers: host, reconnect: false, ...user });
  try {
    const jetstream = connection.jetstream();
    const publish: Publish = async (payload, id) => {
      const headers = createHeaders();
      headers.set(MARKER, 'true');
      if (id !== undefined) headers.set('ce-id', id);
      return (await jetstream.publish(SUBJECT, payload, { headers })).seq;
    };
    await work(await connection.jetstreamManager(), publish);
  } finally {
    await connection.close();
  }
}

/** Lists the dead letters of this experiment. */
async function listLetters(platform: Platform, consumer: ServiceName): Promise<DeadLetter[]> {
  const { deadLetters } = await platform.ops(consumer).listDeadLetters({ pageSize: 100 }, { timeoutMs: 3_000 });
  return deadLetters.filter(({ headers }) => headers[MARKER] === 'true');
}

async function discardLetters(platform: Platform, consumer: ServiceName): Promise<void> {
  for (const { deadLetterId } of await listLetters(platform, consumer)) {
    await platform.ops(consumer).discardDeadLetter({ deadLetterId }, { timeoutMs: 3_000 });
  }
}

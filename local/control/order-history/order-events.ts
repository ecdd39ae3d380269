// Reads the events about one order from the streams of all services, as the broker stores them. Bounded: only those of the order's own
// time, and at most so many of each stream.
import { connect, type JetStreamClient, type JsMsg } from 'nats';
import { DOMAIN, EVENT_FLOWS } from '../../../services/domain.ts';
import { streamOf } from '../../../services/platform/base/domain.ts';
import { describeError, unavailable } from '../../../services/platform/base/errors.ts';
import { scrubSecrets } from '../../../services/platform/observability/log.ts';
import { createInTurn } from '../../shared/in-turn.ts';
import { BROKER_TIMEOUT_MS, type BrokerAccess, connectionOptions } from '../broker/broker-access.ts';

const MOST_READ = 20_000;
/** A stream that delivers nothing for so long is given up. */
const SILENCE_MS = 2_000;
const BATCH = 1_000;

export type OrderEvent = {
  readonly stream: string;
  readonly sequence: number;
  readonly subject: string;
  readonly eventId: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly payload: Uint8Array;
};

export type OrderEventsQuery = {
  readonly orderId: string;
  readonly since: Date;
  readonly until: Date;
};

export type OrderEvents = { readonly events: OrderEvent[]; readonly truncated: boolean };

/** @throws {DomainError} `unavailable` while the broker cannot be read. */
export type ReadOrderEvents = (query: OrderEventsQuery) => Promise<OrderEvents>;

/** Creates the reader; one reading at a time. */
export function createOrderEventReader(access: () => Promise<BrokerAccess>, mostRead = MOST_READ): ReadOrderEvents {
  const inTurn = createInTurn();
  return (query) => inTurn(() => read(access, query, mostRead));
}

async function read(
  access: () => Promise<BrokerAccess>,
  query: OrderEventsQuery,
  mostRead: number,
): Promise<OrderEvents> {
  try {
    const connection = await connect(connectionOptions(await access(), 'order events'));
    try {
      const jetstream = connection.jetstream({ timeout: BROKER_TIMEOUT_MS });
      const names = EVENT_FLOWS.filter(({ publishes }) => publishes).map(({ service }) => streamOf(DOMAIN, service));
      const parts = await Promise.all(names.map((name) => readStream(jetstream, name, query, mostRead)));
      return {
        events: parts.flatMap(({ events }) => events).sort((one, other) => one.time - other.time),
        truncated: parts.some(({ truncated }) => truncated),
      };
    } finally {
      await connection.close();
    }
  } catch (error) {
    const reason = scrubSecrets(describeError(error));
    throw unavailable({ reason: 'BROKER_UNREADABLE', message: `the events cannot be read: ${reason}`, cause: error });
  }
}

async function readStream(
  jetstream: JetStreamClient,
  stream: string,
  { orderId, since, until }: OrderEventsQuery,
  mostRead: number,
): Promise<OrderEvents> {
  const { state } = await (await jetstream.jetstreamManager()).streams.info(stream);
  if (state.messages === 0 || new Date(state.last_ts) < since) return { events: [], truncated: false };
  const consumer = await jetstream.consumers.get(stream, { opt_start_time: since.toISOString() });
  const messages = await consumer.consume({ max_messages: BATCH });
  const silence = setInterval(() => messages.stop(new Error(`${stream} delivers no more events`)), SILENCE_MS);
  const events: OrderEvent[] = [];
  const wanted = Buffer.from(orderId);
  let count = 0;
  try {
    for await (const message of messages) {
      silence.refresh();
      count += 1;
      // The id is text in every body; that of another order cannot contain it.
      if (Buffer.from(message.data).includes(wanted)) events.push(toEvent(stream, message));
      const isLast = message.info.pending === 0 || message.seq >= state.last_seq;
      if (isLast || timeOf(message) > until.getTime()) return { events, truncated: false };
      if (count >= mostRead) return { events, truncated: true };
    }
    throw new Error(`${stream} ended after ${count} events`);
  } finally {
    clearInterval(silence);
    await messages.close();
    await consumer.delete();
  }
}

function toEvent(stream: string, message: JsMsg): OrderEvent {
  const made = Date.parse(message.headers?.get('ce-time') ?? '');
  return {
    stream,
    sequence: message.seq,
    subject: message.subject,
    eventId: message.headers?.get('ce-id') ?? '',
    time: Number.isNaN(made) ? timeOf(message) : made,
    payload: new Uint8Array(message.data),
  };
}

/** When the broker stored it, in milliseconds since 1970. */
function timeOf({ info }: JsMsg): number {
  return info.timestampNanos / 1_000_000;
}

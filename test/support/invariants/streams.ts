// Facts from the streams: every event of every producer, read by an ephemeral consumer.
import type { DescMessage } from '@bufbuild/protobuf';
import type { StreamInfo } from 'nats';
import { file_shop_inventory_v1_inventory_events as inventoryEvents } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { file_shop_notification_v1_notification_events as notificationEvents } from '#gen/shop/notification/v1/notification_events_pb.ts';
import { file_shop_order_v1_order_events as orderEvents } from '#gen/shop/order/v1/order_events_pb.ts';
import { file_shop_payment_v1_payment_events as paymentEvents } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { streamOf } from '#services/platform/base/domain.ts';
import type { Money } from '#services/platform/base/money.ts';
import { readEvent } from '#services/platform/messaging/event.ts';
import { isMessageMissing, isStreamMissing } from '#services/platform/messaging/streams.ts';
import { type EventBody, type EventFact, OWNERS, type Owner, type StreamFact } from './facts.ts';
import { readBroker, type StreamReader } from './sources.ts';

// Ends what a consumer delivers: where it is, there is no more, or the broker is gone.
const SILENCE_MS = 15_000;
// How many messages are asked for at once.
const BATCH_SIZE = 64;

const SCHEMAS: ReadonlyMap<string, DescMessage> = new Map(
  [orderEvents, inventoryEvents, paymentEvents, notificationEvents]
    .flatMap((file) => file.messages)
    .map((schema) => [schema.typeName, schema]),
);

/**
 * Reads every stream that exists.
 *
 * @throws {SourceUnavailable} the broker cannot be read.
 */
export function readStreams(natsUrl: string): Promise<StreamFact[]> {
  return readBroker(natsUrl, async (reader) => {
    const streams: StreamFact[] = [];
    for (const producer of OWNERS) {
      const stream = await readStream(reader, producer);
      if (stream !== undefined) streams.push(stream);
    }
    return streams;
  });
}

/** Reads the stream of one service, as its leader has it; undefined when there is none. */
export async function readStream(reader: StreamReader, producer: Owner): Promise<StreamFact | undefined> {
  const name = streamOf(DOMAIN, producer);
  try {
    const { state } = await reader.manager.streams.info(name);
    const events = state.messages === 0 ? [] : await readEvents(reader, name, state);
    return { producer, name, events, since: findHorizon(state) };
  } catch (error) {
    if (isStreamMissing(error)) return undefined;
    throw error;
  }
}

/** Returns the time of the oldest event still stored; undefined when no event was ever removed. */
function findHorizon({ first_seq, last_seq, first_ts, messages }: StreamInfo['state']): Date | undefined {
  if (messages === 0) return last_seq === 0 ? undefined : new Date();
  return first_seq > 1 ? new Date(first_ts) : undefined;
}

// The consumer may be on a replica that came back a moment ago: what that does not have yet is read from the leader, message by message.
async function readEvents(
  { jetstream, manager }: StreamReader,
  stream: string,
  { first_seq, last_seq }: StreamInfo['state'],
): Promise<EventFact[]> {
  const delivered = await readDelivered(jetstream, stream);
  const next = (delivered.at(-1)?.sequence ?? first_seq - 1) + 1;
  return [...delivered, ...(await readFromLeader(manager, stream, next, last_seq))];
}

/** Reads until nothing is pending where the consumer is, or nothing comes any more. */
async function readDelivered(jetstream: StreamReader['jetstream'], stream: string): Promise<EventFact[]> {
  const consumer = await jetstream.consumers.get(stream);
  const messages = await consumer.consume({ max_messages: 1_000 });
  const silence = setInterval(() => messages.stop(), SILENCE_MS);
  const events: EventFact[] = [];
  try {
    for await (const { subject, seq, data, headers, info } of messages) {
      silence.refresh();
      events.push(toEventFact({ subject, seq, data, id: headers?.get('ce-id') }));
      if (info.pending === 0) break;
    }
    return events;
  } finally {
    clearInterval(silence);
    await messages.close();
    await consumer.delete();
  }
}

/** Reads the messages with these numbers, as far as they were not deleted. */
async function readFromLeader(
  { streams }: StreamReader['manager'],
  stream: string,
  first: number,
  last: number,
): Promise<EventFact[]> {
  const events: EventFact[] = [];
  for (let from = first; from <= last; from += BATCH_SIZE) {
    const sequences = Array.from({ length: Math.min(BATCH_SIZE, last - from + 1) }, (_, index) => from + index);
    const messages = await Promise.all(sequences.map((seq) => unlessMissing(streams.getMessage(stream, { seq }))));
    for (const message of messages) {
      if (message === undefined) continue;
      const { subject, seq, data, header } = message;
      events.push(toEventFact({ subject, seq, data, id: header.get('ce-id') }));
    }
  }
  return events;
}

async function unlessMissing<Message>(read: Promise<Message>): Promise<Message | undefined> {
  try {
    return await read;
  } catch (error) {
    if (isMessageMissing(error)) return undefined;
    throw error;
  }
}

type Stored = {
  readonly subject: string;
  readonly seq: number;
  readonly data: Uint8Array;
  readonly id?: string | undefined;
};

function toEventFact({ subject, seq, data, id = '' }: Stored): EventFact {
  return { id, subject, sequence: seq, body: readBody(subject, data) };
}

function readBody(subject: string, payload: Uint8Array): EventBody | undefined {
  const schema = SCHEMAS.get(subject);
  if (schema === undefined) return undefined;
  try {
    const message: object = readEvent(schema, payload);
    const field = (name: string): unknown => Reflect.get(message, name);
    const text = (name: string): string | undefined => {
      const value = field(name);
      return typeof value === 'string' ? value : undefined;
    };
    return {
      orderId: text('orderId'),
      notificationId: text('notificationId'),
      productId: text('productId'),
      customerId: text('customerId'),
      total: (field('total') ?? field('amount')) as Money | undefined,
      version: Number(field('version')),
    };
  } catch (error) {
    // Decoders throw plain errors for garbage. An unreadable event is reported by the invariant that expects it.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

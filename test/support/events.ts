// Domain events for a test: published as their producer publishes them, and read from their stream.
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { connect, headers, type JetStreamManager, type NatsConnection, NatsError } from 'nats';
import { inboxPrefix } from '#local/nats/nats-permissions.ts';
import { API_PREFIX } from '#local/nats/nats-server.ts';
import { type ServiceName, services } from '#local/shared/topology.ts';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf, streamOf } from '#services/platform/base/domain.ts';
import type { BrokerSession } from '#services/platform/messaging/broker.ts';
import { createEvent, type OutgoingEvent, readEvent } from '#services/platform/messaging/event.ts';
import { hasStream, isStreamMissing } from '#services/platform/messaging/streams.ts';
import type { TestNats } from './nats.ts';
import { PATIENCE } from './patience.ts';

const NO_MESSAGE_FOUND = 10037;
const PATIENT = { timeout: PATIENCE.timeout };

/** An event in its stream. */
export type StoredEvent = {
  readonly stream: string;
  readonly subject: string;
  /** Its sequence number in the stream. */
  readonly sequence: number;
  /** Its ce-id. */
  readonly id: string;
  readonly payload: Uint8Array;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
};

/** Publishes an event in the platform's envelope as the service that owns its type; provisions a stream that is missing. */
export async function publishEvent<Schema extends DescMessage>(
  nats: TestNats,
  schema: Schema,
  init: MessageInitShape<Schema>,
): Promise<OutgoingEvent> {
  const event = createEvent(eventSourceOf(DOMAIN, producerOf(schema.typeName)), schema, init, new Date());
  await publishAs(nats, event, event.id);
  return event;
}

/** Publishes the same event again, past the stream's deduplication window, as a producer does after a long outage. */
export async function publishAgain(nats: TestNats, event: OutgoingEvent): Promise<void> {
  await publishAs(nats, event, `${event.id}-again-${performance.now()}`);
}

/** Reads every event of a subject, oldest first; none when the stream does not exist yet. */
export async function readEvents(nats: TestNats, subject: string): Promise<StoredEvent[]> {
  const stream = streamOf(DOMAIN, producerOf(subject));
  await using connection = await openConnection(nats.adminUrl);
  const manager = await connection.value.jetstreamManager();
  const last = await lastSequence(manager, stream);
  const events: StoredEvent[] = [];
  for (let sequence = 1; sequence <= last; sequence += 1) {
    const event = await readStored(manager, stream, sequence);
    if (event?.subject === subject) events.push(event);
  }
  return events;
}

/** Counts the events of a subject, by one request. */
export async function countEvents(nats: TestNats, subject: string): Promise<number> {
  await using connection = await openConnection(nats.adminUrl);
  const manager = await connection.value.jetstreamManager();
  const { state } = await manager.streams.info(streamOf(DOMAIN, producerOf(subject)), { subjects_filter: subject });
  return state.subjects?.[subject] ?? 0;
}

/** Reads the bodies of every event of a type, oldest first. */
export async function readEventBodies<Schema extends DescMessage>(
  nats: TestNats,
  schema: Schema,
): Promise<MessageShape<Schema>[]> {
  const events = await readEvents(nats, schema.typeName);
  return events.map((event) => readEvent(schema, event.payload));
}

/** Opens a connection of a producer that publishes events as they are. `urlOf` returns the connection string of a service. */
export async function openPublisher(
  urlOf: (service: ServiceName) => string,
  producer: ServiceName,
): Promise<{ publish(event: OutgoingEvent): Promise<void> } & AsyncDisposable> {
  const { jetstream, [Symbol.asyncDispose]: dispose } = await openProducer({ url: urlOf }, producer);
  return {
    async publish(event) {
      await jetstream.publish(event.subject, event.payload, { headers: toEnvelope(event), msgID: event.id });
    },
    [Symbol.asyncDispose]: dispose,
  };
}

function toEnvelope(event: OutgoingEvent) {
  const envelope = headers();
  for (const [name, value] of Object.entries(event.headers)) envelope.set(name, value);
  return envelope;
}

async function publishAs(nats: TestNats, event: OutgoingEvent, messageId: string): Promise<void> {
  const producer = producerOf(event.subject);
  await using session = await openProducer(nats, producer);
  if (!(await hasStream(session.manager, streamOf(DOMAIN, producer)))) await nats.provision();
  await session.jetstream.publish(event.subject, event.payload, { headers: toEnvelope(event), msgID: messageId });
}

async function openProducer(
  nats: Pick<TestNats, 'url'>,
  producer: ServiceName,
): Promise<BrokerSession & AsyncDisposable> {
  const { value: connection, [Symbol.asyncDispose]: dispose } = await openConnection(
    nats.url(producer),
    inboxPrefix(producer),
  );
  const api = { ...PATIENT, apiPrefix: API_PREFIX };
  const jetstream = connection.jetstream(api);
  const manager = await connection.jetstreamManager({ ...api, checkAPI: false });
  return { connection, jetstream, manager, [Symbol.asyncDispose]: dispose };
}

async function openConnection(
  url: string,
  prefix?: string,
): Promise<AsyncDisposable & { readonly value: NatsConnection }> {
  const { host, username, password } = new URL(url);
  const value = await connect({
    servers: host,
    user: decodeURIComponent(username),
    pass: decodeURIComponent(password),
    ...(prefix === undefined ? {} : { inboxPrefix: prefix }),
  });
  return { value, [Symbol.asyncDispose]: () => value.close() };
}

async function lastSequence(manager: JetStreamManager, stream: string): Promise<number> {
  try {
    return (await manager.streams.info(stream)).state.last_seq;
  } catch (error) {
    if (isStreamMissing(error)) return 0;
    throw error;
  }
}

async function readStored(
  manager: JetStreamManager,
  stream: string,
  sequence: number,
): Promise<StoredEvent | undefined> {
  try {
    const message = await manager.streams.getMessage(stream, { seq: sequence });
    const entries = (message.header?.keys() ?? []).map(
      (name) => [name.toLowerCase(), message.header.get(name)] as const,
    );
    const found: Readonly<Record<string, string>> = Object.fromEntries(entries);
    return {
      stream,
      subject: message.subject,
      sequence: message.seq,
      id: found['ce-id'] ?? '',
      payload: message.data,
      headers: found,
    };
  } catch (error) {
    if (error instanceof NatsError && error.api_error?.err_code === NO_MESSAGE_FOUND) return undefined;
    throw error;
  }
}

/** `shop.order.v1.OrderCreated` is published by `order`. */
function producerOf(subject: string): ServiceName {
  const producer = services.find(({ name }) => name === subject.split('.')[1]);
  if (producer === undefined) throw new Error(`no service publishes ${subject}`);
  return producer.name;
}

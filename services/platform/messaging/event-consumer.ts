// Reads another service's stream through a durable consumer and hands each event to its handler, several at a time.
// Outages are waited out for ever; only a handler's own failures count, and past the limit the event is set aside.
import { AckPolicy, ConsumerEvents, type ConsumerMessages, DeliverPolicy, type JsMsg, nanos } from 'nats';
import { backoffMs } from '../base/backoff.ts';
import { withTimeout } from '../base/deadline.ts';
import { DomainError } from '../base/errors.ts';
import { createWorker, type Worker } from '../base/worker.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { describeSpan, eventSpan, runInSpan } from '../observability/tracing.ts';
import type { Database } from '../storage/database.ts';
import type { Broker, BrokerSession } from './broker.ts';
import type { EventHandler, Subscription } from './event-handler.ts';
import { applyOnce, countFailure, type ReceivedEvent, storeDeadLetter } from './inbox.ts';
import { isConsumerMissing, isStreamMissing, streamOf, subjectsOf } from './streams.ts';

const ACK_WAIT_MS = 30_000;
const MAX_IN_FLIGHT = 32;
const MAX_ATTEMPTS = 5;
const MAX_DELAY_MS = 10_000;
const RETRY_PERIOD_MS = 500;
const LAG_LIMIT_MS = 500;
const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

export type EventConsumer = Worker & {
  readonly stream: string;
  /** How far behind it is; -1 for both while the broker cannot be asked. */
  lag(): Promise<{ readonly pending: number; readonly unacknowledged: number }>;
};

export type EventConsumerOptions = {
  /** The consuming service: the durable consumer's name. */
  readonly service: string;
  readonly subscription: Subscription;
  readonly database: Database;
  readonly broker: Broker;
  readonly metrics: Metrics;
  readonly log: Logger;
};

type Result = 'applied' | 'duplicate' | 'retried' | 'dead_letter' | 'ignored';

/** Makes the consumer of one stream. */
export function createEventConsumer(options: EventConsumerOptions): EventConsumer {
  const { service, broker } = options;
  const stream = streamOf(options.subscription.producer);
  const handlers = new Map(options.subscription.handlers.map((handler) => [handler.subject, handler]));

  const worker = createWorker({
    name: `consumer of ${stream}`,
    periodMs: RETRY_PERIOD_MS,
    log: options.log,
    work: async (signal) => {
      const session = await broker.session(signal);
      if (session === undefined) return false;
      // Not there before its producer's first start: looked for again after the period.
      if (!(await ensureConsumer(session, service, options.subscription.producer))) return false;
      await consume(session, stream, service, signal, (message) => handleMessage(message, stream, handlers, options));
      return false;
    },
  });

  return {
    ...worker,
    stream,
    lag: async () => {
      const unknown = { pending: -1, unacknowledged: -1 };
      if (!broker.status().connected) return unknown;
      const session = await broker.session(AbortSignal.timeout(100));
      if (session === undefined) return unknown;
      const ask = async () => {
        try {
          const info = await session.manager.consumers.info(stream, service);
          return { pending: info.num_pending, unacknowledged: info.num_ack_pending };
        } catch (error) {
          options.log.debug({ err: error, stream }, 'the consumer cannot be asked how far it is');
          return unknown;
        }
      };
      // A broker that hangs looks connected for a while: who asks how things are must not hang with it.
      return await withTimeout(ask(), LAG_LIMIT_MS, () => unknown);
    },
  };
}

// Unlimited deliveries: with a limit, a few crashes in a row would drop an event silently.
async function ensureConsumer(session: BrokerSession, service: string, producer: string): Promise<boolean> {
  const stream = streamOf(producer);
  try {
    await session.manager.consumers.info(stream, service);
    return true;
  } catch (error) {
    if (isStreamMissing(error)) return false;
    if (!isConsumerMissing(error)) throw error;
  }
  await session.manager.consumers.add(stream, {
    durable_name: service,
    filter_subject: subjectsOf(producer),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: nanos(ACK_WAIT_MS),
    max_deliver: -1,
  });
  return true;
}

// Ends when stopped, or when the stream or the consumer is gone: then the caller makes them again.
async function consume(
  session: BrokerSession,
  stream: string,
  service: string,
  signal: AbortSignal,
  handle: (message: JsMsg) => Promise<void>,
): Promise<void> {
  const consumer = await session.jetstream.consumers.get(stream, service);
  const messages = await consumer.consume({ max_messages: MAX_IN_FLIGHT, idle_heartbeat: 5_000, expires: 15_000 });
  const stop = (): void => messages.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const watching = stopWhenGone(messages);
  const running = new Set<Promise<void>>();
  try {
    for await (const message of messages) {
      if (signal.aborted) {
        message.nak(); // Given to us but not begun: another replica may have it now, not only when its time is over.
        continue;
      }
      const work: Promise<void> = handle(message).finally(() => running.delete(work));
      running.add(work);
      if (running.size >= MAX_IN_FLIGHT) await Promise.race(running);
    }
  } finally {
    signal.removeEventListener('abort', stop);
    await Promise.all(running);
    await messages.close();
    await watching;
  }
}

async function stopWhenGone(messages: ConsumerMessages): Promise<void> {
  for await (const status of await messages.status()) {
    const gone = status.type === ConsumerEvents.ConsumerDeleted || status.type === ConsumerEvents.StreamNotFound;
    const silent = status.type === ConsumerEvents.HeartbeatsMissed && Number(status.data) >= 4;
    if (gone || silent || status.type === ConsumerEvents.ConsumerNotFound) messages.stop();
  }
}

// Never throws: whatever happens is answered to the broker, and an answer that is lost means another delivery.
async function handleMessage(
  message: JsMsg,
  stream: string,
  handlers: ReadonlyMap<string, EventHandler>,
  options: EventConsumerOptions,
): Promise<void> {
  const event = toReceivedEvent(message, stream);
  const handler = handlers.get(event.subject);
  const result = await runInSpan(eventSpan('handle', event.subject, event.id, event.headers), async () => {
    const ending = await (handler === undefined ? ignore(message) : settle(message, event, handler, options));
    describeSpan({ 'event.result': ending });
    return ending;
  });
  options.metrics.eventsHandled.inc({ stream, subject: event.subject, result });
}

async function ignore(message: JsMsg): Promise<Result> {
  message.ack();
  return 'ignored';
}

async function settle(
  message: JsMsg,
  event: ReceivedEvent,
  handler: EventHandler,
  options: EventConsumerOptions,
): Promise<Result> {
  try {
    if (!UUID.test(event.id))
      throw new DomainError({ kind: 'invalid_argument', reason: 'EVENT_ID_INVALID', message: 'the event has no ce-id that is a UUID' });
    const applied = await applyOnce(options.database, event, handler);
    message.ack();
    return applied ? 'applied' : 'duplicate';
  } catch (error) {
    return await settleFailure(message, event, error, options);
  }
}

async function settleFailure(
  message: JsMsg,
  event: ReceivedEvent,
  error: unknown,
  options: EventConsumerOptions,
): Promise<Result> {
  const delayMs = backoffMs(message.info.redeliveryCount, 100, MAX_DELAY_MS);
  const fields = { err: error, subject: event.subject, event_id: event.id };
  if (isOutage(error)) {
    message.nak(delayMs);
    return 'retried';
  }
  try {
    const known = UUID.test(event.id);
    const attempts = known ? await countFailure(options.database, event, error) : 1;
    if (attempts < MAX_ATTEMPTS && !isTerminal(error)) {
      options.log.warn({ ...fields, attempts }, 'an event could not be applied, trying again');
      message.nak(delayMs);
      return 'retried';
    }
    const identified = known ? event : { ...event, id: `${message.info.stream}:${message.info.streamSequence}` };
    await storeDeadLetter(options.database, identified, error, attempts);
    options.log.error({ ...fields, attempts }, 'an event was set aside as a dead letter');
    message.term();
    return 'dead_letter';
  } catch (failure) {
    options.log.warn({ ...fields, err: failure }, 'a failed event could not be recorded, trying again');
    message.nak(delayMs);
    return 'retried';
  }
}

// The database's own outages come as this kind too; the words of any other error prove nothing.
function isOutage(error: unknown): boolean {
  return error instanceof DomainError && error.kind === 'unavailable';
}

// A body that is no such message, or content that can never be applied: trying again is no use.
function isTerminal(error: unknown): boolean {
  return error instanceof DomainError && error.kind === 'invalid_argument';
}

function toReceivedEvent(message: JsMsg, stream: string): ReceivedEvent {
  const headers: Record<string, string> = {};
  for (const name of message.headers?.keys() ?? []) headers[name.toLowerCase()] = message.headers?.get(name) ?? '';
  return { stream, id: headers['ce-id'] ?? '', subject: message.subject, payload: message.data, headers };
}

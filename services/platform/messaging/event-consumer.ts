// The consumer of another service's stream: a durable consumer that passes events to their handlers. Events that arrive while others are
// applied are applied together, in the next transaction. Events are
// retried for ever during outages; only failures of the handler itself are counted, and after the last attempt the event is stored as a
// dead letter.
import { ConsumerEvents, type ConsumerMessages, type JsMsg } from 'nats';
import { backoffMs } from '../base/backoff.ts';
import { withTimeout } from '../base/deadline.ts';
import { type Domain, streamOf } from '../base/domain.ts';
import { DomainError } from '../base/errors.ts';
import { isUuid } from '../base/validation.ts';
import { createWorker, type Worker } from '../base/worker.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { describeSpan, errorTypeOf, eventSpan, failSpan, runInSpan } from '../observability/tracing.ts';
import { createBatcher } from '../storage/batcher.ts';
import type { Database } from '../storage/database.ts';
import type { Broker, BrokerSession } from './broker.ts';
import type { EventHandler, Subscription } from './event-handler.ts';
import {
  applyTogether,
  countFailure,
  prepareEvent,
  type ReadyEvent,
  type ReceivedEvent,
  storeDeadLetter,
} from './inbox.ts';
import { hasConsumer } from './streams.ts';

const MAX_IN_FLIGHT = 32;
const MAX_ATTEMPTS = 5;
// The broker's word of a deletion can be lost: two heartbeats that are missed tell it too.
const HEARTBEAT_MS = 2_000;
const MAX_DELAY_MS = 10_000;
const RETRY_PERIOD_MS = 500;
const LAG_LIMIT_MS = 500;

export type EventConsumer = Worker & {
  readonly stream: string;
  /** How many events are pending and unacknowledged; -1 for both while the broker does not answer. */
  lag(): Promise<{ readonly pending: number; readonly unacknowledged: number }>;
};

export type EventConsumerOptions = {
  readonly domain: Domain;
  /** The consuming service: the durable consumer's name. */
  readonly service: string;
  readonly subscription: Subscription;
  readonly database: Database;
  readonly broker: Broker;
  readonly metrics: Metrics;
  readonly log: Logger;
};

type Result = 'applied' | 'duplicate' | 'retried' | 'dead_letter' | 'ignored';

// What the broker tells of a consumer that is deleted while a request for messages waits; NoResponders is the answer to a request after
// its deletion.
const GONE: ReadonlySet<string> = new Set([
  ConsumerEvents.ConsumerDeleted,
  ConsumerEvents.ConsumerNotFound,
  ConsumerEvents.StreamNotFound,
  ConsumerEvents.NoResponders,
]);

const FAILED: ReadonlySet<Result> = new Set(['retried', 'dead_letter']);

/** What the handling of one event needs. */
type Handling = EventConsumerOptions & {
  readonly stream: string;
  readonly handlers: ReadonlyMap<string, EventHandler>;
  /** Applies an event, together with others; returns whether it was applied now. */
  readonly apply: (event: ReadyEvent) => Promise<boolean>;
};

/** Creates the consumer of one stream. */
export function createEventConsumer(options: EventConsumerOptions): EventConsumer {
  const { domain, service, broker } = options;
  const { producer } = options.subscription;
  const stream = streamOf(domain, producer);
  const handling: Handling = {
    ...options,
    stream,
    handlers: new Map(options.subscription.handlers.map((handler) => [handler.subject, handler])),
    apply: createBatcher({ run: (events) => applyTogether(options.database, events), maxSize: MAX_IN_FLIGHT }),
  };

  let isMissing = false;

  const worker = createWorker({
    name: `consumer of ${stream}`,
    periodMs: RETRY_PERIOD_MS,
    log: options.log,
    work: async (signal) => {
      const session = await broker.session(signal);
      if (session === undefined) return false;
      const isThere = await hasConsumer(session.manager, stream, service);
      if (!isThere && !isMissing) options.log.warn({ stream }, 'the consumer is not provisioned yet; waiting for it');
      isMissing = !isThere;
      if (isMissing) return false; // The next run looks again.
      await consume(session, stream, service, signal, (message) => handleMessage(message, handling));
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
      const readLag = async () => {
        try {
          const info = await session.manager.consumers.info(stream, service);
          return { pending: info.num_pending, unacknowledged: info.num_ack_pending };
        } catch (error) {
          options.log.debug({ err: error, stream }, 'the lag of the consumer cannot be read');
          return unknown;
        }
      };
      // A broker that hangs still looks connected for a while; GetStatus and /metrics must not hang with it.
      return await withTimeout(readLag(), LAG_LIMIT_MS, () => unknown);
    },
  };
}

// Returns when stopped, or when the stream or the consumer was deleted: the caller looks for it again.
async function consume(
  session: BrokerSession,
  stream: string,
  service: string,
  signal: AbortSignal,
  handle: (message: JsMsg) => Promise<void>,
): Promise<void> {
  const consumer = await session.jetstream.consumers.get(stream, service);
  const messages = await consumer.consume({
    max_messages: MAX_IN_FLIGHT,
    idle_heartbeat: HEARTBEAT_MS,
    expires: 15_000,
  });
  const stop = (): void => messages.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const watcher = stopWhenDeleted(messages);
  const running = new Set<Promise<void>>();
  try {
    for await (const message of messages) {
      if (signal.aborted) {
        message.nak(); // Delivered but not begun: returns it to another replica at once, instead of when its ack wait ends.
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
    await watcher;
  }
}

async function stopWhenDeleted(messages: ConsumerMessages): Promise<void> {
  for await (const status of await messages.status()) {
    const isSilent = status.type === ConsumerEvents.HeartbeatsMissed && Number(status.data) >= 4;
    if (isSilent || GONE.has(status.type)) messages.stop();
  }
}

// Never throws: every result is acknowledged to the broker; when the acknowledgement is lost, the event is delivered again.
async function handleMessage(message: JsMsg, handling: Handling): Promise<void> {
  const event = toReceivedEvent(message, handling.stream);
  const handler = handling.handlers.get(event.subject);
  const labels = {
    messaging_system: 'nats',
    messaging_operation_name: 'handle',
    messaging_destination_name: event.subject,
    messaging_consumer_group_name: handling.service,
  };
  const span = eventSpan('handle', event.subject, event.id, event.headers, handling.service);
  const result = await runInSpan(span, async () => {
    const endTimer = handling.metrics.eventDuration.startTimer(labels);
    const outcome = await (handler === undefined ? ignore(message) : applyAndAck(message, event, handler, handling));
    endTimer(FAILED.has(outcome) ? { error_type: outcome } : {});
    describeSpan({ 'event.result': outcome });
    return outcome;
  });
  handling.metrics.eventsHandled.inc({ ...labels, stream: handling.stream, result });
}

async function ignore(message: JsMsg): Promise<Result> {
  message.ack();
  return 'ignored';
}

async function applyAndAck(
  message: JsMsg,
  event: ReceivedEvent,
  handler: EventHandler,
  handling: Handling,
): Promise<Result> {
  try {
    if (!isUuid(event.id))
      throw new DomainError({
        kind: 'invalid_argument',
        reason: 'EVENT_ID_INVALID',
        message: 'the event has no ce-id that is a UUID',
      });
    const applied = await handling.apply(prepareEvent(event, handler));
    message.ack();
    return applied ? 'applied' : 'duplicate';
  } catch (error) {
    return await handleFailure(message, event, error, handling);
  }
}

async function handleFailure(
  message: JsMsg,
  event: ReceivedEvent,
  error: unknown,
  options: EventConsumerOptions,
): Promise<Result> {
  failSpan(errorTypeOf(error));
  const delayMs = backoffMs(message.info.redeliveryCount, 100, MAX_DELAY_MS);
  const fields = {
    err: error,
    'messaging.destination.name': event.subject,
    'messaging.message.id': event.id,
  };
  if (isOutage(error)) {
    message.nak(delayMs);
    return 'retried';
  }
  try {
    const hasId = isUuid(event.id);
    const attempts = hasId ? await countFailure(options.database, event, error) : 1;
    if (attempts < MAX_ATTEMPTS && !isTerminal(error)) {
      options.log.warn({ ...fields, attempts }, 'an event could not be applied, trying again');
      message.nak(delayMs);
      return 'retried';
    }
    const identified = hasId ? event : { ...event, id: `${message.info.stream}:${message.info.streamSequence}` };
    await storeDeadLetter(options.database, identified, error, attempts);
    options.log.error({ ...fields, attempts }, 'an event was stored as a dead letter');
    message.term();
    return 'dead_letter';
  } catch (failure) {
    options.log.warn({ ...fields, err: failure }, 'a failed event could not be recorded, trying again');
    message.nak(delayMs);
    return 'retried';
  }
}

// Outages of the database are of this kind too; the message of any other error proves nothing.
function isOutage(error: unknown): boolean {
  return error instanceof DomainError && error.kind === 'unavailable';
}

// The body cannot be decoded, or its content can never be applied: a retry cannot succeed.
function isTerminal(error: unknown): boolean {
  return error instanceof DomainError && error.kind === 'invalid_argument';
}

function toReceivedEvent(message: JsMsg, stream: string): ReceivedEvent {
  const headers: Record<string, string> = {};
  for (const name of message.headers?.keys() ?? []) headers[name.toLowerCase()] = message.headers?.get(name) ?? '';
  return { stream, id: headers['ce-id'] ?? '', subject: message.subject, payload: message.data, headers };
}

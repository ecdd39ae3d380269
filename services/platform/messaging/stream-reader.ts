// The reader of a stream's past: applies stored events again, beside the durable consumer. It only reads: the consumer stays as it is,
// and a service needs no permission to create one.
import { type JetStreamManager, NatsError, type StoredMsg } from 'nats';
import { type Domain, streamOf } from '../base/domain.ts';
import { DomainError } from '../base/errors.ts';
import { isUuid } from '../base/validation.ts';
import type { Logger } from '../observability/log.ts';
import type { Database } from '../storage/database.ts';
import type { Subscription } from './event-handler.ts';
import { applyTogether, prepareEvent, type ReadyEvent, type ReceivedEvent, storeDeadLetter } from './inbox.ts';
import { isMessageMissing } from './streams.ts';

const BATCH_SIZE = 64;

export type StreamReaderOptions = {
  readonly domain: Domain;
  readonly subscription: Subscription;
  readonly database: Database;
  readonly log: Logger;
};

/**
 * Applies the events of the next sequence numbers, from `first` and at most up to `last`, each unless the inbox knows it. Returns the
 * number after the last one read. An event whose handler fails becomes a dead letter.
 *
 * @throws {DomainError} `unavailable` in an outage of the database; {NatsError} when the broker does not answer. Then it is to be repeated.
 */
export async function applyStored(
  manager: { readonly streams: Pick<JetStreamManager['streams'], 'getMessage'> },
  { first, last }: { readonly first: number; readonly last: number },
  options: StreamReaderOptions,
): Promise<number> {
  const stream = streamOf(options.domain, options.subscription.producer);
  const end = Math.min(last, first + BATCH_SIZE - 1);
  const sequences = Array.from({ length: end - first + 1 }, (_, index) => first + index);
  const messages = await Promise.all(sequences.map((seq) => readMessage(manager, stream, seq)));
  const events = messages.filter((message) => message !== undefined).map((message) => toEvent(stream, message));
  await applyAll(events, options);
  return end + 1;
}

async function applyAll(events: readonly ReceivedEvent[], options: StreamReaderOptions): Promise<void> {
  const ready: ReadyEvent[] = [];
  for (const event of events) {
    const handler = options.subscription.handlers.find(({ subject }) => subject === event.subject);
    if (handler === undefined || !isUuid(event.id)) continue; // The consumer ignores it, or has stored it as a dead letter.
    await orDeadLetter(event, options, async () => void ready.push(prepareEvent(event, handler)));
  }
  try {
    if (ready.length > 0) await applyTogether(options.database, ready);
  } catch (error) {
    if (isOutage(error)) throw error;
    for (const event of ready) {
      const received = events.find(({ id }) => id === event.event.id);
      if (received === undefined) continue;
      await orDeadLetter(received, options, async () => void (await applyTogether(options.database, [event])));
    }
  }
}

async function orDeadLetter(
  event: ReceivedEvent,
  { database, log }: StreamReaderOptions,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isOutage(error)) throw error;
    await storeDeadLetter(database, event, error, 1);
    log.error({ err: error, 'messaging.message.id': event.id }, 'an event was stored as a dead letter');
  }
}

async function readMessage(
  { streams }: { readonly streams: Pick<JetStreamManager['streams'], 'getMessage'> },
  stream: string,
  seq: number,
): Promise<StoredMsg | undefined> {
  try {
    return await streams.getMessage(stream, { seq });
  } catch (error) {
    if (isMessageMissing(error)) return undefined;
    throw error;
  }
}

function toEvent(stream: string, { subject, data, header }: StoredMsg): ReceivedEvent {
  const headers = Object.fromEntries(header.keys().map((name) => [name.toLowerCase(), header.get(name)]));
  return { stream, subject, payload: data, headers, id: headers['ce-id'] ?? '' };
}

function isOutage(error: unknown): boolean {
  return error instanceof NatsError || (error instanceof DomainError && error.kind === 'unavailable');
}

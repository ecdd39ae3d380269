// The JetStream streams: one for each producing service.
import { NatsError, nanos, RetentionPolicy, StorageType } from 'nats';
import { type Domain, streamOf, subjectsOf } from '../base/domain.ts';
import type { BrokerSession } from './broker.ts';

const DUPLICATE_WINDOW_MS = 120_000;
const MAX_AGE_MS = 30 * 24 * 60 * 60 * 1_000;
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;

/** Creates the stream of a service unless it exists. */
export async function ensureStream(session: BrokerSession, domain: Domain, service: string): Promise<void> {
  const name = streamOf(domain, service);
  try {
    await session.manager.streams.info(name);
  } catch (error) {
    if (!isStreamMissing(error)) throw error;
    await session.manager.streams.add({
      name,
      subjects: [subjectsOf(domain, service)],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      max_age: nanos(MAX_AGE_MS),
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    });
  }
}

/** Whether an error means that a stream does not exist (yet). */
export function isStreamMissing(error: unknown): boolean {
  return error instanceof NatsError && error.api_error?.err_code === STREAM_NOT_FOUND;
}

/** Whether an error means that a consumer does not exist (yet). */
export function isConsumerMissing(error: unknown): boolean {
  return error instanceof NatsError && error.api_error?.err_code === CONSUMER_NOT_FOUND;
}

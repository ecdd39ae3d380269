// The names of JetStream's streams and what they hold: one stream for each producing service.
import { NatsError, nanos, RetentionPolicy, StorageType } from 'nats';
import type { BrokerSession } from './broker.ts';

const DUPLICATE_WINDOW_MS = 120_000;
const MAX_AGE_MS = 30 * 24 * 60 * 60 * 1_000;
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;

/** The stream of a service: `order` gives `SHOP_ORDER`. */
export function streamOf(service: string): string {
  return `SHOP_${service.toUpperCase()}`;
}

/** The subjects of a service: `order` gives `shop.order.v1.>`. */
export function subjectsOf(service: string): string {
  return `shop.${service}.v1.>`;
}

/** Makes the stream of a service unless it is there. */
export async function ensureStream(session: BrokerSession, service: string): Promise<void> {
  try {
    await session.manager.streams.info(streamOf(service));
  } catch (error) {
    if (!isStreamMissing(error)) throw error;
    await session.manager.streams.add({
      name: streamOf(service),
      subjects: [subjectsOf(service)],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      max_age: nanos(MAX_AGE_MS),
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    });
  }
}

/** Whether an error says that a stream does not exist (yet). */
export function isStreamMissing(error: unknown): boolean {
  return error instanceof NatsError && error.api_error?.err_code === STREAM_NOT_FOUND;
}

/** Whether an error says that a consumer does not exist (yet). */
export function isConsumerMissing(error: unknown): boolean {
  return error instanceof NatsError && error.api_error?.err_code === CONSUMER_NOT_FOUND;
}

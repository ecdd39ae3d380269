// The JetStream streams, one for each producing service, and the durable consumers, one for each service that reads a stream. They are
// made and changed by the provisioning step alone: a service that could change a stream could forge events in it.
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamManager,
  NatsError,
  nanos,
  RetentionPolicy,
  StorageType,
} from 'nats';
import { type Domain, streamOf, subjectsOf } from '../base/domain.ts';

const DUPLICATE_WINDOW_MS = 120_000;
const MAX_AGE_MS = 30 * 24 * 60 * 60 * 1_000;
const ACK_WAIT_MS = 30_000;
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;
const MESSAGE_NOT_FOUND = 10037;

/** Which events a service publishes and reads. */
export type EventFlow = {
  readonly service: string;
  /** Whether it has a stream. */
  readonly publishes: boolean;
  /** The services whose streams it reads, each through a durable consumer that has its name. */
  readonly consumes: readonly string[];
  /** Whether it may read single messages of those streams, to apply them again. */
  readonly rereads?: true;
};

export type StreamLimits = {
  /** What a stream may hold, in bytes; beyond it the oldest events are deleted. */
  readonly maxBytes: number;
  /** What an event may have, in bytes, its headers included. */
  readonly maxMessageBytes: number;
  /** On how many servers of the cluster each stream and consumer is stored: with 3, any one of them may be lost. */
  readonly replicas: 1 | 3 | 5;
};

/** 1 GiB and 256 KiB: more than 30 days of events need, and five times the largest event. A single server holds one replica. */
const DEFAULT_STREAM_LIMITS: StreamLimits = { maxBytes: 1024 ** 3, maxMessageBytes: 256 * 1024, replicas: 1 };

type Api = {
  readonly streams: Pick<JetStreamManager['streams'], 'info' | 'add' | 'update'>;
  readonly consumers: Pick<JetStreamManager['consumers'], 'info' | 'add'>;
};

/** Creates every stream and consumer that is missing, and gives streams that exist the settings they should have. Idempotent. */
export async function provisionStreams(
  api: Api,
  domain: Domain,
  flows: readonly EventFlow[],
  changed: Partial<StreamLimits> = {},
): Promise<void> {
  const limits = { ...DEFAULT_STREAM_LIMITS, ...changed };
  const producers = flows.filter(({ publishes }) => publishes);
  await Promise.all(producers.map(({ service }) => provisionStream(api, domain, service, limits)));
  const consumers = flows.flatMap(({ service, consumes }) => consumes.map((producer) => ({ service, producer })));
  await Promise.all(consumers.map((consumer) => provisionConsumer(api, domain, consumer, limits.replicas)));
}

async function provisionStream({ streams }: Api, domain: Domain, service: string, limits: StreamLimits): Promise<void> {
  const name = streamOf(domain, service);
  const config = {
    subjects: [subjectsOf(domain, service)],
    discard: DiscardPolicy.Old,
    max_age: nanos(MAX_AGE_MS),
    max_bytes: limits.maxBytes,
    max_msg_size: limits.maxMessageBytes,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    num_replicas: limits.replicas,
  };
  try {
    await streams.info(name);
  } catch (error) {
    if (!isStreamMissing(error)) throw error;
    await streams.add({ name, retention: RetentionPolicy.Limits, storage: StorageType.File, ...config });
    return;
  }
  await streams.update(name, { ...config, ...NO_OTHER_SOURCE });
}

// What would put other messages than the producer's into a stream, or its messages elsewhere: removed where it is set.
const NO_OTHER_SOURCE = {
  republish: undefined,
  sources: undefined,
  mirror: undefined,
  subject_transform: undefined,
  allow_rollup_hdrs: false,
} as object;

// Unlimited deliveries: with a limit, a few crashes in a row would drop an event silently.
async function provisionConsumer(
  { consumers }: Api,
  domain: Domain,
  { service, producer }: { readonly service: string; readonly producer: string },
  replicas: number,
): Promise<void> {
  const stream = streamOf(domain, producer);
  try {
    const { config } = await consumers.info(stream, service);
    // The rest stays as it is: the consumer knows what was delivered. 0 follows the stream.
    if (![0, replicas].includes(config.num_replicas ?? 0))
      await consumers.add(stream, { ...config, num_replicas: replicas });
  } catch (error) {
    if (!isConsumerMissing(error)) throw error;
    await consumers.add(stream, {
      durable_name: service,
      filter_subject: subjectsOf(domain, producer),
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ACK_WAIT_MS),
      max_deliver: -1,
    });
  }
}

/** Whether a stream exists. */
export function hasStream(api: { streams: Pick<Api['streams'], 'info'> }, stream: string): Promise<boolean> {
  return isFound(() => api.streams.info(stream));
}

/** Whether a consumer, and so its stream, exists. */
export function hasConsumer(
  api: { consumers: Pick<Api['consumers'], 'info'> },
  stream: string,
  consumer: string,
): Promise<boolean> {
  return isFound(() => api.consumers.info(stream, consumer));
}

async function isFound(look: () => Promise<unknown>): Promise<boolean> {
  try {
    await look();
    return true;
  } catch (error) {
    if (isStreamMissing(error) || isConsumerMissing(error)) return false;
    throw error;
  }
}

/** Whether an error means that a stream does not exist (yet). */
export function isStreamMissing(error: unknown): boolean {
  return hasCode(error, STREAM_NOT_FOUND);
}

/** Whether an error means that a consumer does not exist (yet). */
export function isConsumerMissing(error: unknown): boolean {
  return hasCode(error, CONSUMER_NOT_FOUND);
}

/** Whether an error means that a stream holds no message with this number. */
export function isMessageMissing(error: unknown): boolean {
  return hasCode(error, MESSAGE_NOT_FOUND);
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof NatsError && error.api_error?.err_code === code;
}

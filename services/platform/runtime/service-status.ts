// The status of this replica: the answer of GetStatus, and the gauges whose values have to be queried.
import { type Timestamp, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { BreakerState } from '#gen/shop/ops/v1/ops_pb.ts';
import { createSharedRun } from '../base/shared-run.ts';
import type { BreakerView } from '../client/breaker.ts';
import type { FlagView } from '../flags/describe-flags.ts';
import type { Broker } from '../messaging/broker.ts';
import type { EventConsumer } from '../messaging/event-consumer.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Database } from '../storage/database.ts';
import { isDatabaseOutage } from '../storage/database.ts';
import { sql } from '../storage/sql.ts';

const BREAKER_STATES = {
  closed: BreakerState.CLOSED,
  half_open: BreakerState.HALF_OPEN,
  open: BreakerState.OPEN,
} as const;

export type StatusSources = {
  readonly service: string;
  readonly startTime: Date;
  readonly database: Database;
  readonly broker: Broker;
  readonly consumers: readonly EventConsumer[];
  readonly breakers: readonly (() => BreakerView)[];
  /** Counts the work that the service still owes after it answered; absent in services that never owe any. */
  readonly countOpenWork?: () => Promise<number>;
  /** The feature flags in force; absent in services without flags. */
  readonly listFlags?: () => readonly FlagView[];
  readonly metrics: Metrics;
};

type Backlog = { unsent: number; oldest_age_ms: number; dead_letters: number };

type Status = Awaited<ReturnType<typeof readStatus>>;

/** From one reading of the status to the next, at least: it counts rows, which takes the longer the more there are. */
const READ_PERIOD_MS = 100;

/** Returns a function that reads the status; concurrent callers share a reading. */
export function createStatusReader(sources: StatusSources): () => Promise<Status> {
  return createSharedRun(() => readStatus(sources), READ_PERIOD_MS);
}

/** Reads the status as a `ServiceStatus` message. An unreachable database is part of the answer, not an error. */
export async function readStatus(sources: StatusSources) {
  const [backlog, openWork, consumers] = await Promise.all([
    readBacklog(sources),
    unlessOutage(async () => (await sources.countOpenWork?.()) ?? 0),
    readConsumers(sources),
  ]);
  const broker = sources.broker.status();
  return {
    service: sources.service,
    startTime: timestampFromDate(sources.startTime),
    databaseUp: backlog !== undefined && openWork !== undefined,
    broker: { connected: broker.connected, since: timestampFromDate(broker.since) },
    breakers: sources.breakers.map(readBreaker),
    outbox: { unsent: BigInt(backlog?.unsent ?? 0), oldestAge: toDuration(backlog?.oldest_age_ms ?? 0) },
    consumers,
    openCompensations: BigInt(openWork ?? 0),
    deadLetters: BigInt(backlog?.dead_letters ?? 0),
    flags: (sources.listFlags?.() ?? []).map(readFlag),
  };
}

/** Updates the gauges whose values have to be queried. A gauge whose source does not answer keeps its value. */
export async function refreshGauges(sources: StatusSources): Promise<void> {
  await Promise.all([readBacklog(sources), readConsumers(sources)]);
  sources.metrics.brokerConnected.set(sources.broker.status().connected ? 1 : 0);
}

function readBacklog({ database, metrics }: StatusSources): Promise<Backlog | undefined> {
  return unlessOutage(async () => {
    const [row] = await database.query<Backlog>(
      sql`select (select count(*)::int from outbox where sent_time is null) as unsent,
         (select coalesce(extract(epoch from now() - min(create_time)) * 1000, 0)::float8 from outbox where sent_time is null)
           as oldest_age_ms,
         (select count(*)::int from dead_letter) as dead_letters`,
    );
    metrics.outboxUnsent.set(row?.unsent ?? 0);
    metrics.outboxOldest.set((row?.oldest_age_ms ?? 0) / 1_000);
    metrics.deadLetters.set(row?.dead_letters ?? 0);
    return row;
  });
}

async function unlessOutage<T>(query: () => Promise<T>): Promise<T | undefined> {
  try {
    return await query();
  } catch (error) {
    if (isDatabaseOutage(error)) return undefined;
    throw error;
  }
}

function readConsumers({ service, consumers, metrics }: StatusSources) {
  const read = async ({ stream, lag }: EventConsumer) => {
    const { pending, unacknowledged } = await lag();
    if (pending >= 0) metrics.consumerPending.set({ stream }, pending);
    return { stream, consumer: service, pending: BigInt(pending), unacknowledged: BigInt(unacknowledged) };
  };
  return Promise.all(consumers.map(read));
}

function readBreaker(view: () => BreakerView) {
  const { dependency, state, since, reason } = view();
  const changed: { since?: Timestamp } = since === undefined ? {} : { since: timestampFromDate(since) };
  return { dependency, state: BREAKER_STATES[state], reason, ...changed };
}

function toDuration(milliseconds: number) {
  return { seconds: BigInt(Math.floor(milliseconds / 1_000)), nanos: Math.floor(milliseconds % 1_000) * 1_000_000 };
}

function readFlag({ percentage, ...flag }: FlagView) {
  return { ...flag, ...(percentage === undefined ? {} : { percentage }) };
}

// How this replica is doing: what GetStatus tells and what the gauges show.
import { type Timestamp, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { BreakerState } from '#gen/shop/ops/v1/ops_pb.ts';
import type { BreakerView } from './breaker.ts';
import type { Broker } from './broker.ts';
import type { Database } from './database.ts';
import { isDatabaseOutage } from './database.ts';
import type { EventConsumer } from './event-consumer.ts';
import type { Metrics } from './metrics.ts';

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
  /** How many decided orders are not yet given back in full; only the order service has some. */
  readonly countOpenCompensations?: () => Promise<number>;
  readonly metrics: Metrics;
};

type Backlog = { unsent: number; oldest_age_ms: number; dead_letters: number };

/** Gathers the status as a `shop.ops.v1.ServiceStatus`. A database that is away is part of the answer, not an error. */
export async function readStatus(sources: StatusSources) {
  const [backlog, openCompensations, consumers] = await Promise.all([
    refreshGauges(sources),
    unlessAway(async () => (await sources.countOpenCompensations?.()) ?? 0),
    Promise.all(sources.consumers.map(readConsumer(sources))),
  ]);
  const broker = sources.broker.status();
  return {
    service: sources.service,
    startTime: timestampFromDate(sources.startTime),
    databaseUp: backlog !== undefined && openCompensations !== undefined,
    broker: { connected: broker.connected, since: timestampFromDate(broker.since) },
    breakers: sources.breakers.map(readBreaker),
    outbox: { unsent: BigInt(backlog?.unsent ?? 0), oldestAge: toDuration(backlog?.oldest_age_ms ?? 0) },
    consumers,
    openCompensations: BigInt(openCompensations ?? 0),
    deadLetters: BigInt(backlog?.dead_letters ?? 0),
  };
}

/** Reads what waits in the database and shows it in the gauges; undefined, and the gauges as they were, while it is away. */
export function refreshGauges({
  database,
  metrics,
}: Pick<StatusSources, 'database' | 'metrics'>): Promise<Backlog | undefined> {
  return unlessAway(async () => {
    const [row] = await database.query<Backlog>(
      `select (select count(*)::int from outbox where sent_time is null) as unsent,
         (select coalesce(extract(epoch from now() - min(create_time)) * 1000, 0)::float8 from outbox where sent_time is null)
           as oldest_age_ms,
         (select count(*)::int from dead_letter) as dead_letters`,
    );
    metrics.outboxUnsent.set(row?.unsent ?? 0);
    metrics.deadLetters.set(row?.dead_letters ?? 0);
    return row;
  });
}

async function unlessAway<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isDatabaseOutage(error)) return undefined;
    throw error;
  }
}

function readConsumer({ service }: StatusSources) {
  return async (consumer: EventConsumer) => {
    const { pending, unacknowledged } = await consumer.lag();
    return {
      stream: consumer.stream,
      consumer: service,
      pending: BigInt(pending),
      unacknowledged: BigInt(unacknowledged),
    };
  };
}

function readBreaker(view: () => BreakerView) {
  const { dependency, state, since, reason } = view();
  const changed: { since?: Timestamp } = since === undefined ? {} : { since: timestampFromDate(since) };
  return { dependency, state: BREAKER_STATES[state], reason, ...changed };
}

function toDuration(milliseconds: number) {
  return { seconds: BigInt(Math.floor(milliseconds / 1_000)), nanos: Math.floor(milliseconds % 1_000) * 1_000_000 };
}

// The outbox relay: publishes stored events in bounded batches, at least once. Any number of replicas may run it.
import { headers as createHeaders } from 'nats';
import { type Domain, streamOf } from '../base/domain.ts';
import { createWorker, type Worker } from '../base/worker.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { eventSpan, runInSpan } from '../observability/tracing.ts';
import type { Database, Queryable } from '../storage/database.ts';
import { sql } from '../storage/sql.ts';
import type { Broker, BrokerSession } from './broker.ts';
import { createPublishBackoff, type PublishBackoff } from './publish-backoff.ts';
import { hasStream } from './streams.ts';

const BATCH_SIZE = 100;
// Finds the rows of other replicas and of crashed processes; this process's own rows wake the relay at once.
const PERIOD_MS = 1_000;
// While events come often, they are published in batches this far apart.
const MIN_PAUSE_MS = 200;

type OutboxRow = {
  readonly event_id: string;
  readonly subject: string;
  readonly payload: Buffer;
  readonly headers: Record<string, string>;
};

export type OutboxRelay = Worker;

export type OutboxRelayOptions = {
  readonly domain: Domain;
  readonly service: string;
  readonly database: Database;
  readonly broker: Broker;
  readonly metrics: Metrics;
  readonly log: Logger;
};

/** Creates the relay from a service's outbox to its stream. */
export function createOutboxRelay(options: OutboxRelayOptions): OutboxRelay {
  let readySession: BrokerSession | undefined;
  const backoff = createPublishBackoff();
  const stream = streamOf(options.domain, options.service);
  let isMissing = false;
  // Whether this process has stored events, or a batch left some. Others are looked for once in a period, by one statement in place of
  // the three of a batch: most of what an idle service does.
  let isDue = true;

  const isProvisioned = async ({ manager }: BrokerSession): Promise<boolean> => {
    const isThere = await hasStream(manager, stream);
    if (!isThere && !isMissing)
      options.log.warn({ stream }, 'the stream is not provisioned yet; events wait in the outbox');
    isMissing = !isThere;
    return isThere;
  };

  const worker = createWorker({
    name: 'outbox relay',
    periodMs: PERIOD_MS,
    minPauseMs: MIN_PAUSE_MS,
    log: options.log,
    work: async (signal) => {
      const session = await options.broker.session(signal);
      if (session === undefined || !options.broker.status().connected) return false;
      if (readySession !== session && !(await isProvisioned(session))) return false;
      readySession = session;
      if (!isDue && !(await hasUnsent(options.database, backoff))) return false;
      isDue = false;
      try {
        const isMoreLeft = await relayBatch(session, backoff, options);
        isDue ||= isMoreLeft;
        return isMoreLeft;
      } catch (error) {
        isDue = true;
        readySession = undefined; // The broker may have lost the stream with its disk: create it again before the next batch.
        throw error;
      }
    },
  });
  return {
    ...worker,
    wake: () => {
      isDue = true;
      worker.wake();
    },
  };
}

/** Whether an event is to be published that is not postponed. */
export async function hasUnsent(database: Queryable, backoff: PublishBackoff): Promise<boolean> {
  const [row] = await database.query<{ found: boolean }>(
    sql`select exists (
      select from outbox where sent_time is null and event_id <> all(${backoff.list()}::uuid[])
    ) as found`,
  );
  return row?.found === true;
}

/**
 * Publishes a batch of stored events; returns whether more may be left. The rows stay locked until their publication is recorded, so that
 * no other replica publishes them in the meantime. After a crash in between they are published again with the same id, which the stream
 * and every inbox recognize.
 */
export function relayBatch(
  session: Pick<BrokerSession, 'jetstream'>,
  backoff: PublishBackoff,
  options: Pick<OutboxRelayOptions, 'database' | 'metrics' | 'log'>,
): Promise<boolean> {
  return options.database.transaction(async (transaction) => {
    const rows = await transaction.query<OutboxRow>(
      sql`select event_id, subject, payload, headers from outbox
        where sent_time is null and event_id <> all(${backoff.list()}::uuid[])
        order by create_time limit ${BATCH_SIZE} for update skip locked`,
    );
    if (rows.length === 0) return false;
    const results = await Promise.allSettled(rows.map((row) => publish(session, row)));
    const sent = rows.filter((_, index) => results[index]?.status === 'fulfilled');
    const sentIds = sent.map((row) => row.event_id);
    await transaction.query(sql`update outbox set sent_time = now() where event_id = any(${sentIds}::uuid[])`);
    for (const { subject } of sent) {
      options.metrics.eventsPublished.inc({
        messaging_system: 'nats',
        messaging_operation_name: 'publish',
        messaging_destination_name: subject,
      });
    }
    backoff.onPublished(sentIds);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return rows.length === BATCH_SIZE;
    backoff.onFailed(rows.filter((row) => !sent.includes(row)).map((row) => row.event_id));
    if (sent.length === 0) throw failed.reason;
    options.log.warn({ err: failed.reason, failed: rows.length - sent.length }, 'events could not be published yet');
    return true;
  });
}

// The span belongs to the trace in which the event was stored, which may have ended long ago. Consumers continue that trace, not this
// span: a row that is published twice must be published unchanged.
function publish(session: Pick<BrokerSession, 'jetstream'>, row: OutboxRow): Promise<void> {
  const headers = createHeaders();
  for (const [name, value] of Object.entries(row.headers)) headers.set(name, value);
  return runInSpan(eventSpan('publish', row.subject, row.event_id, row.headers), async () => {
    await session.jetstream.publish(row.subject, row.payload, { headers, msgID: row.event_id });
  });
}

// Publishes what is in the outbox, in bounded batches, as often as needed and at least once. Any number of replicas may run it.
import { headers as createHeaders } from 'nats';
import { createWorker, type Worker } from '../base/worker.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { eventSpan, runInSpan } from '../observability/tracing.ts';
import type { Database } from '../storage/database.ts';
import type { Broker, BrokerSession } from './broker.ts';
import { createPublishBackoff, type PublishBackoff } from './publish-backoff.ts';
import { ensureStream } from './streams.ts';

const BATCH_SIZE = 100;
// Another replica's rows, or those of a process that died, are found by this period; our own rows wake the relay at once.
const PERIOD_MS = 1_000;

type OutboxRow = {
  readonly event_id: string;
  readonly subject: string;
  readonly payload: Buffer;
  readonly headers: Record<string, string>;
};

export type OutboxRelay = Worker;

export type OutboxRelayOptions = {
  readonly service: string;
  readonly database: Database;
  readonly broker: Broker;
  readonly metrics: Metrics;
  readonly log: Logger;
};

/** Makes the relay of a service's outbox to its stream. */
export function createOutboxRelay(options: OutboxRelayOptions): OutboxRelay {
  let ready: BrokerSession | undefined;
  const resting = createPublishBackoff();
  return createWorker({
    name: 'outbox relay',
    periodMs: PERIOD_MS,
    log: options.log,
    work: async (signal) => {
      const session = await options.broker.session(signal);
      if (session === undefined || !options.broker.status().connected) return false;
      if (ready !== session) await ensureStream(session, options.service);
      ready = session;
      try {
        return await relayBatch(session, resting, options);
      } catch (error) {
        ready = undefined; // The stream may be gone with the broker's disk: made again before the next batch.
        throw error;
      }
    },
  });
}

// The rows stay locked until their publication is recorded, so no other replica publishes them meanwhile. A crash in between
// publishes them again, with the same id: the stream and every inbox know it.
function relayBatch(session: BrokerSession, resting: PublishBackoff, options: OutboxRelayOptions): Promise<boolean> {
  return options.database.transaction(async (transaction) => {
    const rows = await transaction.query<OutboxRow>(
      `select event_id, subject, payload, headers from outbox where sent_time is null and event_id <> all($2::uuid[])
       order by create_time limit $1 for update skip locked`,
      [BATCH_SIZE, resting.list()],
    );
    if (rows.length === 0) return false;
    const results = await Promise.allSettled(rows.map((row) => publish(session, row)));
    const sent = rows.filter((_, index) => results[index]?.status === 'fulfilled');
    await transaction.query('update outbox set sent_time = now() where event_id = any($1::uuid[])', [
      sent.map((row) => row.event_id),
    ]);
    for (const row of sent) options.metrics.eventsPublished.inc({ subject: row.subject });
    resting.noteSent(sent.map((row) => row.event_id));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return rows.length === BATCH_SIZE;
    resting.noteFailed(rows.filter((row) => !sent.includes(row)).map((row) => row.event_id));
    if (sent.length === 0) throw failed.reason;
    options.log.warn({ err: failed.reason, failed: rows.length - sent.length }, 'events could not be published yet');
    return true;
  });
}

// In the trace of what stored the event, which may be long over. Its consumers continue that trace too, not this span: a row that
// is published twice is published as it was.
function publish(session: BrokerSession, row: OutboxRow): Promise<void> {
  const headers = createHeaders();
  for (const [name, value] of Object.entries(row.headers)) headers.set(name, value);
  return runInSpan(eventSpan('publish', row.subject, row.event_id, row.headers), async () => {
    await session.jetstream.publish(row.subject, row.payload, { headers, msgID: row.event_id });
  });
}

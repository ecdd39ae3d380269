// Publishes what is in the outbox, in bounded batches, as often as needed and at least once. Any number of replicas may run it.
import { headers as createHeaders } from 'nats';
import type { Broker, BrokerSession } from './broker.ts';
import type { Database } from './database.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { ensureStream } from './streams.ts';
import { createWorker, type Worker } from './worker.ts';

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
        return await relayBatch(session, options);
      } catch (error) {
        ready = undefined; // The stream may be gone with the broker's disk: made again before the next batch.
        throw error;
      }
    },
  });
}

// The rows stay locked until their publication is recorded, so no other replica publishes them meanwhile. A crash in between
// publishes them again, with the same id: the stream and every inbox know it.
function relayBatch(session: BrokerSession, options: OutboxRelayOptions): Promise<boolean> {
  return options.database.transaction(async (transaction) => {
    const rows = await transaction.query<OutboxRow>(
      `select event_id, subject, payload, headers from outbox where sent_time is null
       order by create_time limit $1 for update skip locked`,
      [BATCH_SIZE],
    );
    if (rows.length === 0) return false;
    const results = await Promise.allSettled(rows.map((row) => publish(session, row)));
    const sent = rows.filter((_, index) => results[index]?.status === 'fulfilled');
    await transaction.query('update outbox set sent_time = now() where event_id = any($1::uuid[])', [
      sent.map((row) => row.event_id),
    ]);
    for (const row of sent) options.metrics.eventsPublished.inc({ subject: row.subject });
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined && sent.length === 0) throw failed.reason;
    return rows.length === BATCH_SIZE || failed !== undefined;
  });
}

async function publish(session: BrokerSession, row: OutboxRow): Promise<void> {
  const headers = createHeaders();
  for (const [name, value] of Object.entries(row.headers)) headers.set(name, value);
  await session.jetstream.publish(row.subject, row.payload, { headers, msgID: row.event_id });
}

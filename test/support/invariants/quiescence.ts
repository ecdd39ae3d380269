// Quiescence: no order pending, no compensation open, no event or mail in flight. Only then can the invariants be judged.
import type { JetStreamManager } from 'nats';
import { DOMAIN } from '#services/domain.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { streamOf } from '#services/platform/base/domain.ts';
import { isStreamMissing } from '#services/platform/messaging/streams.ts';
import { readLedger } from './external-sources.ts';
import { HANDLED_EVENTS, type InvariantSources, OWNERS, type Owner, type PendingWork } from './facts.ts';
import { netCaptured } from './finding.ts';
import { readBroker, readDatabase, SourceUnavailable } from './sources.ts';

const POLL_MS = 200;
const LISTED_IDS = 5;

/** One kind of work that a service may have pending, and the query for its ids. */
type Work = { readonly what: string; readonly sql: string };

const UNPUBLISHED: Work = {
  what: 'events not published',
  sql: 'select event_id::text as id from outbox where sent_time is null',
};

const WORK: Readonly<Record<Owner, readonly Work[]>> = {
  order: [
    { what: 'orders pending', sql: "select order_id as id from orders where status = 'PENDING'" },
    {
      what: 'orders with open compensations',
      sql: "select order_id as id from orders where status <> 'PENDING' and resume_time is not null",
    },
    UNPUBLISHED,
  ],
  inventory: [UNPUBLISHED],
  payment: [
    {
      what: 'charges and refunds not settled',
      sql: `select order_id as id from charge
        where status = 'CHARGING' or (status = 'COMPLETED' and refund_key is not null)`,
    },
    UNPUBLISHED,
  ],
  notification: [
    { what: 'mails not sent', sql: "select notification_id::text as id from notification where status = 'PENDING'" },
    UNPUBLISHED,
  ],
  analytics: [
    { what: 'sums being rebuilt', sql: "select generation::text as id from generation where state = 'BUILDING'" },
  ],
};

/**
 * Waits until two polls in a row find no pending work, at most `timeoutMs`. Returns the work that is still pending: none, when
 * the platform is quiescent. A source that cannot be read counts as pending work.
 */
export async function waitForQuiescence(
  sources: InvariantSources,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<PendingWork[]> {
  const timeout = AbortSignal.timeout(timeoutMs);
  let quietPolls = 0;
  for (;;) {
    const left = await pollOnce(sources);
    quietPolls = left.length === 0 ? quietPolls + 1 : 0;
    // A poll reads one source after the other: work that moves to a source already read is found by the second poll.
    if (quietPolls === 2) return [];
    if (timeout.aborted) return left;
    await pause(POLL_MS, timeout);
  }
}

/**
 * Looks once for every kind of pending work. Returns one entry for each kind, also where the count is zero.
 *
 * @throws {SourceUnavailable} a source cannot be read.
 */
export async function findPendingWork(sources: InvariantSources): Promise<PendingWork[]> {
  return [...(await findPlatformWork(sources)), ...(await findProviderWork(sources))];
}

async function pollOnce(sources: InvariantSources): Promise<PendingWork[]> {
  try {
    const left = (await findPlatformWork(sources)).filter(({ count }) => count > 0);
    // The ledger is long: read it only when nothing else is pending.
    return left.length > 0 ? left : (await findProviderWork(sources)).filter(({ count }) => count > 0);
  } catch (error) {
    if (!(error instanceof SourceUnavailable)) throw error;
    return [{ what: error.message, count: 1, ids: [] }];
  }
}

/** Reads in the order in which work moves through the platform: orders, their events, the consumers of the events. */
async function findPlatformWork({ databaseUrls, natsUrl }: InvariantSources): Promise<PendingWork[]> {
  const orders = await findDatabaseWork('order', databaseUrls.order);
  const consumers = await readBroker(natsUrl, ({ manager }) => findUnconsumedEvents(manager));
  const rest = await Promise.all(
    OWNERS.filter((service) => service !== 'order').map((service) => findDatabaseWork(service, databaseUrls[service])),
  );
  return [...orders, ...consumers, ...rest.flat()];
}

function findDatabaseWork(service: Owner, url: string): Promise<PendingWork[]> {
  return readDatabase(service, url, async (query) => {
    const found: PendingWork[] = [];
    for (const { what, sql } of WORK[service]) {
      const rows = await query<{ id: string; total: number }>(
        `select id, count(*) over ()::int as total from (${sql}) as work order by id limit ${LISTED_IDS}`,
      );
      found.push({ what: `${service}: ${what}`, count: rows[0]?.total ?? 0, ids: rows.map(({ id }) => id) });
    }
    return found;
  });
}

async function findUnconsumedEvents(manager: JetStreamManager): Promise<PendingWork[]> {
  const found = await Promise.all(OWNERS.map((producer) => findUnconsumedEventsOf(manager, producer)));
  return found.flat();
}

async function findUnconsumedEventsOf(manager: JetStreamManager, producer: Owner): Promise<PendingWork[]> {
  const stream = streamOf(DOMAIN, producer);
  try {
    const { state } = await manager.streams.info(stream);
    const found: PendingWork[] = [];
    for await (const { name, config, num_pending, num_ack_pending } of manager.consumers.list(stream)) {
      if (config.durable_name === undefined) continue;
      found.push({ what: `${name}: events of ${stream} not applied`, count: num_pending + num_ack_pending, ids: [] });
    }
    // A consumer that its service has not created yet has every event pending.
    for (const consumer of OWNERS) {
      const what = `${consumer}: events of ${stream} not applied`;
      if (HANDLED_EVENTS[consumer][producer] === undefined || found.some((work) => work.what === what)) continue;
      found.push({ what, count: state.messages, ids: [] });
    }
    return found;
  } catch (error) {
    if (isStreamMissing(error)) return [];
    throw error;
  }
}

async function findProviderWork(sources: InvariantSources): Promise<PendingWork[]> {
  const ledger = (await readLedger(sources.providerUrl)) ?? [];
  const refunded = await readDatabase('payment', sources.databaseUrls.payment, (query) =>
    query<{ id: string }>("select order_id as id from charge where status = 'REFUNDED' and watch_until > now()"),
  );
  const refundedIds = new Set(refunded.map(({ id }) => id));
  const pending = ledger.filter(({ status }) => status === 'pending');
  const late = ledger.filter((charge) => refundedIds.has(charge.orderId) && netCaptured(charge).minorUnits > 0n);
  const work = (what: string, charges: typeof ledger): PendingWork => ({
    what: `provider: ${what}`,
    count: charges.length,
    ids: charges.slice(0, LISTED_IDS).map(({ orderId }) => orderId),
  });
  return [work('charges in flight', pending), work('late captures not refunded', late)];
}

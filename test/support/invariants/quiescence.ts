// Whether the platform is at rest: nothing pending, nothing owed, nothing on its way. Only then can the invariants be judged.
import type { JetStreamManager } from 'nats';
import { DOMAIN } from '#services/domain.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { streamOf } from '#services/platform/base/domain.ts';
import { isStreamMissing } from '#services/platform/messaging/streams.ts';
import { HANDLED, type InvariantSources, OWNERS, type Owner, type PendingWork } from './facts.ts';
import { netCaptured } from './finding.ts';
import { readLedger } from './external-sources.ts';
import { readBroker, readDatabase, SourceUnavailable } from './sources.ts';

const POLL_MS = 200;
const LISTED_IDS = 5;

/** What a service may still have to do: a name, and the ids of it. */
type Work = { readonly what: string; readonly sql: string };

const UNSENT: Work = {
  what: 'events not published',
  sql: 'select event_id::text as id from outbox where sent_time is null',
};

const WORK: Readonly<Record<Owner, readonly Work[]>> = {
  order: [
    { what: 'orders pending', sql: "select order_id as id from orders where status = 'PENDING'" },
    {
      what: 'orders not given back in full',
      sql: "select order_id as id from orders where status <> 'PENDING' and resume_time is not null",
    },
    UNSENT,
  ],
  inventory: [UNSENT],
  payment: [
    {
      what: 'charges and refunds not settled',
      sql: `select order_id as id from charge
        where status = 'CHARGING' or (status = 'COMPLETED' and refund_key is not null)`,
    },
    UNSENT,
  ],
  notification: [
    { what: 'mails not sent', sql: "select notification_id::text as id from notification where status = 'PENDING'" },
    UNSENT,
  ],
  analytics: [
    { what: 'sums being made anew', sql: "select generation::text as id from generation where state = 'BUILDING'" },
  ],
};

/**
 * Waits until two looks in a row find nothing left to do, at most `timeoutMs`. Returns what is left then: nothing, when the
 * platform is at rest. Parts that cannot be looked at meanwhile are waited for like work.
 */
export async function waitForQuiescence(
  sources: InvariantSources,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<PendingWork[]> {
  const timeIsOver = AbortSignal.timeout(timeoutMs);
  let calmLooks = 0;
  for (;;) {
    const left = await lookOnce(sources);
    calmLooks = left.length === 0 ? calmLooks + 1 : 0;
    // One look takes its time: what moves on from a part not yet seen to one already seen is found by the second.
    if (calmLooks === 2) return [];
    if (timeIsOver.aborted) return left;
    await pause(POLL_MS, timeIsOver);
  }
}

/** Looks once at everything that may be left to do; one entry each, those with nothing left included. Throws SourceUnavailable. */
export async function findPendingWork(sources: InvariantSources): Promise<PendingWork[]> {
  return [...(await lookAtPlatform(sources)), ...(await lookAtLedger(sources))];
}

async function lookOnce(sources: InvariantSources): Promise<PendingWork[]> {
  try {
    const left = (await lookAtPlatform(sources)).filter(({ count }) => count > 0);
    // The ledger is long: it is asked for only when there is no simpler answer.
    return left.length > 0 ? left : (await lookAtLedger(sources)).filter(({ count }) => count > 0);
  } catch (error) {
    if (!(error instanceof SourceUnavailable)) throw error;
    return [{ what: error.message, count: 1, ids: [] }];
  }
}

/** In the order in which work moves through the platform: orders, their events, then whoever works on those. */
async function lookAtPlatform({ databaseUrls, natsUrl }: InvariantSources): Promise<PendingWork[]> {
  const orders = await lookAtDatabase('order', databaseUrls.order);
  const consumers = await readBroker(natsUrl, ({ manager }) => lookAtConsumers(manager));
  const others = await Promise.all(
    OWNERS.filter((service) => service !== 'order').map((service) => lookAtDatabase(service, databaseUrls[service])),
  );
  return [...orders, ...consumers, ...others.flat()];
}

function lookAtDatabase(service: Owner, url: string): Promise<PendingWork[]> {
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

async function lookAtConsumers(manager: JetStreamManager): Promise<PendingWork[]> {
  const looks = await Promise.all(OWNERS.map((producer) => lookAtStream(manager, producer)));
  return looks.flat();
}

async function lookAtStream(manager: JetStreamManager, producer: Owner): Promise<PendingWork[]> {
  const stream = streamOf(DOMAIN, producer);
  try {
    const { state } = await manager.streams.info(stream);
    const found: PendingWork[] = [];
    for await (const { name, config, num_pending, num_ack_pending } of manager.consumers.list(stream)) {
      if (config.durable_name === undefined) continue;
      found.push({ what: `${name}: events of ${stream} not applied`, count: num_pending + num_ack_pending, ids: [] });
    }
    // A consumer its service has not made yet has everything before it.
    for (const consumer of OWNERS) {
      const what = `${consumer}: events of ${stream} not applied`;
      if (HANDLED[consumer][producer] === undefined || found.some((look) => look.what === what)) continue;
      found.push({ what, count: state.messages, ids: [] });
    }
    return found;
  } catch (error) {
    if (isStreamMissing(error)) return [];
    throw error;
  }
}

async function lookAtLedger(sources: InvariantSources): Promise<PendingWork[]> {
  const ledger = (await readLedger(sources.providerUrl)) ?? [];
  const watched = await readDatabase('payment', sources.databaseUrls.payment, (query) =>
    query<{ id: string }>("select order_id as id from charge where status = 'REFUNDED' and watch_until > now()"),
  );
  const givenUp = new Set(watched.map(({ id }) => id));
  const pending = ledger.filter(({ status }) => status === 'pending');
  const late = ledger.filter((charge) => givenUp.has(charge.orderId) && netCaptured(charge).minorUnits > 0n);
  const look = (what: string, charges: typeof ledger): PendingWork => ({
    what: `provider: ${what}`,
    count: charges.length,
    ids: charges.slice(0, LISTED_IDS).map(({ orderId }) => orderId),
  });
  return [look('charges in flight', pending), look('late captures not given back', late)];
}

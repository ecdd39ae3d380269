// The participants of an order, ready to be called: the minimal one with a Postgres of its own, or the inventory and payment services of
// the platform, started without the others.
import { randomBytes } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, escapeIdentifier } from 'pg';
import { startPostgres } from '../../../local/postgres/postgres.ts';
import { createGuardedDirectory } from '../../../local/process/watchdog.ts';
import { REPOSITORY_ROOT } from '../../../local/stack/stack-plan.ts';
import { pause } from '../../../services/platform/base/backoff.ts';
import { createTokens } from '../../support/identity/credentials.ts';
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';
import type { MeasuredSystem } from '../orders/measure.ts';
import { startPlatform } from '../orders/platform.ts';
import { PUBLISH_COUNTERS } from './counted-pool.ts';
import { STEPS } from './participant/store.ts';
import { startScript } from './processes.ts';
import type { StepAddresses } from './step-clients.ts';
import type { Setting } from './systems.ts';

const SETTLE_LIMIT_MS = 60_000;
const POLL_MS = 100;

/** What a system needs that runs the steps over them. */
export type Participants = AsyncDisposable &
  Pick<MeasuredSystem, 'pids' | 'databaseUrls' | 'superuserUrl' | 'publishCounters' | 'settle' | 'judge'> & {
    readonly addresses: StepAddresses;
  };

/** Starts the participants of a setting with durable storage. `signal` aborts the start. */
export function startParticipants(setting: Setting, signal: AbortSignal): Promise<Participants> {
  return setting === 'participant' ? startMinimalParticipant(signal) : startServices(signal);
}

async function startMinimalParticipant(signal: AbortSignal): Promise<Participants> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-bench-participant'));
  // The server's account must be able to traverse it; its name is random, and the data has stricter permissions.
  await chmod(folder.path, 0o711);
  const password = randomBytes(24).toString('base64url');
  const postgres = await startPostgres({
    dataDir: join(folder.path, 'data'),
    port: 0,
    password,
    log: () => undefined,
  });
  resources.use(postgres);
  signal.throwIfAborted();
  const { superuserUrl } = postgres;
  const databaseUrl = await createDatabase(superuserUrl, 'participant');
  const participant = resources.use(
    await startScript('participant/main.ts', { PARTICIPANT_DATABASE_URL: databaseUrl }),
  );
  const owned = resources.move();
  return {
    addresses: { PARTICIPANT_URL: participant.url },
    pids: { participant: participant.pid, postgres: postgres.pid },
    databaseUrls: { participant: databaseUrl },
    superuserUrl,
    publishCounters: () => process.kill(participant.pid, PUBLISH_COUNTERS),
    settle: async () => undefined,
    judge: (acknowledged) => judgeEffects(databaseUrl, acknowledged),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Describes what the effects in the participant's database lack of the confirmed orders. */
export async function judgeEffects(databaseUrl: string, acknowledged: readonly AcknowledgedOrder[]): Promise<string[]> {
  const ids = confirmedIds(acknowledged);
  return compareCounts(ids.length, 'orders with all effects', await count(databaseUrl, COMPLETE, ids));
}

async function startServices(signal: AbortSignal): Promise<Participants> {
  const platform = await startPlatform(
    REPOSITORY_ROOT,
    { environment: {}, countsStatements: false, services: ['inventory', 'payment'] },
    signal,
  );
  const { inventory, payment } = platform.databaseUrls;
  const countUnsent = async (): Promise<number> => (await count(inventory, UNSENT)) + (await count(payment, UNSENT));
  return {
    addresses: {
      INVENTORY_URL: platform.inventoryUrl,
      PAYMENT_URL: platform.paymentUrl,
      ORDER_TOKEN: await createTokens(platform.identitySeed)('service', 'order'),
    },
    pids: platform.pids,
    databaseUrls: { inventory, payment },
    superuserUrl: platform.superuserUrl,
    settle: async (stop) => {
      const end = AbortSignal.any([stop, AbortSignal.timeout(SETTLE_LIMIT_MS)]);
      while (!end.aborted && (await countUnsent()) > 0) await pause(POLL_MS, end);
    },
    judge: async (acknowledged) => {
      const ids = confirmedIds(acknowledged);
      return [
        ...compareCounts(ids.length, 'confirmed reservations', await count(inventory, CONFIRMED, ids)),
        ...compareCounts(ids.length, 'completed charges', await count(payment, CHARGED, ids)),
        ...compareCounts(0, 'events not published', await countUnsent()),
      ];
    },
    [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
  };
}

const COMPLETE = `select 1 from effect where order_id = any($1) group by order_id having count(*) = ${STEPS.length}`;
const UNSENT = 'select 1 from outbox where sent_time is null';
const CONFIRMED = "select 1 from reservation where order_id = any($1) and state = 'CONFIRMED'";
const CHARGED = "select 1 from charge where order_id = any($1) and status = 'COMPLETED'";

function confirmedIds(acknowledged: readonly AcknowledgedOrder[]): string[] {
  return acknowledged.filter(({ outcome }) => outcome === 'CONFIRMED').map(({ orderId }) => orderId);
}

function compareCounts(expected: number, what: string, found: number): string[] {
  return found === expected ? [] : [`${what}: ${found} instead of ${expected}`];
}

/** Counts the rows of a query, whose first parameter, if it has one, is a list of order ids. */
async function count(databaseUrl: string, query: string, orderIds?: readonly string[]): Promise<number> {
  return await connected(databaseUrl, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `select count(*)::int as count from (${query}) as found`,
      orderIds === undefined ? [] : [orderIds],
    );
    return rows[0]?.count ?? 0;
  });
}

/** Creates a database of the superuser and returns its URL. */
export async function createDatabase(superuserUrl: string, name: string): Promise<string> {
  await connected(superuserUrl, (client) => client.query(`create database ${escapeIdentifier(name)}`));
  const url = new URL(superuserUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function connected<Result>(url: string, work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString: url, application_name: 'bench' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

// The contracts between the services of the shop: where their files are, what every call and every event of them has in
// common, and a fixture in which a service's real event handlers take events in.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DescMessage, DescService } from '@bufbuild/protobuf';
import { type CallOptions, type Client, type Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import {
  type CapturedEvent,
  type Contract,
  cloudEventHeaders,
  contract,
  type Delivery,
  type HandlerSource,
  type HeaderLiteral,
  type Matcher,
  regex,
  startVirtualService,
  type Verification,
  type VirtualService,
} from '@touchstone/kit';
import { Client as PostgresClient } from 'pg';
import { pino } from 'pino';
import { afterAll, vi } from 'vitest';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { DOMAIN } from '#services/domain.ts';
import { streamOf } from '#services/platform/base/domain.ts';
import { SYNTHETIC_HEADER, syntheticHeaders } from '#services/platform/base/synthetic.ts';
import type { Subscription } from '#services/platform/messaging/event-handler.ts';
import { applyOnce } from '#services/platform/messaging/inbox.ts';
import { createDatabase, type Database } from '#services/platform/storage/database.ts';
import { readEvents, type StoredEvent } from '../events.ts';
import type { TestNats } from '../nats.ts';
import { createTestDatabase } from '../postgres.ts';
import { beginUsage } from './usage.ts';

/** Where the contract files are kept. */
export const CONTRACTS = fileURLToPath(new URL('../../contract/contracts/', import.meta.url));

/** What the services' errors have in their details. */
export const ERROR_DETAILS = [ErrorInfoSchema, RetryInfoSchema];

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The file of a contract. */
export function contractFile(consumer: string, provider: string): string {
  return join(CONTRACTS, `${consumer}-${provider}.json`);
}

/**
 * Begins a contract whose file is committed. The test file fails once when it changes the contract: its provider was
 * verified against what the file said before. What the consumer uses of the provider is recorded as well.
 */
export function shopContract(consumer: string, provider: string): Contract {
  const file = contractFile(consumer, provider);
  const read = () => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  const before = read();
  afterAll(() => {
    if (read() !== before) throw new Error(`${file} has changed: commit it, and run again to verify its provider`);
  });
  beginUsage(consumer, provider, ERROR_DETAILS);
  return contract(consumer, provider, { directory: CONTRACTS, types: ERROR_DETAILS });
}

/** The file of events as they once were, beside a test of theirs. */
export function recordedEvents(testUrl: string, name: string): string {
  return fileURLToPath(new URL(`recorded/${name}.json`, testUrl));
}

/** Accepts every UUID. */
export function anyUuid(example: string): Matcher<string> {
  return regex(UUID, example);
}

/** The header that every call carries which a service makes for its own caller: the trace. */
export const TRACED: HeaderLiteral = {
  traceparent: regex(
    /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/,
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  ),
};

/** The envelope of a service's event; `id` is its example's own. */
export function envelopeOf({ typeName }: DescMessage, id: string): { readonly headers: HeaderLiteral } {
  const source = `/shop/${typeName.split('.')[1]}`;
  return { headers: { ...cloudEventHeaders({ type: typeName, source }), 'ce-id': anyUuid(id) } };
}

/**
 * Waits for the events that tell of one order or product, of which there are `least`, and returns them as the broker has them;
 * when none comes, whatever is there of that subject, for the verification to say what is wrong with it.
 */
export async function captureEvents(nats: TestNats, subject: string, id: string, least = 1): Promise<CapturedEvent[]> {
  let stored: StoredEvent[] = [];
  const tellsOfIt = ({ payload }: StoredEvent) => Buffer.from(payload).includes(id);
  const look = async () => {
    stored = await readEvents(nats, subject);
    return stored.filter(tellsOfIt).length >= least;
  };
  await vi.waitUntil(look, { timeout: 5_000, interval: 25 }).catch((error: unknown) => {
    if (stored.length === 0) throw new Error(`no ${subject} was published`, { cause: error });
  });
  const found = stored.filter(tellsOfIt);
  return (found.length > 0 ? found : stored).map(({ headers, payload }) => ({ subject, headers, payload }));
}

/** A service's handlers and its database, without broker and port. */
export interface EventFixture extends AsyncDisposable {
  readonly database: Database;
  /** Applies an event once, however often it comes. */
  readonly handle: (event: CapturedEvent) => Promise<void>;
  /** Applies an event as if it had never come before. */
  readonly handleAgain: (event: CapturedEvent) => Promise<void>;
  /** Empties the database. */
  empty(): Promise<void>;
  /** Runs a statement behind the handlers' backs. */
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
}

/** Opens a fixture with a fresh database for the handlers that `subscribe` makes. */
export async function openEventFixture(
  service: ServiceName,
  subscribe: (database: Database) => readonly Subscription[],
): Promise<EventFixture> {
  await using resources = new AsyncDisposableStack();
  const { databaseUrl, superuserUrl } = resources.use(await createTestDatabase(service));
  const log = pino({ level: 'silent' });
  const database = createDatabase({ url: databaseUrl, size: 5, timeoutMs: 3_000, log });
  resources.defer(() => database.close());
  const session = resources.use(await openSession(superuserUrl));
  const subscriptions = subscribe(database);
  const handle = async (event: CapturedEvent) => {
    const { subject, headers, payload } = event;
    const found = subscriptions.flatMap(({ producer, handlers }) =>
      handlers.filter((handler) => handler.subject === subject).map((handler) => ({ producer, handler })),
    );
    const [match] = found;
    if (match === undefined) throw new Error(`${service} has no handler of ${subject}`);
    const received = {
      stream: streamOf(DOMAIN, match.producer),
      id: headers['ce-id'] ?? '',
      subject,
      headers,
      payload,
    };
    await applyOnce(database, received, match.handler);
  };
  const owned = resources.move();
  return {
    database,
    handle,
    handleAgain: async (event) => {
      await session.sql('delete from inbox');
      await handle(event);
    },
    empty: () => emptyTables(session),
    sql: session.sql,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

// Small tables are deleted from much faster than they are truncated; without triggers, in whatever order.
async function emptyTables({ sql }: SqlSession): Promise<void> {
  const tables = await sql<{ name: string }>(
    "select quote_ident(tablename) as name from pg_tables where schemaname = 'public' and tablename not like '%migration'",
  );
  const statements = ['set session_replication_role = replica', ...tables.map(({ name }) => `delete from ${name}`)];
  await sql(statements.join('; '));
}

/** A handler of which every run starts with `begin`, and for which `check` holds after the run's last event. */
export function inTurn(
  handle: EventFixture['handle'],
  begin: () => Promise<unknown>,
  check: (delivery: Delivery) => unknown,
): HandlerSource {
  return {
    start: async () => {
      await begin();
      return { handle, check };
    },
  };
}

export interface SqlSession extends AsyncDisposable {
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
}

/** Opens a connection for statements behind a service's back. */
export async function openSession(url: string): Promise<SqlSession> {
  const client = new PostgresClient({ connectionString: url });
  await client.connect();
  return {
    sql: async <Row>(text: string, values: unknown[] = []) => (await client.query(text, values)).rows as Row[],
    [Symbol.asyncDispose]: () => client.end(),
  };
}

type RpcCall = (request: never, options?: never) => unknown;

/** How a provider has drifted: what it answers to some of its RPCs, with the help of what it was. */
export type Drift<Service extends DescService> = {
  readonly [Name in keyof Client<Service>]?: (
    request: Client<Service>[Name] extends RpcCall ? Parameters<Client<Service>[Name]>[0] : never,
    real: Client<Service>,
  ) => unknown;
};

/** Starts a front that hands every call on to a provider, but for those in which it has drifted. */
export async function startFront<Service extends DescService>(
  service: Service,
  real: Client<Service>,
  drift: Drift<Service>,
): Promise<VirtualService> {
  const front = await startVirtualService({ services: [service] });
  for (const method of service.methods) {
    const name = method.localName as keyof Client<Service>;
    const handOn = (request: unknown, caller: Client<Service>) =>
      (caller[name] as (request: unknown) => unknown)(request);
    const answer = (drift[name] as typeof handOn | undefined) ?? handOn;
    front
      .stub(method)
      .replies(((request: unknown, { requestHeader }: HandlerContext) =>
        answer(request, inNameOf(requestHeader, service, real))) as never);
  }
  return front;
}

/** A provider's client that shows the credential of a caller, if there is one. */
function inNameOf<Service extends DescService>(
  requestHeader: Headers,
  service: Service,
  real: Client<Service>,
): Client<Service> {
  const headers = syntheticHeaders(requestHeader.get(SYNTHETIC_HEADER) ?? undefined);
  const methods = service.methods.map(({ localName }) => {
    const call = real[localName as keyof Client<Service>] as (request: unknown, options: CallOptions) => unknown;
    return [localName, (request: unknown) => call(request, { headers })];
  });
  return Object.fromEntries(methods) as Client<Service>;
}

/** Gives an answer's error another code and other details. */
export async function changeError<T>(
  answer: Promise<T>,
  change: (error: ConnectError) => [code: Code, details: ConnectError['details']],
): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const [code, details] = change(error);
    const changed = new ConnectError(error.rawMessage, code, undefined, undefined, error);
    changed.details = details;
    throw changed;
  }
}

/** The titles of the interactions that a provider does not honour. */
export function brokenInteractions({ interactions }: Verification): string[] {
  return interactions
    .filter(({ checks }) => checks.some(({ differences, fault }) => differences.length > 0 || fault !== undefined))
    .map(({ title }) => title);
}

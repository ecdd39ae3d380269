// The contracts between the services of the shop: their files, the headers common to their calls and events, and a fixture that runs a
// service's real event handlers.
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
import { applyTogether, prepareEvent } from '#services/platform/messaging/inbox.ts';
import { createDatabase, type Database } from '#services/platform/storage/database.ts';
import { readEvents, type StoredEvent } from '../events.ts';
import type { TestNats } from '../nats.ts';
import { PATIENCE } from '../patience.ts';
import { createTestDatabase } from '../postgres.ts';
import { startUsageRecording } from './usage.ts';

/** The folder of the contract files. */
export const CONTRACTS = fileURLToPath(new URL('../../contract/contracts/', import.meta.url));

/** The types of the details of errors. */
export const ERROR_DETAILS = [ErrorInfoSchema, RetryInfoSchema];

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Returns the file of a contract. */
export function contractFile(consumer: string, provider: string): string {
  return join(CONTRACTS, `${consumer}-${provider}.json`);
}

/**
 * Starts a contract whose file is committed. The test file fails once when it changes the contract, because its provider was verified
 * against the previous file. Also records what the consumer uses of the provider.
 */
export function shopContract(consumer: string, provider: string): Contract {
  const file = contractFile(consumer, provider);
  const read = () => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  const before = read();
  afterAll(() => {
    if (read() !== before) throw new Error(`${file} has changed: commit it, and run again to verify its provider`);
  });
  startUsageRecording(consumer, provider, ERROR_DETAILS);
  return contract(consumer, provider, { directory: CONTRACTS, types: ERROR_DETAILS });
}

/** Returns the file of recorded events next to a test. */
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
 * Waits for at least `min` events about one order or product, and returns them as stored by the broker. When none arrives, returns all
 * events of that subject, so that the verification reports the difference.
 *
 * @throws {Error} no event of that subject was published.
 */
export async function captureEvents(nats: TestNats, subject: string, id: string, min = 1): Promise<CapturedEvent[]> {
  let stored: StoredEvent[] = [];
  const mentionsId = ({ payload }: StoredEvent) => Buffer.from(payload).includes(id);
  const look = async () => {
    stored = await readEvents(nats, subject);
    return stored.filter(mentionsId).length >= min;
  };
  await vi.waitUntil(look, PATIENCE).catch((error: unknown) => {
    if (stored.length === 0) throw new Error(`no ${subject} was published`, { cause: error });
  });
  const found = stored.filter(mentionsId);
  return (found.length > 0 ? found : stored).map(({ headers, payload }) => ({ subject, headers, payload }));
}

/** A service's handlers and its database, without broker and port. */
export type EventFixture = AsyncDisposable & {
  readonly database: Database;
  /** Applies an event once, however often it is delivered. */
  readonly handle: (event: CapturedEvent) => Promise<void>;
  /** Applies an event as if it had not been delivered before. */
  readonly handleAgain: (event: CapturedEvent) => Promise<void>;
  /** Empties the database. */
  empty(): Promise<void>;
  /** Runs a statement directly on the database. */
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
};

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
    await applyTogether(database, [prepareEvent(received, match.handler)]);
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

// For small tables `delete` is much faster than `truncate`. Without triggers the order of the tables does not matter.
async function emptyTables({ sql }: SqlSession): Promise<void> {
  const tables = await sql<{ name: string }>(
    "select quote_ident(tablename) as name from pg_tables where schemaname = 'public' and tablename not like '%migration'",
  );
  const statements = ['set session_replication_role = replica', ...tables.map(({ name }) => `delete from ${name}`)];
  await sql(statements.join('; '));
}

/** A handler source of which every run starts with `begin`, and for which `check` holds after the run's last event. */
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

export type SqlSession = AsyncDisposable & {
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
};

/** Opens a connection for statements outside of the service. */
export async function openSession(url: string): Promise<SqlSession> {
  const client = new PostgresClient({ connectionString: url });
  await client.connect();
  return {
    sql: async <Row>(text: string, values: unknown[] = []) => (await client.query(text, values)).rows as Row[],
    [Symbol.asyncDispose]: () => client.end(),
  };
}

type RpcCall = (request: never, options?: never) => unknown;

/** How a provider has drifted from its contract: other implementations of some RPCs, which may call the real one. */
export type Drift<Service extends DescService> = {
  readonly [Name in keyof Client<Service>]?: (
    request: Client<Service>[Name] extends RpcCall ? Parameters<Client<Service>[Name]>[0] : never,
    real: Client<Service>,
  ) => unknown;
};

/** Starts a proxy that forwards every call to a provider, except for the RPCs in which it has drifted. */
export async function startDriftProxy<Service extends DescService>(
  service: Service,
  real: Client<Service>,
  drift: Drift<Service>,
): Promise<VirtualService> {
  const proxy = await startVirtualService({ services: [service] });
  for (const method of service.methods) {
    const name = method.localName as keyof Client<Service>;
    const forward = (request: unknown, caller: Client<Service>) =>
      (caller[name] as (request: unknown) => unknown)(request);
    const answer = (drift[name] as typeof forward | undefined) ?? forward;
    proxy
      .stub(method)
      .replies(((request: unknown, { requestHeader }: HandlerContext) =>
        answer(request, forCaller(requestHeader, service, real))) as never);
  }
  return proxy;
}

/** Returns a client of the provider with the credential of the caller, if there is one. */
function forCaller<Service extends DescService>(
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

/** Rethrows the error of an answer with another code and other details. */
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

/** Returns the titles of the interactions that a provider does not fulfil. */
export function brokenInteractions({ interactions }: Verification): string[] {
  return interactions
    .filter(({ checks }) => checks.some(({ differences, fault }) => differences.length > 0 || fault !== undefined))
    .map(({ title }) => title);
}

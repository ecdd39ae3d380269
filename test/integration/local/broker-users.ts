// The users of a provisioned broker, each with its connection, and what the broker holds.
import { connect, type JetStreamClient, type JetStreamManager, type NatsConnection } from 'nats';
import { expect } from 'vitest';
import { inboxPrefix, PROVISIONER_USER } from '#local/nats/nats-permissions.ts';
import { type ServiceName, services } from '#local/shared/topology.ts';
import { startTestNats } from '../../support/nats.ts';

export type BrokerUser = {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
};

export type BrokerUsers = AsyncDisposable & {
  readonly admin: BrokerUser;
  /** What the server refused to the users other than the admin; each refusal is one line. */
  readonly violations: string[];
  as(user: ServiceName | typeof PROVISIONER_USER): BrokerUser;
  /** The settings and messages of every stream and the progress of every consumer; without what a service may change. */
  readState(service?: ServiceName): Promise<unknown>;
};

/** Starts a broker to which all users are connected. */
export async function startBroker(program?: string): Promise<BrokerUsers> {
  await using resources = new AsyncDisposableStack();
  const nats = resources.use(await startTestNats({ program }));
  const violations: string[] = [];
  const open = async (url: string, prefix: string): Promise<BrokerUser> => {
    const { host, username, password, searchParams } = new URL(url);
    const connection = await connect({ servers: host, user: username, pass: password, inboxPrefix: prefix });
    resources.defer(() => connection.close());
    const apiPrefix = searchParams.get('api_prefix') ?? '$JS.API';
    const jetstream = connection.jetstream({ apiPrefix });
    return { connection, jetstream, manager: await connection.jetstreamManager({ apiPrefix, checkAPI: false }) };
  };
  const admin = await open(nats.adminUrl, '_INBOX');
  const users = new Map<string, BrokerUser>();
  for (const { name } of services) users.set(name, await open(nats.url(name), inboxPrefix(name)));
  users.set(PROVISIONER_USER, await open(nats.provisionerUrl, inboxPrefix(PROVISIONER_USER)));
  for (const { connection } of users.values()) void recordViolations(connection, violations);
  const owned = resources.move();
  return {
    admin,
    violations,
    as: (user) => users.get(user)!,
    readState: (service) => readState(admin.manager, service),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function readState(manager: JetStreamManager, service: ServiceName | undefined): Promise<unknown> {
  const own = services.find(({ name }) => name === service)?.stream?.name;
  const streams: unknown[] = [];
  for await (const { config } of manager.streams.list()) {
    const { state } = await manager.streams.info(config.name, { subjects_filter: '>' });
    const consumers: unknown[] = [];
    for await (const { name, config: settings, ack_floor } of manager.consumers.list(config.name)) {
      consumers.push({ name, settings, ...(name === service ? {} : { acknowledged: ack_floor.stream_seq }) });
    }
    streams.push({ config, consumers, ...(config.name === own ? {} : { subjects: state.subjects }) });
  }
  return streams;
}

async function recordViolations(connection: NatsConnection, violations: string[]): Promise<void> {
  for await (const { type, permissionContext } of connection.status()) {
    if (type === 'error') violations.push(`${permissionContext?.operation} ${permissionContext?.subject}`);
  }
}

/** Expects that the server refuses a publication. */
export async function expectRefused(connection: NatsConnection, subject: string): Promise<void> {
  const answered = connection.request(subject, '{}', { timeout: 1_000 });
  await expect(answered, subject).rejects.toMatchObject({ code: 'PERMISSIONS_VIOLATION' });
}

/** Expects that the server refuses a subscription. */
export async function expectSubscriptionRefused(connection: NatsConnection, subject: string): Promise<void> {
  const subscription = connection.subscribe(subject);
  await expect(subscription[Symbol.asyncIterator]().next(), subject).rejects.toMatchObject({
    code: 'PERMISSIONS_VIOLATION',
  });
}

// The links between the processes of the platform. Each passes through its own fault proxy, so that each can be faulted alone.
import { type FaultProxy, startFaultProxy } from '@touchstone/kit';
import { natsUsers } from '#local/nats/nats-permissions.ts';
import { natsUrlOf } from '#local/nats/nats-server.ts';
import { serviceDatabaseName, serviceDatabaseUrl } from '#local/postgres/service-database.ts';
import type { DerivePassword } from '#local/shared/secrets.ts';
import { type ServiceName, services } from '#local/shared/topology.ts';
import { databaseVariable } from '#local/stack/stack-settings.ts';

/** Caller and callee: `order>inventory`, `payment>provider`, `order>nats`, `order>postgres`. */
export type LinkName = `${ServiceName}>${ServiceName | 'provider' | 'mailbox' | 'nats' | 'postgres'}`;

export type Links = AsyncDisposable & {
  link(name: LinkName): FaultProxy;
  readonly names: readonly LinkName[];
  /** The settings that route each service through its links. */
  readonly environment: Record<ServiceName, Record<string, string>>;
  /** Removes every fault. */
  heal(): void;
};

const CALLS = [
  { from: 'order', to: 'inventory', scheme: 'http', port: 'INVENTORY_PORT', variable: 'INVENTORY_URL' },
  { from: 'order', to: 'payment', scheme: 'http', port: 'PAYMENT_PORT', variable: 'PAYMENT_URL' },
  { from: 'monitor', to: 'order', scheme: 'http', port: 'ORDER_PORT', variable: 'ORDER_URL' },
  {
    from: 'payment',
    to: 'provider',
    scheme: 'http',
    port: 'PAYMENT_PROVIDER_PORT',
    variable: 'PAYMENT_PROVIDER_URL',
  },
  { from: 'notification', to: 'mailbox', scheme: 'smtp', port: 'MAILBOX_SMTP_PORT', variable: 'SMTP_URL' },
] as const;

export type LinkOptions = {
  /** The ports of the processes, by setting. */
  readonly ports: ReadonlyMap<string, number>;
  readonly passwords: DerivePassword;
  /** The seed of the proxies. */
  readonly seed: number;
};

/** Starts a proxy for every link. When one cannot be started, none is left. */
export async function startLinks({ ports, passwords, seed }: LinkOptions): Promise<Links> {
  await using resources = new AsyncDisposableStack();
  const proxies = new Map<LinkName, FaultProxy>();
  const environment = Object.fromEntries(services.map(({ name }) => [name, {}])) as Links['environment'];
  const addressOf = (variable: string): string => `127.0.0.1:${ports.get(variable)}`;
  const open = async (name: LinkName, upstream: string): Promise<FaultProxy> => {
    const proxy = resources.use(await startFaultProxy({ upstream, seed: seed + proxies.size }));
    proxies.set(name, proxy);
    return proxy;
  };
  for (const { from, to, scheme, port, variable } of CALLS) {
    const { url } = await open(`${from}>${to}`, `${scheme}://${addressOf(port)}`);
    environment[from][variable] = url;
  }
  for (const { name } of services) {
    const nats = await open(`${name}>nats`, `nats://${addressOf('NATS_PORT')}`);
    environment[name].NATS_URL = natsUrlOf(natsUsers(passwords), name, nats.port);
    const postgres = await open(`${name}>postgres`, `postgres://${addressOf('POSTGRES_PORT')}`);
    const database = serviceDatabaseName(name);
    const server = `postgres://127.0.0.1:${postgres.port}/`;
    environment[name][databaseVariable(name)] = serviceDatabaseUrl(server, {
      role: database,
      database,
      password: passwords(database),
    });
  }
  const owned = resources.move();
  return {
    names: [...proxies.keys()],
    environment,
    link: (name) => {
      const proxy = proxies.get(name);
      if (proxy === undefined) throw new Error(`there is no link ${name}`);
      return proxy;
    },
    heal: () => {
      for (const proxy of proxies.values()) proxy.heal();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

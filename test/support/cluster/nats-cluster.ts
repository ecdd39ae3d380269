// Three nats-servers on loopback that are one JetStream cluster, with the users and permissions of the local stack.
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JetStreamManager } from 'nats';
import { ADMIN_USER, PROVISIONER_USER, randomNatsUsers } from '#local/nats/nats-permissions.ts';
import { type NatsServer, natsUrlOf, startNatsServer } from '#local/nats/nats-server.ts';
import { createGuardedDirectory, stopGuarded } from '#local/process/watchdog.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { DOMAIN, EVENT_FLOWS } from '#services/domain.ts';
import { streamOf } from '#services/platform/base/domain.ts';
import { provisionBroker } from '#services/platform/messaging/provisioning.ts';
import { readBroker } from '../invariants/sources.ts';
import { choosePorts } from './choose-ports.ts';
import { until } from './until.ts';

const SERVERS = 3;

export type NatsCluster = AsyncDisposable & {
  /** A user's connection string: the three servers, separated by commas. */
  url(user: ServiceName | 'admin' | 'provisioner'): string;
  /** Gives every stream this many replicas, as the provisioning step does. */
  provision(replicas: 1 | 3): Promise<void>;
  /** Returns which server leads a stream, 0 to 2. */
  leaderOf(stream: string): Promise<number>;
  /** Waits until every server runs and has stored all events of each stream that its leader has. */
  awaitReplicas(): Promise<void>;
  /** Sends SIGKILL to a server and removes all it stored. */
  killAndWipe(server: number): Promise<void>;
  kill(server: number): Promise<void>;
  /** Starts it again, on its port and with what it has stored. */
  start(server: number): Promise<void>;
};

/**
 * Starts the cluster and waits until it can hold streams. Disposal stops it and removes its data.
 *
 * @param program The path of nats-server; by default the one that the platform uses.
 */
export async function startNatsCluster(program?: string): Promise<NatsCluster> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-nats-cluster'));
  const users = randomNatsUsers();
  const password = randomBytes(16).toString('hex');
  const chosen = await choosePorts('nats-server', 3 * SERVERS);
  const portsFor = (use: number): number[] => chosen.slice(use * SERVERS, (use + 1) * SERVERS);
  const [clientPorts, ports, monitorPorts] = [portsFor(0), portsFor(1), portsFor(2)];
  const storeOf = (server: number) => join(folder.path, `server-${server}`);
  const running = new Map<number, NatsServer>();
  const log: string[] = [];
  const start = async (server: number): Promise<void> => {
    const options = {
      storeDir: storeOf(server),
      port: clientPorts[server] ?? 0,
      users,
      program,
      log: (line: string) => log.push(`${server} ${line}`),
      cluster: {
        name: `server-${server}`,
        port: ports[server] ?? 0,
        monitorPort: monitorPorts[server] ?? 0,
        ports,
        password,
      },
    };
    running.set(server, await startNatsServer(options));
  };
  const kill = async (server: number): Promise<void> => {
    const { process } = running.get(server) ?? {};
    if (process !== undefined) await stopGuarded(process, { signal: 'SIGKILL' });
    running.delete(server);
  };
  const url = (user: string): string => clientPorts.map((port) => natsUrlOf(users, user, port)).join(',');
  resources.defer(async () => {
    await Promise.all([...running.values()].map((server) => server.stop()));
  });
  await Promise.all(Array.from({ length: SERVERS }, (_, server) => start(server)));
  const provision = (replicas: 1 | 3): Promise<void> =>
    // Until its servers have found each other and elected a leader, the cluster refuses.
    until(() =>
      provisionBroker({ url: url(PROVISIONER_USER), domain: DOMAIN, flows: EVENT_FLOWS, limits: { replicas } }),
    );
  const kept = resources.move();
  return {
    url,
    provision,

    leaderOf: (stream) =>
      until(() =>
        readBroker(url(ADMIN_USER), async ({ manager }) => {
          const { cluster } = await manager.streams.info(stream);
          const [, leader] = /^server-(\d)$/.exec(cluster?.leader ?? '') ?? [];
          if (leader === undefined) throw new Error(`${stream} has no leader`);
          return Number(leader);
        }),
      ),
    awaitReplicas: () =>
      until(() => readBroker(url(ADMIN_USER), ({ manager }) => requireReplicas(manager, monitorPorts))),
    kill,
    killAndWipe: async (server) => {
      await kill(server);
      await rm(storeOf(server), { recursive: true, force: true });
    },
    start,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

// Each server is asked for what it has stored. The leader calls a replica current as soon as that knows of all events, which is before
// it has copied them. Consumers are left out: one that lags on a replica costs redeliveries, which the inbox drops, and it may lag until
// the next event.
async function requireReplicas({ streams }: JetStreamManager, monitorPorts: readonly number[]): Promise<void> {
  const stores = await Promise.all(monitorPorts.map(readLastSequences));
  for (const { service } of EVENT_FLOWS.filter(({ publishes }) => publishes)) {
    const stream = streamOf(DOMAIN, service);
    const { cluster, state } = await streams.info(stream);
    const current = (cluster?.replicas ?? []).filter((replica) => replica.current && (replica.lag ?? 0) === 0);
    if (cluster?.leader === undefined || current.length < SERVERS - 1)
      throw new Error(`${stream} has ${current.length} current replicas beside its leader`);
    const behind = stores.findIndex((store) => (store.get(stream) ?? -1) < state.last_seq);
    if (behind >= 0) throw new Error(`server ${behind} has not all events of ${stream}`);
  }
}

type StoredStreams = {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name: string; readonly state: { readonly last_seq: number } }[];
  }[];
};

/** The last sequence number of each stream in a server's own store. */
async function readLastSequences(monitorPort: number): Promise<Map<string, number>> {
  const answer = await fetch(`http://127.0.0.1:${monitorPort}/jsz?accounts=true&streams=true`);
  const { account_details = [] } = (await answer.json()) as StoredStreams;
  const stored = account_details.flatMap(({ stream_detail = [] }) => stream_detail);
  return new Map(stored.map(({ name, state }) => [name, state.last_seq]));
}

// A real nats-server for one test, with the users and permissions of the local stack and its own store. A worker keeps the servers of its
// earlier tests: emptying one takes a tenth of the time of starting one. They end with the worker.
import { join } from 'node:path';
import { connect } from 'nats';
import { vi } from 'vitest';
import { ADMIN_USER, PROVISIONER_USER, randomNatsUsers } from '#local/nats/nats-permissions.ts';
import { type NatsServer, type NatsUser, startNatsServer } from '#local/nats/nats-server.ts';
import { PortTakenError } from '#local/process/ports.ts';
import { createGuardedDirectory, type GuardedDirectory, stopGuarded } from '#local/process/watchdog.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { DOMAIN, EVENT_FLOWS } from '#services/domain.ts';
import { provisionBroker } from '#services/platform/messaging/provisioning.ts';

const RESTART_TIMEOUT_MS = 10_000;
const EMPTY_TIMEOUT_MS = 5_000;

export type TestNats = AsyncDisposable & {
  readonly port: number;
  /** Changes with every restart. */
  readonly pid: number;
  /** The folder of its streams. */
  readonly storeDir: string;
  /** A service's connection string, with its password; its client also needs `inboxPrefix(service)`. */
  url(service: ServiceName): string;
  /** Connects the user of the provisioning step. */
  readonly provisionerUrl: string;
  /** Connects the user without restrictions. */
  readonly adminUrl: string;
  /** Creates the streams and consumers that are missing, as the provisioning step does. */
  provision(): Promise<void>;
  /** Stops the server gracefully; its streams are kept. */
  stop(): Promise<void>;
  /** Sends SIGKILL to the server; its streams are kept. */
  kill(): Promise<void>;
  /** Restarts the server on the same port and streams. */
  restart(): Promise<void>;
};

export type TestNatsOptions = {
  readonly isProvisioned?: boolean;
  /** The path of nats-server. Default: the one that the local stack uses. */
  readonly program?: string | undefined;
};

/** A server with the folder of its streams and with passwords of its own. */
type StoredServer = {
  readonly server: NatsServer;
  readonly folder: GuardedDirectory;
  readonly users: readonly NatsUser[];
};

/** The servers that earlier tests of this worker used: without streams. */
const free: StoredServer[] = [];

/**
 * Returns a nats-server on a free port, with the streams and consumers of all services unless `isProvisioned` is false, and nothing else.
 * Its disposal removes its streams; a server that was stopped in between ends.
 */
export async function startTestNats({ isProvisioned = true, program }: TestNatsOptions = {}): Promise<TestNats> {
  const log: string[] = [];
  const startIn = ({ path }: GuardedDirectory, users: readonly NatsUser[], port: number) =>
    startNatsServer({ storeDir: join(path, 'store'), port, users, program, log: (line) => log.push(line) });
  const kept = program === undefined ? free.pop() : undefined;
  const { folder, users, server: first } = kept ?? (await startStored(startIn));
  let server = first;
  let isFirst = true;
  const end = async (): Promise<void> => {
    await server.stop();
    await folder[Symbol.asyncDispose]();
  };
  const release = async (): Promise<void> => {
    const isReusable = isFirst && program === undefined && (await isEmptied(server));
    if (!isReusable) return await end();
    // Neither the server nor its output keeps the worker from ending.
    server.process.unref();
    free.push({ server, folder, users });
  };
  const provision = () =>
    provisionBroker({ url: server.natsUrl(PROVISIONER_USER), domain: DOMAIN, flows: EVENT_FLOWS });
  try {
    if (isProvisioned) await provision();
  } catch (error) {
    await end();
    throw error;
  }
  const { port } = server;
  let released: Promise<void> | undefined;
  return {
    port,
    storeDir: join(folder.path, 'store'),
    get pid() {
      return server.pid;
    },
    url: (service) => server.natsUrl(service),
    adminUrl: server.natsUrl(ADMIN_USER),
    provisionerUrl: server.natsUrl(PROVISIONER_USER),
    provision,
    async stop() {
      isFirst = false;
      await server.stop();
    },
    async kill() {
      isFirst = false;
      await stopGuarded(server.process, { signal: 'SIGKILL' });
    },
    async restart() {
      isFirst = false;
      await server.stop();
      server = await restartOn(port, (port) => startIn(folder, users, port));
    },
    [Symbol.asyncDispose]() {
      released ??= release();
      return released;
    },
  };
}

async function startStored(
  startIn: (folder: GuardedDirectory, users: readonly NatsUser[], port: number) => Promise<NatsServer>,
): Promise<StoredServer> {
  const folder = await createGuardedDirectory('touchstone-test-nats');
  const users = randomNatsUsers();
  try {
    return { folder, users, server: await startIn(folder, users, 0) };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/** Deletes all streams with their consumers. Returns false when the server does not do it, because a test has ended or changed it. */
async function isEmptied(server: NatsServer): Promise<boolean> {
  try {
    const { host, username, password } = new URL(server.natsUrl(ADMIN_USER));
    const connection = await connect({
      servers: host,
      user: decodeURIComponent(username),
      pass: decodeURIComponent(password),
      timeout: EMPTY_TIMEOUT_MS,
      reconnect: false,
    });
    try {
      const { streams } = await connection.jetstreamManager();
      for (const name of await Array.fromAsync(streams.names())) await streams.delete(name);
    } finally {
      await connection.close();
    }
    return true;
  } catch {
    return false;
  }
}

/** Waits for the port: while the server was down, the system may have assigned it to an outgoing connection. */
async function restartOn(port: number, start: (port: number) => Promise<NatsServer>): Promise<NatsServer> {
  const outcome = await vi.waitFor(
    async () => {
      try {
        return { server: await start(port) };
      } catch (error) {
        if (error instanceof PortTakenError) throw error;
        return { error };
      }
    },
    { timeout: RESTART_TIMEOUT_MS, interval: 50 },
  );
  if (outcome.server === undefined) throw outcome.error;
  return outcome.server;
}

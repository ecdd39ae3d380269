// A real nats-server for one test file, with the users and permissions of the local stack and its own store.
import { join } from 'node:path';
import { vi } from 'vitest';
import { ADMIN_USER, PROVISIONER_USER, randomNatsUsers } from '#local/nats/nats-permissions.ts';
import { type NatsServer, startNatsServer } from '#local/nats/nats-server.ts';
import { PortTakenError } from '#local/process/ports.ts';
import { createGuardedDirectory, stopGuarded } from '#local/process/watchdog.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { DOMAIN, EVENT_FLOWS } from '#services/domain.ts';
import { provisionBroker } from '#services/platform/messaging/provisioning.ts';

const RESTART_TIMEOUT_MS = 10_000;

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

/**
 * Starts a nats-server on a free port, with the streams and consumers of all services unless `isProvisioned` is false. Its disposal stops
 * it and removes its streams.
 */
export async function startTestNats({ isProvisioned = true, program }: TestNatsOptions = {}): Promise<TestNats> {
  const folder = await createGuardedDirectory('touchstone-test-nats');
  const storeDir = join(folder.path, 'store');
  const users = randomNatsUsers();
  const log: string[] = [];
  const start = (port: number) => startNatsServer({ storeDir, port, users, program, log: (line) => log.push(line) });
  const provision = () =>
    provisionBroker({ url: server.natsUrl(PROVISIONER_USER), domain: DOMAIN, flows: EVENT_FLOWS });

  let server: NatsServer;
  try {
    server = await start(0);
    if (isProvisioned) await provision();
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
  const { port } = server;
  return {
    port,
    storeDir,
    get pid() {
      return server.pid;
    },
    url: (service) => server.natsUrl(service),
    adminUrl: server.natsUrl(ADMIN_USER),
    provisionerUrl: server.natsUrl(PROVISIONER_USER),
    provision,
    stop: () => server.stop(),
    kill: () => stopGuarded(server.process, { signal: 'SIGKILL' }),
    async restart() {
      await server.stop();
      server = await restartOn(port, start);
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
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

// The nats-server of the local stack and of the tests: JetStream in a folder, loopback only. Its users and their permissions are
// defined in nats-permissions.ts.
import { type ChildProcess, execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, constants, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertPortFree, PortTakenError } from '../process/ports.ts';
import { awaitReadiness, ServerStartError } from '../process/server-output.ts';
import { spawnGuarded, stopGuarded } from '../process/watchdog.ts';

const run = promisify(execFile);
const START_TIMEOUT_MS = 30_000;
const LISTENING = /Listening for client connections on \S+:(\d+)$/;
const INSTALL_DIRECTORIES = [
  '/usr/sbin',
  '/usr/local/sbin',
  fileURLToPath(new URL('../../.tools/bin', import.meta.url)),
] as const;

/** The account of the streams. */
const EVENTS_ACCOUNT = 'EVENTS';
/** The account of all users before there were several. */
const FORMER_ACCOUNT = '$G';

/** Under which subjects an account of its own imports the JetStream API. */
export const API_PREFIX = 'EVENTS.API';

/** A subject of the streams' account that a user may send requests to. */
export type NatsImport = {
  readonly subject: string;
  /** Its name in the user's account. Default the same. */
  readonly as?: string;
  /** Default one. */
  readonly answers?: 'many';
};

export type NatsUser = {
  readonly name: string;
  readonly password: string;
  /** Gives the user an account of its own, which shares only these subjects with the account of the streams. Default: it is in that account. */
  readonly imports?: readonly NatsImport[];
  /** The subjects it may publish and subscribe to. Default all. */
  readonly permissions?: { readonly publish: readonly string[]; readonly subscribe: readonly string[] };
};

export type NatsServerOptions = {
  /** The folder of the streams and the configuration; created when missing. */
  readonly storeDir: string;
  /** The loopback port; 0 chooses a free one. */
  readonly port: number;
  readonly users: readonly NatsUser[];
  /** With them the server speaks TLS only. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Called with every line the server logs. */
  readonly log: (line: string) => void;
  /** The path of nats-server. Default: the one that findNatsServer returns. */
  readonly program?: string | undefined;
  /** Makes it a server of a cluster. */
  readonly cluster?: NatsClusterMember | undefined;
};

export type NatsClusterMember = {
  /** The server's name, which no other server of the cluster has. */
  readonly name: string;
  /** The loopback port for the other servers. */
  readonly port: number;
  /** The loopback port where it tells its own state by HTTP. */
  readonly monitorPort: number;
  /** The ports of all servers. */
  readonly ports: readonly number[];
  /** What the servers show to each other: letters and digits. */
  readonly password: string;
};

export type NatsServer = AsyncDisposable & {
  readonly port: number;
  readonly pid: number;
  /** The server's process, for its exit event. */
  readonly process: ChildProcess;
  /**
   * Returns a user's connection string, which holds the password.
   * @throws {Error} when there is no such user.
   */
  natsUrl(user: string): string;
  /** Stops the server; no effect once it has ended. */
  stop(): Promise<void>;
};

/**
 * Starts a nats-server that cannot outlive this process, with the streams in `storeDir`.
 * @throws {PortTakenError} when the port is taken.
 * @throws {ServerStartError} with the server's last lines when it does not become ready.
 * @throws {Error} saying how to install nats-server when there is none.
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const { port: wantedPort, users, log } = options;
  const storeDir = resolve(options.storeDir);
  const program = options.program ?? (await findNatsServer());
  // The server opens its streams before it binds the port: a second server would write to the streams of the first.
  if (wantedPort !== 0) await assertPortFree('nats-server', wantedPort);
  await mkdir(storeDir, { recursive: true, mode: 0o700 });
  const configFile = join(storeDir, 'nats-server.conf');
  await moveFormerStreams(storeDir);
  await writeFile(configFile, formatConfig({ ...options, storeDir }), { mode: 0o600 });

  const { process, pid, port } = await launch(program, configFile, wantedPort, log);
  const stop = () => stopGuarded(process);
  return {
    port,
    pid,
    process,
    natsUrl: (name) => natsUrlOf(users, name, port, options.tls !== undefined),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * Returns the path of nats-server: from PATH, else from the folders where packages and `make` install it.
 * @throws {Error} saying how to install it.
 */
export async function findNatsServer(directories: readonly string[] = INSTALL_DIRECTORIES): Promise<string> {
  const onPath = await findOnPath('nats-server');
  const candidates = [
    ...(onPath === undefined ? [] : [onPath]),
    ...directories.map((folder) => join(folder, 'nats-server')),
  ];
  for (const candidate of candidates) if (await isExecutable(candidate)) return candidate;
  throw new Error(
    `nats-server is neither on PATH nor in ${directories.join(', ')}. Install it: apt-get install nats-server (Debian, ` +
      'Ubuntu), brew install nats-server (macOS), or go install github.com/nats-io/nats-server/v2@latest',
  );
}

async function findOnPath(program: string): Promise<string | undefined> {
  try {
    return (await run('/bin/sh', ['-c', 'command -v "$1"', 'sh', program])).stdout.trim();
  } catch (error) {
    // Any exit code means not found; other errors are unexpected.
    if (error instanceof Error && 'code' in error && typeof error.code === 'number') return undefined;
    throw error;
  }
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch (error) {
    // An unreadable folder counts as an empty one.
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}

// JSON strings are valid in the server's configuration format: no name or password can break out of its value.
function formatConfig({ storeDir, port, users, tls, cluster }: Omit<NatsServerOptions, 'log'>): string {
  return [
    `server_name: ${cluster?.name ?? 'touchstone'}`,
    'host: 127.0.0.1',
    // nats-server chooses a free port for -1; 0 means its default port.
    `port: ${port === 0 ? -1 : port}`,
    `jetstream: { store_dir: ${JSON.stringify(storeDir)}, max_memory_store: 16MB, max_file_store: 6GB }`,
    ...(tls === undefined
      ? []
      : [`tls: { cert_file: ${JSON.stringify(tls.cert)}, key_file: ${JSON.stringify(tls.key)} }`]),
    ...(cluster === undefined
      ? []
      : [`cluster: ${JSON.stringify(formatCluster(cluster))}`, `http: 127.0.0.1:${cluster.monitorPort}`]),
    `accounts: ${JSON.stringify(formatAccounts(users), undefined, 2)}`,
    '',
  ].join('\n');
}

function formatCluster({ port, ports, password }: NatsClusterMember): object {
  return {
    name: 'touchstone',
    listen: `127.0.0.1:${port}`,
    authorization: { user: 'route', password },
    routes: ports.map((peer) => `nats-route://route:${password}@127.0.0.1:${peer}`),
    // A server tells clients and servers nothing of addresses: each has the whole list.
    no_advertise: true,
  };
}

/** The accounts of the configuration: that of the streams, and one for each user that imports from it. */
export function formatAccounts(users: readonly NatsUser[]): Record<string, object> {
  const own = users.flatMap(({ imports, ...user }) => (imports === undefined ? [] : [{ user, imports }]));
  const shared = users.filter(({ imports }) => imports === undefined);
  return {
    [EVENTS_ACCOUNT]: {
      jetstream: 'enabled',
      users: shared.map(formatUser),
      exports: own.flatMap(({ user, imports }) =>
        imports.map(({ subject, answers }) => ({
          service: subject,
          ...(answers === undefined ? {} : { response_type: 'stream' }),
          accounts: [user.name],
        })),
      ),
    },
    ...Object.fromEntries(
      own.map(({ user, imports }) => [
        user.name,
        {
          users: [formatUser(user)],
          imports: imports.map(({ subject, as }) => ({
            service: { account: EVENTS_ACCOUNT, subject },
            ...(as === undefined ? {} : { to: as }),
          })),
        },
      ]),
    ),
  };
}

function formatUser({ name, password, permissions }: NatsUser): object {
  return {
    user: name,
    password,
    ...(permissions === undefined
      ? {}
      : { permissions: { publish: allowOnly(permissions.publish), subscribe: allowOnly(permissions.subscribe) } }),
  };
}

/** Keeps the streams of a folder that was written when all users were in one account. */
async function moveFormerStreams(storeDir: string): Promise<void> {
  const folder = join(storeDir, 'jetstream');
  if (!existsSync(join(folder, FORMER_ACCOUNT, 'streams')) || existsSync(join(folder, EVENTS_ACCOUNT))) return;
  await rename(join(folder, FORMER_ACCOUNT), join(folder, EVENTS_ACCOUNT));
}

/** nats-server treats an empty allow list as no restriction, so an empty list becomes "deny all". */
function allowOnly(subjects: readonly string[]): { allow: readonly string[] } | { deny: string } {
  return subjects.length === 0 ? { deny: '>' } : { allow: subjects };
}

async function launch(
  program: string,
  configFile: string,
  wantedPort: number,
  log: (line: string) => void,
): Promise<{ process: ChildProcess; pid: number; port: number }> {
  const child = spawnGuarded(program, ['-c', configFile], {
    cwd: dirname(configFile),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const { pid, stderr } = child;
  if (pid === undefined || stderr === null) throw new Error('nats-server could not be started');
  let port = wantedPort;
  try {
    await awaitReadiness({
      name: 'nats-server',
      process: child,
      output: stderr,
      log,
      isReady: (line) => {
        port = Number(LISTENING.exec(line)?.[1] ?? port);
        return line.endsWith('Server is ready');
      },
      timeoutMs: START_TIMEOUT_MS,
    });
    if (port === 0) throw new Error('nats-server did not say on which port it listens');
  } catch (error) {
    await stopGuarded(child, { signal: 'SIGKILL' });
    const taken = error instanceof ServerStartError && error.output.includes('address already in use');
    throw taken ? new PortTakenError('nats-server', { port: wantedPort, cause: error }) : error;
  }
  return { process: child, pid, port };
}

/**
 * Returns a user's connection string, which holds the password.
 * @throws {Error} when there is no such user.
 */
export function natsUrlOf(users: readonly NatsUser[], name: string, port: number, isTls = false): string {
  const user = users.find((candidate) => candidate.name === name);
  if (user === undefined) throw new Error(`the broker has no user named ${name}`);
  const credentials = `${encodeURIComponent(name)}:${encodeURIComponent(user.password)}`;
  return `${isTls ? 'tls' : 'nats'}://${credentials}@127.0.0.1:${port}${user.imports === undefined ? '' : `?api_prefix=${API_PREFIX}`}`;
}

// A Postgres primary with a streaming standby, on loopback. Commits wait for the standby, so that it has all that was answered.
import { chown, cp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { type Postgres, startPostgres } from '#local/postgres/postgres.ts';
import { createServiceDatabase } from '#local/postgres/service-database.ts';
import { stopGuarded } from '#local/process/watchdog.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { choosePorts } from './choose-ports.ts';
import { until } from './until.ts';

const PRIMARY_SETTINGS = { wal_level: 'replica', max_wal_senders: '4', wal_keep_size: '512MB', hot_standby: 'on' };
const STANDBY_NAME = 'standby';

type Side = 0 | 1;

export type PostgresPair = AsyncDisposable & {
  /** Creates a service's database and roles on the primary. The urls name both servers. */
  createDatabase(
    service: ServiceName,
    connections?: number,
  ): Promise<{ readonly url: string; readonly ownerUrl: string }>;
  /** The superuser's address of the current primary. */
  primaryUrl(): string;
  /** Kills the primary, as a power failure would, and promotes the standby. */
  failOver(): Promise<void>;
  /** Makes the server that was killed a standby of the current primary, which waits for it again. */
  restoreStandby(): Promise<void>;
  /** Kills the standby and starts it again on its data. Commits wait in between. */
  restartStandby(): Promise<void>;
};

/** Starts both in a folder that the database's account can traverse, and waits until the standby follows. */
export async function startPostgresPair(folder: string, password: string): Promise<PostgresPair> {
  const ports = await choosePorts('Postgres', 2);
  const directories = [join(folder, 'one'), join(folder, 'two')];
  const running: (Postgres | undefined)[] = [];
  const log: string[] = [];
  let primary: Side = 0;
  const standby = (): Side => (primary === 0 ? 1 : 0);
  const serverOf = (side: Side): Postgres => {
    const server = running[side];
    if (server === undefined) throw new Error('the database server is not running');
    return server;
  };
  const start = async (side: Side): Promise<void> => {
    running[side] = await startPostgres({
      dataDir: directories[side] ?? folder,
      port: ports[side] ?? 0,
      password,
      durable: false,
      settings: PRIMARY_SETTINGS,
      log: (line) => log.push(`${side} ${line}`),
    });
  };
  const kill = async (side: Side): Promise<void> => {
    const server = serverOf(side);
    // SIGQUIT ends every session at once, without a checkpoint; SIGKILL would leave sessions that answer for a while.
    await stopGuarded(server.process, { signal: 'SIGQUIT' });
    running[side] = undefined;
  };
  const awaitStandby = (): Promise<void> => setSynchronous(serverOf(primary).superuserUrl);

  const pair: PostgresPair = {
    primaryUrl: () => serverOf(primary).superuserUrl,
    createDatabase: async (service, connections) => {
      const passwords = { password: `${password}-${service}`, ownerPassword: `${password}-${service}-owner` };
      const limit = connections === undefined ? {} : { connections };
      const urls = { superuserUrl: serverOf(primary).superuserUrl, service, ...passwords, ...limit };
      const { url, ownerUrl } = await createServiceDatabase(urls);
      return { url: withBothServers(url, ports), ownerUrl: withBothServers(ownerUrl, ports) };
    },
    failOver: async () => {
      await kill(primary);
      primary = standby();
      await asSuperuser(serverOf(primary).superuserUrl, (client) => client.query('select pg_promote()'));
    },
    restartStandby: async () => {
      await kill(standby());
      await start(standby());
      await awaitStandby();
    },
    restoreStandby: async () => {
      const from = serverOf(primary);
      await cloneServer({
        superuserUrl: from.superuserUrl,
        from: directories[primary] ?? '',
        to: directories[standby()] ?? '',
      });
      await start(standby());
      await awaitStandby();
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(running.map((server) => server?.stop()));
    },
  };
  try {
    await start(primary);
    await pair.restoreStandby();
    return pair;
  } catch (error) {
    await pair[Symbol.asyncDispose]();
    throw error;
  }
}

/** Waits until a standby follows, then makes commits wait for it. */
async function setSynchronous(superuserUrl: string): Promise<void> {
  const stateOf = async (): Promise<string | undefined> => {
    const rows = await asSuperuser(superuserUrl, (client) =>
      client.query<{ state: string; sync: string }>(
        'select state, sync_state as sync from pg_stat_replication where application_name = $1',
        [STANDBY_NAME],
      ),
    );
    return rows.rows.map(({ state, sync }) => `${state} ${sync}`)[0];
  };
  await until(async () => {
    if ((await stateOf())?.startsWith('streaming') !== true) throw new Error('the standby does not follow yet');
  });
  await asSuperuser(superuserUrl, async (client) => {
    await client.query(`alter system set synchronous_standby_names = '${STANDBY_NAME}'`);
    await client.query('select pg_reload_conf()');
  });
  await until(async () => {
    if ((await stateOf()) !== 'streaming sync') throw new Error('commits do not wait for the standby yet');
  });
}

/** Copies a running server's data, so that a server started there follows it. */
async function cloneServer(copy: { readonly superuserUrl: string; readonly from: string; readonly to: string }) {
  const { superuserUrl, from, to } = copy;
  await rm(to, { recursive: true, force: true });
  await asSuperuser(superuserUrl, async (client) => {
    await client.query("select pg_backup_start('standby', true)");
    await cp(from, to, {
      recursive: true,
      // Files that the server removes during the copy are none that the standby needs.
      filter: (file) => !/\/(postmaster\.pid|pgsql_tmp|pg_replslot\/.+|postgresql\.auto\.conf)$/.test(file),
    });
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
    const { port, password, username } = new URL(superuserUrl);
    const source = `host=127.0.0.1 port=${port} user=${username} password=${decodeURIComponent(password)} application_name=${STANDBY_NAME}`;
    const files = {
      backup_label: rows[0]?.labelfile ?? '',
      'standby.signal': '',
      'postgresql.auto.conf': `primary_conninfo = '${source}'\n`,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(to, name), text, { mode: 0o600 });
  });
  await ownLike(from, to);
}

/** Gives a copied folder the owner of the original. */
async function ownLike(original: string, copied: string): Promise<void> {
  const { uid, gid } = await stat(original);
  await chown(copied, uid, gid);
  for (const entry of await readdir(copied, { recursive: true })) await chown(join(copied, entry), uid, gid);
}

function withBothServers(url: string, ports: readonly number[]): string {
  const { host, searchParams } = new URL(url);
  const servers = ports.map((port) => `127.0.0.1:${port}`).join(',');
  const separator = searchParams.size === 0 ? '?' : '&';
  return `${url.replace(host, servers)}${separator}target_session_attrs=read-write`;
}

async function asSuperuser<Result>(url: string, work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}

import { existsSync } from 'node:fs';
import { readFile, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect, type NatsConnection, StorageType } from 'nats';
import { describe, expect, it, vi } from 'vitest';
import { ADMIN_USER, randomNatsUsers } from '#local/nats/nats-permissions.ts';
import { findNatsServer, type NatsServer, startNatsServer } from '#local/nats/nats-server.ts';
import { PortTakenError } from '#local/process/ports.ts';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { isAlive, isListening, startOwner } from './processes.ts';

const WITHIN = { timeout: 10_000, interval: 20 };
const users = randomNatsUsers();
const options = { port: 0, users, log: () => undefined };

describe('the nats-server', () => {
  it('keeps its messages across a restart', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const storeDir = join(folder.path, 'not', 'yet', 'there');
    {
      await using first = await startNatsServer({ ...options, storeDir });
      await using client = await connectAdmin(first);
      await createStream(client.connection);
      await client.connection.jetstream().publish('kept.one', 'payload');
      await first.stop();
      expect([isAlive(first.pid), await isListening(first.port)]).toEqual([false, false]);
    }
    await using second = await startNatsServer({ ...options, storeDir });
    await using client = await connectAdmin(second);

    expect(await readSubjects(client.connection)).toEqual(['kept.one']);
  });

  it('keeps the messages of a folder in which all users were in one account', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const storeDir = join(folder.path, 'store');
    {
      await using first = await startNatsServer({ ...options, storeDir });
      await using client = await connectAdmin(first);
      await createStream(client.connection);
      await client.connection.jetstream().publish('kept.one', 'payload');
    }
    await rename(join(storeDir, 'jetstream', 'EVENTS'), join(storeDir, 'jetstream', '$G'));

    await using second = await startNatsServer({ ...options, storeDir });
    await using client = await connectAdmin(second);

    expect(await readSubjects(client.connection)).toEqual(['kept.one']);
  });

  it('loses no acknowledged message on SIGKILL', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const storeDir = join(folder.path, 'store');
    let acknowledged = 0;
    {
      await using first = await startNatsServer({ ...options, storeDir });
      await using client = await connectAdmin(first);
      await createStream(client.connection);
      const jetstream = client.connection.jetstream({ timeout: 1_000 });
      const publishing = (async () => {
        for (;;) {
          await jetstream.publish(`kept.${acknowledged + 1}`);
          acknowledged += 1;
        }
      })();
      await expect.poll(() => acknowledged, WITHIN).toBeGreaterThan(500);
      process.kill(first.pid, 'SIGKILL');
      await expect(publishing).rejects.toThrow();
    }
    await using second = await startNatsServer({ ...options, storeDir });
    await using client = await connectAdmin(second);

    const { state } = await (await client.connection.jetstreamManager()).streams.info('KEPT');
    expect(state.messages).toBeGreaterThanOrEqual(acknowledged);
    expect((await readSubjects(client.connection)).slice(0, acknowledged)).toEqual(
      Array.from({ length: acknowledged }, (_, index) => `kept.${index + 1}`),
    );
  });

  it('does not outlive its killed parent', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    await using owner = await startOwner<{ pid: number; port: number }>('nats-owner', [join(folder.path, 'store')]);
    expect(await isListening(owner.owned.port)).toBe(true);

    await owner.kill();

    await expect.poll(() => isAlive(owner.owned.pid), WITHIN).toBe(false);
    await expect.poll(() => isListening(owner.owned.port), WITHIN).toBe(false);
  });

  it('fails with one line about a taken port, before it opens its streams', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    await using other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;

    const storeDir = join(folder.path, 'store');

    const started = startNatsServer({ ...options, storeDir, port });

    await expect(started).rejects.toThrow(PortTakenError);
    await expect(started).rejects.toThrow(`port ${port} (nats-server) is already in use on 127.0.0.1`);
    expect(existsSync(storeDir)).toBe(false);
  });

  it('accepts only known users with their passwords', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    await using server = await startNatsServer({ ...options, storeDir: join(folder.path, 'store') });
    const servers = `127.0.0.1:${server.port}`;

    await expect(connect({ servers })).rejects.toMatchObject({ code: 'AUTHORIZATION_VIOLATION' });
    await expect(connect({ servers, user: 'order', pass: 'guess' })).rejects.toMatchObject({
      code: 'AUTHORIZATION_VIOLATION',
    });
    expect(() => server.natsUrl('stranger')).toThrow('the broker has no user named stranger');
  });

  it('allows nothing to a user with empty permissions', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const powerless = { name: 'powerless', password: 'powerless', permissions: { publish: [], subscribe: [] } };
    await using server = await startNatsServer({
      ...options,
      users: [powerless],
      storeDir: join(folder.path, 'store'),
    });
    const connection = await connect({ servers: `127.0.0.1:${server.port}`, user: 'powerless', pass: 'powerless' });

    await expect(connection.request('any.subject')).rejects.toMatchObject({ code: 'PERMISSIONS_VIOLATION' });
    const subscription = connection.subscribe('another.subject');
    await expect(subscription[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'PERMISSIONS_VIOLATION' });
    await connection.close();
  });

  it('keeps the passwords in a file that only its owner can read, and out of its log', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const log: string[] = [];
    const storeDir = join(folder.path, 'store');
    await using server = await startNatsServer({ ...options, storeDir, log: (line) => log.push(line) });
    await using client = await connectAdmin(server);
    await createStream(client.connection);

    const file = join(storeDir, 'nats-server.conf');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(log.join('\n')).toContain('Server is ready');
    for (const { password } of users) {
      expect(await readFile(file, 'utf8')).toContain(password);
      expect(log.join('\n')).not.toContain(password);
    }
  });
});

it('says how to install nats-server where there is none', async () => {
  vi.stubEnv('PATH', '/nowhere');

  await expect(findNatsServer(['/nowhere/at/all'])).rejects.toThrow(
    /^nats-server is neither on PATH nor in \/nowhere\/at\/all\. Install it: apt-get install nats-server .*brew install.*go install/,
  );
});

async function connectAdmin(server: NatsServer): Promise<{ connection: NatsConnection } & AsyncDisposable> {
  const { host, username, password } = new URL(server.natsUrl(ADMIN_USER));
  const connection = await connect({ servers: host, user: username, pass: password, reconnect: false });
  return { connection, [Symbol.asyncDispose]: () => connection.close() };
}

async function createStream(connection: NatsConnection): Promise<void> {
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: 'KEPT', subjects: ['kept.>'], storage: StorageType.File });
}

async function readSubjects(connection: NatsConnection): Promise<string[]> {
  const consumer = await connection.jetstream().consumers.get('KEPT');
  const { num_pending: pending } = await consumer.info();
  const subjects: string[] = [];
  for await (const message of await consumer.fetch({ max_messages: pending })) subjects.push(message.subject);
  return subjects;
}

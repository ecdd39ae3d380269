import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { createGuardedDirectory, spawnGuarded, stopGuarded } from '#local/process/watchdog.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { lockDataDirectory, wasOwnerKilled } from '#local/stack/data-lock.ts';
import { planStack, REPOSITORY_ROOT } from '#local/stack/stack-plan.ts';
import { type PortRequest, resolvePorts } from '#local/stack/stack-ports.ts';
import { loadStackSettings } from '#local/stack/stack-settings.ts';

vi.mock(import('node:crypto'), async (load) => {
  const crypto = await load();
  return { ...crypto, randomInt: vi.fn(crypto.randomInt) as unknown as typeof crypto.randomInt };
});

const request = (process: string, port: number): PortRequest => ({
  process,
  variable: `${process.toUpperCase()}_PORT`,
  port,
  host: '127.0.0.1',
});

async function holdPort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  // The other end of a connection may reset it at any time.
  server.on('connection', (socket) => socket.on('error', () => socket.destroy()));
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  const onConnection = (listener: (socket: Socket) => void) => server.on('connection', listener);
  return { port: (server.address() as AddressInfo).port, onConnection, close, [Symbol.asyncDispose]: close };
}

/** Holds a port of three hexadecimal digits, such as that of the mailbox. */
async function holdLowPort() {
  for (let port = 1_026; port < 4_096; port += 1) {
    const server = createServer().listen(port, '127.0.0.1');
    const isHeld = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (isHeld) return { port, [Symbol.asyncDispose]: () => new Promise<void>((end) => server.close(() => end())) };
  }
  throw new Error('no low port is free');
}

/** Connects from a port that no other connection has: two may share one, and one that is over keeps it for a minute. */
async function connectFromOwnPort(to: number): Promise<Socket> {
  for (;;) {
    const connection = connect(to, '127.0.0.1');
    // The other end may reset it at any time.
    connection.on('error', () => undefined);
    await once(connection, 'connect');
    const own = `:${connection.localPort?.toString(16).toUpperCase().padStart(4, '0')}`;
    const sockets = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((row) => row.trim().split(/\s+/)[1]);
    if (sockets.filter((local) => local?.endsWith(own)).length === 1) return connection;
    connection.resetAndDestroy();
  }
}

describe('the ports of a stack', () => {
  it('are distinct where chosen, and the given ones otherwise', async () => {
    const { port } = await holdPort().then(async (held) => {
      await held.close();
      return held;
    });
    const requests = ['a', 'b', 'c', 'd'].map((part) => request(part, 0));

    const ports = await resolvePorts([...requests, request('wanted', port)], { afterKill: false });

    expect(ports.get('WANTED_PORT')).toBe(port);
    expect(new Set(ports.values()).size).toBe(5);
  });

  it('are chosen outside the ephemeral range and never taken', async () => {
    await using taken = await holdPort();
    vi.mocked<(from: number, upTo: number) => number>(randomInt).mockReturnValueOnce(taken.port);

    const port = (await resolvePorts([request('order', 0)], { afterKill: false })).get('ORDER_PORT');

    expect(port).toBeGreaterThanOrEqual(20_000);
    expect(port).toBeLessThan(32_000);
  });

  it('are rejected with one line for each taken port', async () => {
    await using one = await holdPort();
    await using other = await holdPort();

    const settling = resolvePorts([request('order', one.port), request('payment', other.port), request('nats', 0)], {
      afterKill: false,
    });

    await expect(settling).rejects.toThrow(
      new RegExp(
        `^port ${one.port} \\(ORDER_PORT, order\\) .*\\nport ${other.port} \\(PAYMENT_PORT, payment\\) [^\\n]*$`,
      ),
    );
  });

  it('are reported with the process that holds them, low ones too', async () => {
    await using held = await holdLowPort();

    await expect(
      resolvePorts([request('mailbox', held.port)], { afterKill: false, connectionMs: 150 }),
    ).rejects.toThrow(`port ${held.port} (MAILBOX_PORT, mailbox) is already in use by pid ${process.pid} (node)`);
  });

  it('are rejected when the address does not belong to this machine', async () => {
    const elsewhere = { ...request('order', 0), host: '192.0.2.1' };

    await expect(resolvePorts([elsewhere], { afterKill: false })).rejects.toThrow(
      'port 0 (ORDER_PORT, order) cannot be used on 192.0.2.1: EADDRNOTAVAIL',
    );
  });

  it('are waited for while an outgoing connection holds one, and then reported as taken by it', async () => {
    await using server = await holdPort();
    const connection = await connectFromOwnPort(server.port);
    const port = connection.localPort!;

    const refused = resolvePorts([request('order', port)], { afterKill: false, connectionMs: 150 });
    await expect(refused).rejects.toThrow(`is already in use for a connection by pid ${process.pid} (node)`);

    const settling = resolvePorts([request('order', port)], { afterKill: false });
    connection.resetAndDestroy();
    expect((await settling).get('ORDER_PORT')).toBe(port);
  });

  it('are waited for while a connection that was closed keeps one, until the wait is cancelled', async () => {
    await using server = await holdPort();
    server.onConnection((socket) => socket.resume());
    const connection = await connectFromOwnPort(server.port);
    const port = connection.localPort!;
    connection.end();
    await once(connection, 'close');
    const cancelled = new AbortController();
    const lines: string[] = [];

    const settling = resolvePorts([request('order', port)], {
      afterKill: false,
      log: (line) => {
        lines.push(line);
        cancelled.abort();
      },
      signal: cancelled.signal,
    });

    await expect(settling).rejects.toThrow('aborted');
    expect(lines).toEqual([`waits up to a minute for outgoing connections on port ${port}`]);
  });

  it('are waited for while the processes of a killed stack release them', async () => {
    await using held = await holdPort();
    const listen = vi.spyOn(Server.prototype, 'listen');
    const settling = resolvePorts([request('order', held.port)], { afterKill: true });
    // The second attempt comes only after the first was refused.
    await expect.poll(() => listen.mock.calls.length).toBeGreaterThan(1);

    await held.close();

    expect((await settling).get('ORDER_PORT')).toBe(held.port);
  });
});

describe('the servers of a stack', () => {
  it('have a Postgres unless every service has a database elsewhere', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const urls = { ORDER_DATABASE_URL: 'postgres://o@db.example/o', PAYMENT_DATABASE_URL: 'postgres://p@db.example/p' };
    const plan = async (services: readonly ServiceName[]) => {
      const settings = loadStackSettings({ DATA_DIR: folder.path, ...urls });
      const options = { settings, services, freePorts: true, durable: false, environment: {}, serviceEnvironment: {} };
      return await planStack({ ...options, programsDir: '', servicesDir: join(REPOSITORY_ROOT, 'services') });
    };

    expect((await plan(['order', 'inventory'])).infrastructure).toEqual(['postgres', 'nats', 'provider', 'mailbox']);
    expect((await plan(['order', 'payment'])).infrastructure).toEqual(['nats', 'provider', 'mailbox']);
  });
});

describe('a data directory', () => {
  it('knows whether its last owner was killed', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const dataDir = join(folder.path, 'data');
    expect(await wasOwnerKilled(dataDir)).toBe(false);
    {
      await using lock = await lockDataDirectory(dataDir);
      void lock;
      expect(await wasOwnerKilled(dataDir)).toBe(false);
    }
    expect(await wasOwnerKilled(dataDir)).toBe(false);

    // This process's own pid, but another start time: an earlier process had it.
    await writeFile(join(dataDir, 'stack.pid'), `${process.pid} 1`);
    expect(await wasOwnerKilled(dataDir)).toBe(true);
  });

  it('has no owner any more when that has ended, though nothing has reaped it', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const parent = spawnGuarded('/bin/sh', ['-c', 'sleep 60 & echo $!; exec sleep 300']);
    await using _stopped = { [Symbol.asyncDispose]: () => stopGuarded(parent) };
    const pid = await new Promise<number>((resolve) => parent.stdout?.once('data', (text) => resolve(Number(text))));
    const readStat = async (of: number) => (await readFile(`/proc/${of}/stat`, 'utf8')).split(' ');
    // A shell would reap its child; what it turns into does not.
    await expect.poll(async () => (await readStat(parent.pid ?? 0))[1]).toBe('(sleep)');
    process.kill(pid, 'SIGKILL');
    await expect.poll(async () => (await readStat(pid))[2]).toBe('Z');
    await writeFile(join(folder.path, 'stack.pid'), `${pid} ${(await readStat(pid))[21]}`);

    expect(await wasOwnerKilled(folder.path)).toBe(true);
  });

  it('can be locked after its owner was killed', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    await mkdir(join(folder.path, 'data'));
    await writeFile(join(folder.path, 'data', 'stack.pid'), `${process.pid} 1`);

    await using lock = await lockDataDirectory(join(folder.path, 'data'));

    await expect(lockDataDirectory(join(folder.path, 'data'))).rejects.toThrow(
      `in use by the stack with pid ${process.pid}`,
    );
    void lock;
  });
});

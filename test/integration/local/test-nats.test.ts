import { existsSync } from 'node:fs';
import { connect, StorageType } from 'nats';
import { expect, it } from 'vitest';
import { startTestNats, type TestNats } from '../../support/nats.ts';
import { isAlive, isListening } from './processes.ts';

it.each(['stop', 'kill'] as const)('comes back on the same port with its messages after a %s', async (ending) => {
  await using nats = await startTestNats();
  const { port, pid } = nats;
  await publish(nats);

  await nats[ending]();
  expect([isAlive(pid), await isListening(port)]).toEqual([false, false]);
  await nats.restart();

  expect(nats.port).toBe(port);
  expect(nats.pid).not.toBe(pid);
  expect(await countMessages(nats)).toBe(1);
});

it('restarts while it runs', async () => {
  await using nats = await startTestNats();
  const { pid } = nats;

  await nats.restart();

  expect([isAlive(pid), isAlive(nats.pid), await isListening(nats.port)]).toEqual([false, true, true]);
});

it('is isolated from another one', async () => {
  await using first = await startTestNats();
  await using second = await startTestNats();
  await publish(first);
  expect(first.port).not.toBe(second.port);
  expect(await listStreams(second)).not.toContain('KEPT');
});

it('is used again without the streams of the test before', async () => {
  const first = await startTestNats();
  const provisioned = await listStreams(first);
  await publish(first);
  await first[Symbol.asyncDispose]();

  await using second = await startTestNats({ isProvisioned: false });
  expect([second.pid, await listStreams(second)]).toEqual([first.pid, []]);
  await second.provision();
  expect(await listStreams(second)).toEqual(provisioned);
});

it.each(['stop', 'kill', 'restart'] as const)('leaves neither a process nor files after a %s', async (change) => {
  const nats = await startTestNats();
  const { storeDir } = nats;
  await nats[change]();

  await nats[Symbol.asyncDispose]();

  expect([isAlive(nats.pid), existsSync(storeDir)]).toEqual([false, false]);
});

it('ends when a test has killed it unnoticed', async () => {
  const nats = await startTestNats();
  process.kill(nats.pid, 'SIGKILL');

  await nats[Symbol.asyncDispose]();

  expect([isAlive(nats.pid), existsSync(nats.storeDir)]).toEqual([false, false]);
});

async function withAdmin<T>(
  nats: TestNats,
  work: (connection: Awaited<ReturnType<typeof connect>>) => Promise<T>,
): Promise<T> {
  const { host, username, password } = new URL(nats.adminUrl);
  const connection = await connect({ servers: host, user: username, pass: password });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

function publish(nats: TestNats): Promise<void> {
  return withAdmin(nats, async (connection) => {
    const manager = await connection.jetstreamManager();
    await manager.streams.add({ name: 'KEPT', subjects: ['kept'], storage: StorageType.File });
    await connection.jetstream().publish('kept');
  });
}

function countMessages(nats: TestNats): Promise<number> {
  return withAdmin(nats, async (connection) => {
    const manager = await connection.jetstreamManager();
    return (await manager.streams.info('KEPT')).state.messages;
  });
}

function listStreams(nats: TestNats): Promise<string[]> {
  return withAdmin(nats, async (connection) => {
    const { streams } = await connection.jetstreamManager();
    return (await Array.fromAsync(streams.names())).sort();
  });
}

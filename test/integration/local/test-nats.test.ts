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

it('leaves neither a process nor files behind, and is isolated from another one', async () => {
  const [first, second] = await Promise.all([startTestNats(), startTestNats()]);
  await publish(first);
  expect(first.port).not.toBe(second.port);
  expect(existsSync(first.storeDir)).toBe(true);

  await first[Symbol.asyncDispose]();

  expect([isAlive(first.pid), existsSync(first.storeDir), isAlive(second.pid)]).toEqual([false, false, true]);
  await second[Symbol.asyncDispose]();
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

// The stacks that test files share: who has one when, and what its owner does on request.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, inject, it } from 'vitest';
import { acquireSharedStack, type SharedStack } from '../../support/shared-stacks.ts';

const MODULE = fileURLToPath(new URL('../../support/shared-stacks.ts', import.meta.url));
const PATIENCE = { timeout: 90_000, interval: 50 };

const socket = () => inject('sharedStacksSocket');

/** Whether a promise is settled now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

it('a steady stack is used by several files at once', async () => {
  await using first = await acquireSharedStack(socket(), 'steady');
  await using second = await acquireSharedStack(socket(), 'steady');

  expect(second.stack.url('order')).toBe(first.stack.url('order'));
  expect(second.stack.databaseUrl('order')).toBe(first.stack.databaseUrl('order'));
});

it('an exclusive stack is given to the next file after the disposal by the one that has it', async () => {
  const first = await acquireSharedStack(socket(), 'restarted');
  const waiting = acquireSharedStack(socket(), 'restarted');
  // The owner answers requests in turn: it has seen the second one.
  await first.readOutput();
  expect(await isSettled(waiting)).toBe(false);

  await first[Symbol.asyncDispose]();

  await using second = await waiting;
  expect(second.stack.url('order')).toBe(first.stack.url('order'));
});

it('an exclusive stack is free again when the process that had it was killed', async () => {
  const holder = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `const { acquireSharedStack } = await import(${JSON.stringify(MODULE)});
       await acquireSharedStack(${JSON.stringify(socket())}, 'restarted');
       process.stdout.write('acquired');`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(holder.stdout, 'data');
  const waiting = acquireSharedStack(socket(), 'restarted');
  holder.kill('SIGKILL');

  await using next = await waiting;

  expect(next.stack.services).toContain('order');
});

it('a process that a file left stopped runs again for the next file', async () => {
  const first = await acquireSharedStack(socket(), 'restarted');
  await first.stack.stop('notification');
  await first[Symbol.asyncDispose]();

  await using second = await acquireSharedStack(socket(), 'restarted');

  const rows = await second.stack.rows();
  expect(rows.find(({ name }) => name === 'notification')).toMatchObject({ health: 'healthy' });
});

it('the monitor is stopped while no file has its stack, and runs again for the next file', async () => {
  const readMonitor = async ({ stack }: SharedStack) => (await stack.rows()).find(({ name }) => name === 'monitor')!;
  const first = await acquireSharedStack(socket(), 'monitored');
  const { pid } = await readMonitor(first);
  await first[Symbol.asyncDispose]();

  await using second = await acquireSharedStack(socket(), 'monitored');

  const monitor = await readMonitor(second);
  expect(monitor).toMatchObject({ health: 'healthy' });
  expect(monitor.pid).not.toBe(pid);
});

it('a killed process is restarted at the same address, and its new pid is reported', async () => {
  await using shared = await acquireSharedStack(socket(), 'restarted');
  const row = async () => (await shared.stack.rows()).find(({ name }) => name === 'analytics')!;
  const before = await row();

  await shared.stack.kill('analytics');
  await shared.stack.waitUntilHealthy('analytics');

  await expect.poll(row, PATIENCE).toMatchObject({ health: 'healthy', address: before.address });
  expect((await row()).pid).not.toBe(before.pid);
});

it('the failure of a request is the error of its caller', async () => {
  await using shared = await acquireSharedStack(socket(), 'steady');

  await expect(shared.stack.waitUntilHealthy('monitor')).rejects.toThrow('monitor');
  expect(() => shared.stack.url('monitor')).toThrow('the stack steady has no monitor');
});

it('the lines that its processes print are read from the start of the stack', async () => {
  await using shared = await acquireSharedStack(socket(), 'steady');

  const printed = await shared.readOutput();

  for (const service of shared.stack.services) {
    expect(printed.some((line) => line.startsWith(`${service} `) && line.includes('"msg":"serving"'))).toBe(true);
  }
});

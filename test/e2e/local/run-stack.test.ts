import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { spawnGuarded } from '#local/process/watchdog.ts';
import { findWatchdog, isAlive } from '../../integration/local/processes.ts';
import { createFakeServices, everythingElsewhere, type FakeServices } from './fake-services.ts';

const WITHIN = { timeout: 20_000, interval: 20 };
const FREE_PORTS = { ORDER_PORT: '0', INVENTORY_PORT: '0', PAYMENT_PORT: '0', NOTIFICATION_PORT: '0' };

type Run = AsyncDisposable & {
  process: ChildProcess;
  /** Resolves with its exit code when it ends. */
  ended: Promise<number | null>;
  stdout(): string;
  stderr(): string;
  /** The pids in the printed table, once it is there. */
  pids(): Promise<number[]>;
};

function run(fakes: FakeServices, environment: Record<string, string> = {}): Run {
  const program = fileURLToPath(new URL('fixtures/run-stack.ts', import.meta.url));
  // Guarded, so that a test that runs into its time limit leaves nothing running either.
  const child = spawnGuarded(process.execPath, [program, fakes.servicesDir], {
    env: { ...everythingElsewhere, ...FREE_PORTS, DATA_DIR: fakes.dataDir, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text;
    });
  }
  return {
    process: child,
    ended,
    stdout: () => printed.stdout,
    stderr: () => printed.stderr,
    async pids() {
      await expect
        .poll(() => `${printed.stdout}${printed.stderr}`, WITHIN)
        .toContain('Press Ctrl-C to stop the platform');
      const rows = `${printed.stdout}${printed.stderr}`.matchAll(/^ {2}\w+ +http:\S+ +(\d+) +healthy$/gm);
      return [...rows].map(([, pid]) => Number(pid));
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

// Stopped first: it would start another watchdog when its own has ended.
function killWithWatchdog({ process: supervisor }: Run): void {
  supervisor.kill('SIGSTOP');
  process.kill(findWatchdog(supervisor.pid ?? 0), 'SIGKILL');
  supervisor.kill('SIGKILL');
}

describe('make run', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('stops every service on %s and exits with 0', async (signal) => {
    await using fakes = await createFakeServices('order', 'inventory', 'payment', 'notification');
    await using running = run(fakes, { FAKE_LAST_WORDS: fakes.lastWords });
    const pids = await running.pids();
    expect(pids.map(isAlive)).toEqual([true, true, true, true]);

    running.process.kill(signal);

    expect(await running.ended).toBe(0);
    expect(pids.map(isAlive)).toEqual([false, false, false, false]);
    const lastWords = (await readFile(fakes.lastWords, 'utf8')).trim().split('\n');
    expect(lastWords.toSorted()).toEqual(['inventory', 'notification', 'order', 'payment']);
    expect(existsSync(`${fakes.dataDir}/stack.pid`)).toBe(false);
  });

  it('leaves no process when it is killed, and can start again', async () => {
    await using fakes = await createFakeServices('order', 'payment');
    await using killed = run(fakes);
    const pids = await killed.pids();
    expect(pids.map(isAlive)).toEqual([true, true]);

    killed.process.kill('SIGKILL');
    await killed.ended;

    await expect.poll(() => pids.map(isAlive), WITHIN).toEqual([false, false]);
    await using again = run(fakes);
    expect(await again.pids()).toHaveLength(2);
  });

  it('leaves no process when it is killed together with its watchdog', async () => {
    await using fakes = await createFakeServices('order', 'payment');
    await using killed = run(fakes);
    const pids = await killed.pids();

    killWithWatchdog(killed);
    await killed.ended;

    await expect.poll(() => pids.map(isAlive), WITHIN).toEqual([false, false]);
  });

  it('ends what an earlier one left that was killed together with its watchdog', async () => {
    await using fakes = await createFakeServices('order');
    await using killed = run(fakes, { FAKE_DEAF: 'yes' });
    const [pid = 0] = await killed.pids();
    killWithWatchdog(killed);
    await killed.ended;
    expect(isAlive(pid)).toBe(true); // It does not stop when it is asked to.

    await using again = run(fakes);

    expect(await again.pids()).toHaveLength(1);
    expect(isAlive(pid)).toBe(false);
  });

  it('exits with 0 on a signal during its start', async () => {
    await using fakes = await createFakeServices('order');
    await using running = run(fakes, { FAKE_EXIT_CODE: '1' });
    await expect.poll(running.stdout, WITHIN).toContain('order ended with code 1, next start in 250 ms');

    running.process.kill('SIGINT');

    expect(await running.ended).toBe(0);
    expect(running.stdout()).toContain('stopped');
  });

  it('prints the table and commands with the real port, and log lines prefixed by their service', async () => {
    await using fakes = await createFakeServices('order');
    await using running = run(fakes);
    await running.pids();

    const port = /order +http:\/\/127\.0\.0\.1:(\d+)/.exec(running.stdout())?.[1];
    expect(running.stdout()).toContain(` localhost:${port} shop.order.v1.OrderService/CreateOrder`);
    expect(running.stdout()).toMatch(new RegExp(`^order +\\| INFO {2}listens port=${port}$`, 'm'));
    expect(running.stdout()).toMatch(/^ {2}nats +nats\.example:4222 +- +external$/m);
    expect(running.stdout()).not.toContain('hidden');
  });

  it('writes only JSON to stdout with LOG_FORMAT=json', async () => {
    await using fakes = await createFakeServices('order');
    await using running = run(fakes, { LOG_FORMAT: 'json' });
    await running.pids();
    running.process.kill('SIGTERM');
    await running.ended;

    const lines = running.stdout().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ service: 'order', msg: 'listens' }),
    );
  });

  it('rejects a taken port in one line that names port, setting and holder, and exits with 1', async () => {
    await using fakes = await createFakeServices('order', 'payment');
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;

    await using running = run(fakes, { PAYMENT_PORT: String(port) });
    const code = await running.ended;
    holder.close();

    expect(code).toBe(1);
    expect(running.stderr()).toBe(
      `port ${port} (PAYMENT_PORT, payment) is already in use by pid ${process.pid} (node); stop that process, or set PAYMENT_PORT to another port\n`,
    );
    expect(running.stdout()).toBe('');
  });

  it('rejects invalid settings by name, without their values, and exits with 1', async () => {
    await using fakes = await createFakeServices('order');
    await using running = run(fakes, { NATS_URL: 'hidden', MAILBOX_HTTP_PORT: 'many' });

    expect(await running.ended).toBe(1);
    expect(running.stderr()).toMatch(/NATS_URL/);
    expect(running.stderr()).toMatch(/MAILBOX_HTTP_PORT/);
    expect(running.stderr()).not.toContain('hidden');
  });
});

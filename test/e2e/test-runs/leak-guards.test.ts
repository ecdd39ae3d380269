// The guards that make a run red when a test leaves something behind, held against files that do.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

it('fails a test file that ends with a listening server or a running child, and names it', async () => {
  const { code, output } = await runFixture('leaves-handles');

  expect(code).toBe(1);
  expect(output).toMatch(/a server listening on 127\.0\.0\.1:\d+ at .*leaves-handles\.fixture\.ts:7/);
  expect(output).toMatch(/process \d+ \(tail\) at .*leaves-handles\.fixture\.ts:8/);
});

it('fails a run whose tests passed but left a process without a parent, and ends that process', async () => {
  const { code, output } = await runFixture('leaves-orphan');

  expect(output).toMatch(/Tests +1 passed/);
  expect(code).toBe(1);
  const pid = Number(/The tests left these processes running:\n +(\d+) +tail -f/.exec(output)?.[1]);
  await expect.poll(() => isRunning(pid)).toBe(false);
});

it('passes a file that closes what it opened', async () => {
  const { code, output } = await runFixture('tidy');

  expect(output).toMatch(/Tests +1 passed/);
  expect(code).toBe(0);
});

function runFixture(name: string): Promise<{ code: unknown; output: string }> {
  const words = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'test/e2e/test-runs/fixtures/vitest.config.ts',
    name,
  ];
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' };
  return new Promise((resolve) => {
    execFile(process.execPath, words, { cwd: ROOT, env }, (error, output, complaint) => {
      resolve({ code: error ? error.code : 0, output: output + complaint });
    });
  });
}

/** A process that has ended and is a zombie has no command any more. */
async function isRunning(pid: number): Promise<boolean> {
  return new Promise((resolve) => {
    execFile('ps', ['-o', 'stat=', '-p', String(pid)], (_error, state) => resolve(/^[^Z]/.test(state.trim())));
  });
}

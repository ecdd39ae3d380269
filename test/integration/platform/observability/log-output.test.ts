// What a process logs reaches stdout, although it is written in blocks.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

const LOG = import.meta.resolve('#services/platform/observability/log.ts');

/** Starts a process that logs three lines and then runs `then`. */
function startLogging(then: string): ChildProcess & { readonly stdout: NonNullable<ChildProcess['stdout']> } {
  const program = `
    const { createLog, openLogOutput } = await import(${JSON.stringify(LOG)});
    const log = createLog({ service: 'tiny', level: 'info', destination: openLogOutput(process) });
    for (const number of [1, 2, 3]) log.info({ number }, 'a line');
    ${then}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return child as ReturnType<typeof startLogging>;
}

const numbersOf = (output: string) =>
  output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).number);

describe('the log of a process', () => {
  it('is complete when the process exits right after its last line', async () => {
    const child = startLogging('process.exit(0)');

    expect(numbersOf(await text(child.stdout))).toEqual([1, 2, 3]);
  });

  it('is complete when the process logs a fatal line and dies', async () => {
    const child = startLogging(`log.fatal({ number: 4 }, 'the end'); process.kill(process.pid, 'SIGKILL')`);

    expect(numbersOf(await text(child.stdout))).toEqual([1, 2, 3, 4]);
  });

  it('is written while the process runs, without further lines', async () => {
    const child = startLogging('setInterval(() => undefined, 1_000)');
    try {
      const [chunk] = await once(child.stdout, 'data');

      expect(numbersOf(String(chunk))).toEqual([1, 2, 3]);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  });
});

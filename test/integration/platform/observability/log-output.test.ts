// What a process logs reaches stdout, although it is written in blocks.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

const LOG = import.meta.resolve('#services/platform/observability/log.ts');
const LOG_OUTPUT = import.meta.resolve('#services/platform/observability/log-output.ts');

/** Starts a process that logs three lines and then runs `then`. */
function startLogging(then: string): ChildProcess & { readonly stdout: NonNullable<ChildProcess['stdout']> } {
  const program = `
    const { createLog } = await import(${JSON.stringify(LOG)});
    const { openLogOutput } = await import(${JSON.stringify(LOG_OUTPUT)});
    const log = createLog({ service: 'tiny', level: 'info', destination: openLogOutput(process) });
    for (const number of [1, 2, 3]) log.info({ number }, 'a line');
    ${then}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['pipe', 'pipe', 'pipe'],
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

  // The program waits without its event loop, so that it notices nothing before its last lines.
  it.each([
    ['exits', "log.info('the end'); process.exit(0);", 0],
    ['logs a fatal line', "log.fatal('the end'); process.exit(1);", 1],
  ])('that has no reader any more %s at once', async (_what, end, code) => {
    const child = startLogging(`
      process.stderr.write('up');
      const { readSync } = await import('node:fs');
      for (let read = 0; read === 0; ) { try { read = readSync(0, Buffer.alloc(1)); } catch (error) { if (error.code !== 'EAGAIN') throw error; } }
      ${end}`);
    await once(child.stderr!, 'data');
    child.stdout.destroy();
    await once(child.stdout, 'close');

    child.stdin!.end('x');

    expect(await once(child, 'exit')).toEqual([code, null]);
  });

  it('is complete and whole when its reader is slower than it: what the pipe does not take is written later', async () => {
    const child = startLogging(`
      for (let number = 4; number <= 3_000; number += 1) log.info({ number }, 'ä'.repeat(100));
      process.stderr.write('done');
      process.stdin.once('data', () => process.exit(0));`);
    child.stdout.pause();
    await once(child.stderr!, 'data');

    const output = text(child.stdout);
    child.stdin!.end('x');

    expect(numbersOf(await output)).toEqual(Array.from({ length: 3_000 }, (_, index) => index + 1));
  });

  it('that has a reader that does not read goes on, and exits', async () => {
    const child = startLogging(`
      for (let number = 0; number < 20_000; number += 1) log.info({ number }, 'x'.repeat(100));
      process.stderr.write('done');
      process.exit(0);`);
    child.stdout.pause();

    await once(child.stderr!, 'data');

    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

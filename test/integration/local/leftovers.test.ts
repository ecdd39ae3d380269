import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { endLeftovers, lockDataDirectory } from '#local/stack/data-lock.ts';
import { isAlive, startOwner } from './processes.ts';

const RUNS = "process.stdout.write('up'); setInterval(() => undefined, 1_000);";

describe('the processes of a stack that was killed together with its watchdog', () => {
  it('are ended by the next one on the same data directory', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const dataDir = join(folder.path, 'data');
    await using owner = await startOwner<{ pid: number }>('lock-owner', [dataDir, RUNS]);
    const { pid } = owner.owned;
    expect(await endLeftovers(dataDir)).toEqual([]); // Its owner is alive.
    expect(isAlive(pid)).toBe(true);
    await owner.kill();
    expect(isAlive(pid)).toBe(true);

    expect(await endLeftovers(dataDir)).toEqual([pid]);

    expect(isAlive(pid)).toBe(false);
    expect(await endLeftovers(dataDir)).toEqual([]);
  });

  it('are known by pid and start time: a later process with the same pid is left alone', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const dataDir = join(folder.path, 'data');
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'stack.children'), `1 1 ${process.pid} 1 SIGKILL\n1 1 ${process.pid}  SIGKILL\n`);

    expect(await endLeftovers(dataDir)).toEqual([]);
  });

  it('are forgotten once the next stack has the lock, and when it stops', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const dataDir = join(folder.path, 'data');
    await mkdir(dataDir);
    const file = join(dataDir, 'stack.children');
    await writeFile(file, `1 1 ${process.pid} 1 SIGKILL\n`);
    {
      await using lock = await lockDataDirectory(dataDir);
      await lock.record(process.pid, 'SIGTERM');
      expect((await readFile(file, 'utf8')).split('\n')).toEqual([
        expect.stringMatching(new RegExp(`^${process.pid} \\d+ ${process.pid} \\d+ SIGTERM$`)),
        '',
      ]);
    }
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

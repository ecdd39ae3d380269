import { appendFile, type FileHandle, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { openAppendLog } from '#local/shared/append-log.ts';

async function readAll(file: string): Promise<unknown[]> {
  const entries: unknown[] = [];
  await using log = await openAppendLog<unknown>(file, (entry) => entries.push(entry));
  void log;
  return entries;
}

/** Blocks every file's `datasync` until the test releases it or makes it fail. */
async function holdDisk(file: string) {
  const handle = await open(file, 'a');
  const gate = Promise.withResolvers<void>();
  const datasync = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, 'datasync').mockReturnValue(gate.promise);
  await handle.close();
  return {
    get synced() {
      return datasync.mock.calls.length;
    },
    release: () => gate.resolve(),
    fail: (error: Error) => gate.reject(error),
    recover: () => datasync.mockRestore(),
  };
}

describe('an append log', () => {
  it('reads every entry, in order, when it is reopened', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const file = join(folder.path, 'made', 'on-demand.jsonl');
    {
      await using log = await openAppendLog<{ id: number; text: string }>(file, () => undefined);
      await Promise.all(Array.from({ length: 200 }, (_, id) => log.append({ id, text: 'é\n"' })));
    }

    expect(await readAll(file)).toEqual(Array.from({ length: 200 }, (_, id) => ({ id, text: 'é\n"' })));
  });

  it('acknowledges an entry only after it is on disk', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const file = join(folder.path, 'log.jsonl');
    const disk = await holdDisk(file);
    await using log = await openAppendLog<number>(file, () => undefined);
    let acknowledged = false;

    const appended = log.append(42).then(() => {
      acknowledged = true;
    });
    await expect.poll(() => disk.synced).toBe(1);
    expect(acknowledged).toBe(false);
    disk.release();
    await appended;

    expect(await readFile(file, 'utf8')).toBe('42\n');
  });

  it('writes the queued entries in one write before it closes', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const file = join(folder.path, 'log.jsonl');
    const disk = await holdDisk(file);
    const log = await openAppendLog<number>(file, () => undefined);
    const appended = [log.append(1), log.append(2), log.append(3)];
    await expect.poll(() => disk.synced).toBe(1);

    const closed = log.close();
    disk.release();
    await Promise.all([...appended, closed]);

    expect(await readAll(file)).toEqual([1, 2, 3]);
    expect(disk.synced).toBe(2);
  });

  it('rejects every further entry after a write has failed', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const file = join(folder.path, 'log.jsonl');
    const disk = await holdDisk(file);
    await using log = await openAppendLog<number>(file, () => undefined);
    const first = expect(log.append(1)).rejects.toThrow(`${file}: cannot be written`);
    await expect.poll(() => disk.synced).toBe(1);
    const waiting = expect(log.append(2)).rejects.toThrow('cannot be written');

    disk.fail(new Error('input/output error'));

    await Promise.all([first, waiting]);
    disk.recover();
    await expect(log.append(3)).rejects.toThrow('cannot be written');
  });

  it('drops an incomplete last line and appends after the previous one', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const file = join(folder.path, 'log.jsonl');
    await writeFile(file, '{"id":1}\n{"id":2}\n{"id":3,"na');
    {
      await using log = await openAppendLog<{ id: number }>(file, () => undefined);
      await log.append({ id: 4 });
    }

    expect(await readAll(file)).toEqual([{ id: 1 }, { id: 2 }, { id: 4 }]);
  });

  it('drops an incomplete last line of a file that is read in many chunks', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const file = join(folder.path, 'log.jsonl');
    const entries = Array.from({ length: 20_000 }, (_, id) => ({ id }));
    await writeFile(file, `${entries.map((entry) => JSON.stringify(entry)).join('\n')}\n{"id":`);

    expect(await readAll(file)).toEqual(entries);
    expect(await readAll(file)).toEqual(entries);
  });

  it('rejects a file with a damaged line in the middle, naming the line', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const file = join(folder.path, 'log.jsonl');
    await writeFile(file, '{"id":1}\nnot json\n{"id":3}\n');

    await expect(readAll(file)).rejects.toThrow(`${file}: line 2 is not JSON`);
    expect(await readFile(file, 'utf8')).toContain('not json');
  });

  it('reads entries that are longer than one chunk', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const file = join(folder.path, 'log.jsonl');
    const long = ['é'.repeat(100_000), 'ü'.repeat(200_001)];
    await appendFile(file, long.map((entry) => `${JSON.stringify(entry)}\n`).join(''));

    expect(await readAll(file)).toEqual(long);
  });

  it('rejects entries after it is closed', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const log = await openAppendLog<number>(join(folder.path, 'log.jsonl'), () => undefined);

    await log.close();

    await expect(log.append(1)).rejects.toThrow('closed');
  });
});

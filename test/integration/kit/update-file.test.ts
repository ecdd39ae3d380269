// Files that several processes change: under a lock that outlives nobody, and never one process over another's lock.

import { renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { updateFile } from '../../kit/update-file.ts';

async function makeFolder() {
  const path = await mkdtemp(join(tmpdir(), 'update-file-'));
  return { path, file: join(path, 'new', 'a.json'), [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe('a file that is changed', () => {
  it('is there with its folder, and nothing beside it', async () => {
    await using folder = await makeFolder();

    expect(await updateFile(folder.file, (before) => `${before} and more`)).toBe(true);
    expect(await updateFile(folder.file, (before) => before ?? '')).toBe(false);

    expect(await readFile(folder.file, 'utf8')).toBe('undefined and more');
    expect(await readdir(join(folder.path, 'new'))).toEqual(['a.json']);
  });

  it('stays as it was when the change fails, free for the next', async () => {
    await using folder = await makeFolder();
    await updateFile(folder.file, () => 'first');
    const fail = () => {
      throw new Error('no change');
    };

    await expect(updateFile(folder.file, fail)).rejects.toThrow('no change');

    expect(await readdir(join(folder.path, 'new'))).toEqual(['a.json']);
    expect(await readFile(folder.file, 'utf8')).toBe('first');
  });

  it('is free again when the process that held it was killed', async () => {
    await using folder = await makeFolder();
    await updateFile(folder.file, () => 'first');
    await writeFile(`${folder.file}.lock`, 'half of');
    await utimes(`${folder.file}.lock`, 0, 0);

    await updateFile(folder.file, () => 'second');

    expect(await readFile(folder.file, 'utf8')).toBe('second');
  });

  it('is not replaced by a process that stood still until another took its lock', async () => {
    await using folder = await makeFolder();
    await updateFile(folder.file, () => 'first');
    const lock = `${folder.file}.lock`;
    const standStill = () => {
      writeFileSync(`${lock}.other`, 'half of');
      renameSync(`${lock}.other`, lock);
      return 'second';
    };

    await expect(updateFile(folder.file, standStill)).rejects.toThrow('another process took the lock');

    expect(await readFile(folder.file, 'utf8')).toBe('first');
    expect(await readFile(lock, 'utf8')).toBe('half of');
  });
});

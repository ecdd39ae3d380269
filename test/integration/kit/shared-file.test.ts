// Files that several processes change: under a lock that does not outlive its process, and never one process over another's lock.

import { renameSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listSharedFiles, plainText, readText, SharedFile } from '../../../packages/kit/base/shared-file.ts';

async function makeFolder() {
  const path = await mkdtemp(join(tmpdir(), 'shared-file-'));
  return { path, file: join(path, 'new', 'a.json'), [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

const updateFile = (file: string, change: (before: string | undefined) => string) =>
  new SharedFile(file, plainText).update(change);

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

  it.each([
    ['killed', new Date(0)],
    ['killed, and the clock was set back since', new Date('2100-01-01')],
  ])('is free again when the process that held it was %s', async (_, lockTime) => {
    await using folder = await makeFolder();
    await updateFile(folder.file, () => 'first');
    await writeFile(`${folder.file}.lock`, 'half of');
    await utimes(`${folder.file}.lock`, lockTime, lockTime);

    await updateFile(folder.file, () => 'second');

    expect(await readFile(folder.file, 'utf8')).toBe('second');
  });

  it('is what its lock has when the process was killed that had just removed it', async () => {
    await using folder = await makeFolder();
    await updateFile(folder.file, () => 'first');
    await rename(folder.file, `${folder.file}.lock`);
    await chmod(`${folder.file}.lock`, 0o644);

    expect(readText(folder.file)).toBe('first');
    await utimes(`${folder.file}.lock`, 0, 0);
    await updateFile(folder.file, (before) => `${before}, second`);

    expect(await readFile(folder.file, 'utf8')).toBe('first, second');
    expect(await readdir(join(folder.path, 'new'))).toEqual(['a.json']);
  });

  it('is read again by one process after each change by another', async () => {
    await using folder = await makeFolder();
    const ours = new SharedFile(folder.file, plainText);
    const theirs = new SharedFile(folder.file, plainText);
    const add = (word: string) => (before: string | undefined) => `${before ?? ''}${word} `;

    for (const number of Array(50).keys()) {
      await ours.update(add(`ours${number}`));
      if (number % 3 !== 0) await theirs.update(add(`theirs${number}`));
    }

    const words = (await readFile(folder.file, 'utf8')).trim().split(' ');
    expect(words).toHaveLength(50 + 33);
    expect(new Set(words).size).toBe(50 + 33);
  });

  it('is listed while it is being replaced, and never by the name of its lock', async () => {
    await using folder = await makeFolder();
    const directory = join(folder.path, 'new');
    await updateFile(folder.file, () => 'first');
    await updateFile(join(directory, 'b.json'), () => 'second');
    await rename(folder.file, `${folder.file}.lock`);
    await chmod(`${folder.file}.lock`, 0o644);
    await writeFile(join(directory, 'c.json.lock'), 'half of', { mode: 0o600 });

    expect(await listSharedFiles(directory, '.json')).toEqual([folder.file, join(directory, 'b.json')]);
  });

  it('is listed once while another process prepares its change', async () => {
    await using folder = await makeFolder();
    await updateFile(folder.file, () => 'first');
    await writeFile(`${folder.file}.lock`, 'half of', { mode: 0o600 });

    expect(await listSharedFiles(join(folder.path, 'new'), '.json')).toEqual([folder.file]);
  });

  it('is not there yet while its lock is in the making', async () => {
    await using folder = await makeFolder();

    await updateFile(folder.file, () => {
      expect(readText(folder.file)).toBeUndefined();
      return 'first';
    });

    expect(readText(folder.file)).toBe('first');
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

    await expect(updateFile(folder.file, standStill)).rejects.toThrow('taken by another process');

    expect(await readFile(folder.file, 'utf8')).toBe('first');
    expect(await readFile(lock, 'utf8')).toBe('half of');
  });
});

// The bundles of a small repository: a service, and a package of its own.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { buildPrograms } from '#local/build/programs.ts';
import { createGuardedDirectory, type GuardedDirectory } from '#local/process/watchdog.ts';

const SERVICE = `
  import { readFileSync } from 'node:fs';
  import { greet } from './greeting.ts';
  console.log(greet(readFileSync(new URL('./name.txt', import.meta.url), 'utf8')));
`;

async function writeRepository(): Promise<GuardedDirectory> {
  const folder = await createGuardedDirectory('touchstone-test');
  await write(folder.path, 'services/tiny/main.ts', SERVICE);
  await write(folder.path, 'services/tiny/name.txt', 'world');
  await write(folder.path, 'services/tiny/greeting.ts', greeting('hello'));
  for (const name of ['local', 'packages/rpc-server', 'gen']) await mkdir(join(folder.path, name), { recursive: true });
  await write(folder.path, 'package-lock.json', '{}');
  return folder;
}

async function write(root: string, file: string, content: string): Promise<void> {
  await mkdir(dirname(join(root, file)), { recursive: true });
  await writeFile(join(root, file), content);
}

const greeting = (word: string) => `export const greet = (name: string): string => '${word} ' + name;`;

async function run(folder: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'services/tiny/main.js')]);
  return stdout.trim();
}

const bundlesOf = (root: string) => readdir(join(root, '.tools/programs'));

describe('the bundles of the programs', () => {
  it('run, and read the files beside their sources', async () => {
    await using repository = await writeRepository();
    expect(await run(await buildPrograms(repository.path))).toBe('hello world');
  });

  it('are kept while the sources are the same, and built again when one has changed', async () => {
    await using repository = await writeRepository();
    const first = await buildPrograms(repository.path);
    expect(await buildPrograms(repository.path)).toBe(first);
    await write(repository.path, 'services/tiny/greeting.ts', greeting('good day'));
    const second = await buildPrograms(repository.path);
    expect(await run(second)).toBe('good day world');
    expect(await run(first)).toBe('hello world');
  });

  it('are the same for builds at the same time', async () => {
    await using repository = await writeRepository();
    const [first, second] = await Promise.all([buildPrograms(repository.path), buildPrograms(repository.path)]);
    expect(second).toBe(first);
    expect(await bundlesOf(repository.path)).toHaveLength(1);
  });

  it('of five states of the sources are kept, those that were used last, and those of running processes', async () => {
    await using repository = await writeRepository();
    const ended = spawn('true');
    await once(ended, 'exit');
    const folders: string[] = [];
    for (const word of ['running', 'one', 'two', 'three', 'four', 'five', 'six']) {
      await write(repository.path, 'services/tiny/greeting.ts', greeting(word));
      folders.push(await buildPrograms(repository.path, word === 'running' ? process.pid : ended.pid));
    }
    const kept = (await bundlesOf(repository.path)).map((name) => join(repository.path, '.tools/programs', name));
    expect(kept.sort()).toEqual(folders.filter((_, index) => index !== 1).sort());
  });

  it('are not there when a source cannot be bundled, and the error names it', async () => {
    await using repository = await writeRepository();
    await write(repository.path, 'services/tiny/greeting.ts', 'export const greet = (');
    await expect(buildPrograms(repository.path)).rejects.toThrow(/services\/tiny\/greeting\.ts/);
    expect(await bundlesOf(repository.path)).toEqual([]);
  });
});

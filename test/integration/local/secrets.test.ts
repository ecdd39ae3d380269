import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { loadPasswords } from '#local/shared/secrets.ts';

it('derives the same passwords from the same file, and others for another name or file', async () => {
  await using folder = await createGuardedDirectory('touchstone-test');
  const [first, again, other] = [
    await loadPasswords(join(folder.path, 'data', 'secret')),
    await loadPasswords(join(folder.path, 'data', 'secret')),
    await loadPasswords(join(folder.path, 'other')),
  ];

  expect(again('postgres:order')).toBe(first('postgres:order'));
  expect(new Set([first('postgres:order'), first('nats:order'), other('postgres:order')]).size).toBe(3);
  expect(first('postgres:order')).toMatch(/^[\w-]{43}$/);
});

it('keeps the secret readable by its owner alone', async () => {
  await using folder = await createGuardedDirectory('touchstone-test');
  const file = join(folder.path, 'secret');
  await writeFile(file, `${'5'.repeat(64)}\n`, { mode: 0o644 });

  await loadPasswords(file);
  await loadPasswords(join(folder.path, 'made'));

  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder.path, 'made'))).mode & 0o777).toBe(0o600);
});

it('creates one secret when several processes start at once', async () => {
  await using folder = await createGuardedDirectory('touchstone-test');
  const file = join(folder.path, 'secret');

  const loaded = await Promise.all(Array.from({ length: 32 }, () => loadPasswords(file)));

  expect(new Set(loaded.map((derive) => derive('any'))).size).toBe(1);
  expect(await readdir(folder.path)).toEqual(['secret']);
});

it('rejects a file with other content, without printing the content', async () => {
  await using folder = await createGuardedDirectory('touchstone-test');
  const file = join(folder.path, 'secret');
  await writeFile(file, 'hunter2');

  await expect(loadPasswords(file)).rejects.toThrow(`${file} holds no secret`);
  await expect(loadPasswords(file)).rejects.not.toThrow('hunter2');
});

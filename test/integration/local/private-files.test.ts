import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { openAppendLog } from '#local/shared/append-log.ts';
import { makePrivateFolder, privateFolderMode } from '#local/shared/private-files.ts';
import { loadPasswords } from '#local/shared/secrets.ts';
import { lockDataDirectory } from '#local/stack/data-lock.ts';

const OWN_MODE = privateFolderMode(process.getuid?.() ?? 1);
const modeOf = async (path: string) => ((await stat(path)).mode & 0o7777).toString(8);

it('lets only its own account read what the local stack stores, also what an earlier version left readable', async () => {
  await using folder = await createGuardedDirectory('touchstone-test');
  const dataDir = join(folder.path, 'data');
  await mkdir(dataDir, { mode: 0o755 });
  const old = join(dataDir, 'mailbox.jsonl');
  await writeFile(old, '{}\n', { mode: 0o644 });
  await chmod(old, 0o644);

  await loadPasswords(join(dataDir, 'secret'));
  await using _lock = await lockDataDirectory(dataDir);
  for (const name of ['mailbox.jsonl', 'provider-ledger.jsonl']) {
    await using _log = await openAppendLog(join(dataDir, name), () => undefined);
    expect([name, await modeOf(join(dataDir, name))]).toEqual([name, '600']);
  }

  expect(await modeOf(dataDir)).toBe(OWN_MODE.toString(8));
  for (const name of ['secret', 'stack.pid']) expect([name, await modeOf(join(dataDir, name))]).toEqual([name, '600']);
});

it('lets another account pass only under root, where Postgres runs as one', () => {
  expect([privateFolderMode(0), privateFolderMode(1_000)]).toEqual([0o711, 0o700]);
});

it('leaves a folder alone that many accounts share', async () => {
  await using folder = await createGuardedDirectory('touchstone-test');
  await chmod(folder.path, 0o1777);

  await makePrivateFolder(folder.path);

  expect(await modeOf(folder.path)).toBe('1777');
});

import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { provideIdentity, tokenFile } from '#local/identity/identity-files.ts';
import type { TokenRequest } from '#local/identity/token-issuer.ts';
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

it('gives services tokens that only its own account reads, and that outlive a renewal that fails', async () => {
  await using folder = await createGuardedDirectory('touchstone-test');
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const issued: TokenRequest[] = [];
  const issue = async (request: TokenRequest) => `token ${issued.push(request)}`;
  using _identity = await provideIdentity(folder.path, { issue, keySet: async () => ({ keys: [] }) }, () => undefined);

  const first = issued.map(({ role, subject }) => `${role} ${subject}`);
  const file = tokenFile(folder.path, 'order') ?? '';
  expect(first).toEqual(['service order', 'monitor monitor', 'operator console']);
  expect([await modeOf(file), await readFile(file, 'utf8')]).toEqual(['600', 'token 1\n']);
  vi.advanceTimersByTime(15 * 60_000);
  await expect.poll(() => readFile(file, 'utf8')).toBe('token 4\n');
  expect(Math.min(...issued.map(({ lifetimeMs }) => lifetimeMs))).toBeGreaterThan(2 * 15 * 60_000);
  await expect.poll(() => issued).toHaveLength(6);
  vi.useRealTimers();
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

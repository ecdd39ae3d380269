// The programs of the local stack as bundles: a process that loads two dozen files starts in half the CPU time of one that loads a
// thousand. A bundle is kept as long as the sources that it was built from are the same.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const REPOSITORY_ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUNDLER = fileURLToPath(new URL('bundle-programs.ts', import.meta.url));
const SOURCE_FOLDERS = ['services', 'local', 'packages/rpc-server', 'gen'];
const NO_SOURCE = /node_modules|\bdist\b|^services\/console\/page\//;
const KEPT_BUNDLES = 5;
// One file for each process that starts programs of a bundle, named by its id.
const USERS = 'users';
const BUILD_TIMEOUT_MS = 120_000;

/**
 * Bundles the programs if their sources have changed. Returns the folder of the bundles, which mirrors the repository:
 * `services/order/main.js` is the bundle of `services/order/main.ts`. It stays while the process `user` runs, which starts programs again
 * from the bundle that it began with.
 * @throws {Error} with the bundler's output when a source cannot be bundled.
 */
export async function buildPrograms(root = REPOSITORY_ROOT, user = process.pid): Promise<string> {
  const bundles = join(root, '.tools/programs');
  const folder = join(bundles, await hashSources(root));
  if (!existsSync(folder)) await build(root, bundles, folder);
  await mkdir(join(folder, USERS), { recursive: true });
  await writeFile(join(folder, USERS, String(user)), '');
  await utimes(folder, new Date(), new Date());
  await removeOldBundles(bundles);
  return folder;
}

async function build(root: string, bundles: string, folder: string): Promise<void> {
  await mkdir(bundles, { recursive: true });
  const draft = await mkdtemp(join(bundles, 'draft-'));
  try {
    await promisify(execFile)(process.execPath, [BUNDLER, draft], { cwd: root, timeout: BUILD_TIMEOUT_MS });
    await rename(draft, folder).catch((error: unknown) => {
      // Another process has built the same in the meantime.
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function hashSources(root: string): Promise<string> {
  const inFolders = await Promise.all(SOURCE_FOLDERS.map((folder) => listSources(root, folder)));
  const files = ['package-lock.json', ...inFolders.flat()].sort();
  const contents = await Promise.all(files.map((file) => readFile(join(root, file))));
  const hash = createHash('sha256');
  files.forEach((file, index) => {
    const content = contents[index] ?? Buffer.alloc(0);
    hash.update(`${file}\0${content.length}\0`).update(content);
  });
  return hash.digest('hex').slice(0, 16);
}

async function listSources(root: string, folder: string): Promise<string[]> {
  const names = await readdir(join(root, folder), { recursive: true });
  return names.map((name) => `${folder}/${name}`).filter((file) => file.endsWith('.ts') && !NO_SOURCE.test(file));
}

async function removeOldBundles(bundles: string): Promise<void> {
  const dated = await Promise.all(
    (await readdir(bundles)).map(async (name) => {
      const path = join(bundles, name);
      // Another process may remove it, or rename its draft.
      const usedAt = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      );
      return { path, usedAt };
    }),
  );
  const old = dated.sort((a, b) => b.usedAt - a.usedAt).slice(KEPT_BUNDLES);
  for (const { path } of old) if (!(await isUsed(path))) await rm(path, { recursive: true, force: true });
}

async function isUsed(folder: string): Promise<boolean> {
  // A draft has no users yet: it is newer than the bundles that are removed, unless its build was killed.
  const users = existsSync(join(folder, USERS)) ? await readdir(join(folder, USERS)) : [];
  return users.some((user) => isAlive(Number(user)));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs under another account.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

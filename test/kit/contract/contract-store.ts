// Contract files on disk. Tests of one contract run in several processes at once: each merges its interactions under a
// lock and replaces the file as a whole, so that a reader never sees half of it and no interaction is lost.

import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type ContractDocument,
  ContractFileError,
  fileNameOf,
  type InteractionJson,
  mergeDocument,
  parseDocument,
  renderDocument,
} from './contract-document.ts';

const lockTriesMs = 10;
const lockPatienceMs = 10_000;
// A merge takes milliseconds: a lock this old belongs to a process that was killed.
const lockExpiryMs = 5000;

/**
 * Merges interactions into the file of a contract; makes the file, and its folder, where there is none.
 *
 * @returns the file's path.
 * @throws ContractFileError when the file there cannot be read, or is not let go of by others within 10 seconds.
 */
export async function storeInteractions(
  directory: string,
  consumer: string,
  provider: string,
  interactions: readonly InteractionJson[],
): Promise<string> {
  const file = join(directory, fileNameOf(consumer, provider));
  await mkdir(directory, { recursive: true });
  await using _lock = await lock(`${file}.lock`);
  const before = await readText(file);
  const document = before === undefined ? undefined : parseDocument(before, file);
  const after = renderDocument(mergeDocument(document, consumer, provider, interactions));
  if (after === before) return file;
  const draft = `${file}.${randomUUID()}.draft`;
  try {
    await writeFile(draft, after);
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  return file;
}

/**
 * Reads contracts: from a file, a folder (all `.json` in it) or a list of both.
 *
 * @throws ContractFileError when there is no such file or it is no contract.
 */
export async function loadContracts(paths: string | readonly string[]): Promise<LoadedContract[]> {
  const files = (await Promise.all([paths].flat().map((path) => listFiles(String(path))))).flat();
  return Promise.all(
    files.map(async (file) => {
      const text = await readText(file);
      if (text === undefined) throw new ContractFileError(`${file}: there is no such file`);
      return { file, document: parseDocument(text, basename(file)) };
    }),
  );
}

export interface LoadedContract {
  readonly file: string;
  readonly document: ContractDocument;
}

async function listFiles(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: unknown) => {
    throw new ContractFileError(`${path}: there is no such file or folder`, { cause: error });
  });
  if (!found.isDirectory()) return [path];
  const names = await readdir(path);
  return names
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(path, name));
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function lock(path: string): Promise<AsyncDisposable> {
  const giveUpAt = performance.now() + lockPatienceMs;
  while (!(await take(path))) {
    if (performance.now() > giveUpAt) throw new ContractFileError(`${path}: held by another process for too long`);
    await breakExpired(path);
    await delay(lockTriesMs);
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

async function take(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx');
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function breakExpired(path: string): Promise<void> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > lockExpiryMs) await rm(path, { force: true });
  } catch (error) {
    // Whoever held it has let go in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

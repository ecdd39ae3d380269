// Usage files on disk: one for each consumer and provider, added to by test files that run in several processes at once.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileNameOf } from '../contract/contract-document.ts';
import { updateFile } from '../update-file.ts';
import type { ConsumerUsage, Usage } from './usage.ts';
import { mergeUsage, parseUsage, renderUsage, UsageFileError } from './usage-file.ts';

/** Merges what the tests of one file have shown into the file of a consumer and a provider. */
export async function storeUsage(
  directory: string,
  recorded: ConsumerUsage,
  testFile: string,
  isWhole: boolean,
): Promise<{ readonly path: string; readonly hasChanged: boolean }> {
  const path = join(directory, fileNameOf(recorded.consumer, recorded.provider));
  const hasChanged = await updateFile(path, (before) => {
    const existing = before === undefined ? undefined : parseUsage(before, path);
    return renderUsage(mergeUsage(existing, recorded, testFile, isWhole));
  });
  return { path, hasChanged };
}

/**
 * Reads what all consumers use from the files in a folder.
 *
 * @throws UsageFileError when there is no such folder, no usage file in it, or one that is none: nothing could be said of
 *   a change then.
 */
export async function readUsage(directory: string): Promise<Usage> {
  const names = await readdir(directory).catch((error: unknown) => {
    throw new UsageFileError(`${directory}: there is no such folder`, { cause: error });
  });
  const files = names.filter((name) => name.endsWith('.json')).sort();
  if (files.length === 0) throw new UsageFileError(`${directory}: there is no usage file in it`);
  const read = async (name: string) => parseUsage(await readFile(join(directory, name), 'utf8'), join(directory, name));
  return { consumers: await Promise.all(files.map(read)) };
}

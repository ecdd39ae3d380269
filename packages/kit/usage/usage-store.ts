// Usage files on disk: one for each consumer and provider, added to by test files that run in several processes at once.

import { join } from 'node:path';
import { listSharedFiles, plainText, readText, SharedFile } from '../base/shared-file.ts';
import { fileNameOf } from '../contract-file/contract-document.ts';
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
  const hasChanged = await new SharedFile(path, plainText).update((before) => {
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
  const files = await listSharedFiles(directory, '.json').catch((error: unknown) => {
    throw new UsageFileError(`${directory}: there is no such folder`, { cause: error });
  });
  if (files.length === 0) throw new UsageFileError(`${directory}: there is no usage file in it`);
  return { consumers: files.map((file) => parseUsage(readText(file) ?? '', file)) };
}

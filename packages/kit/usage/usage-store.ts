// Usage files on disk: one for each consumer and provider. Test files that run in several processes at once add to them.

import { join } from 'node:path';
import { listSharedFiles, plainText, readText, SharedFile } from '../base/shared-file.ts';
import { fileNameOf } from '../contract-file/contract-document.ts';
import type { ConsumerUsage, Usage } from './usage.ts';
import { mergeUsage, parseUsage, renderUsage, UsageFileError } from './usage-file.ts';

/** Merges the usage recorded by the tests of one file into the usage file. */
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
 * Reads the usage files of a folder.
 *
 * @throws {UsageFileError} if the folder does not exist or has no usage file, or a file is invalid. Without usage, every change would
 *   seem to break no consumer.
 */
export async function readUsage(directory: string): Promise<Usage> {
  const files = await listSharedFiles(directory, '.json').catch((error: unknown) => {
    throw new UsageFileError(`${directory}: there is no such folder`, { cause: error });
  });
  if (files.length === 0) throw new UsageFileError(`${directory}: there is no usage file in it`);
  return { consumers: files.map((file) => parseUsage(readText(file) ?? '', file)) };
}

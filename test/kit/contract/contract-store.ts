// Contract files on disk. Tests of one contract run in several processes at once and merge their interactions.

import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readText, updateFile } from '../update-file.ts';
import {
  type ContractDocument,
  ContractFileError,
  fileNameOf,
  type InteractionJson,
  mergeDocument,
  parseDocument,
  renderDocument,
} from './contract-document.ts';

/**
 * Merges interactions into the file of a contract; makes the file, and its folder, where there is none.
 *
 * @returns the file's path.
 * @throws ContractFileError when the file there is no contract; Error when others do not let go of it within 10 seconds.
 */
export async function storeInteractions(
  directory: string,
  consumer: string,
  provider: string,
  interactions: readonly InteractionJson[],
): Promise<string> {
  const file = join(directory, fileNameOf(consumer, provider));
  await updateFile(file, (before) => {
    const document = before === undefined ? undefined : parseDocument(before, file);
    return renderDocument(mergeDocument(document, consumer, provider, interactions));
  });
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
      const text = readText(file);
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

// Contract files on disk. Tests of one contract run in several processes at once and merge their interactions.

import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { listSharedFiles, readText, SharedFile } from '../base/shared-file.ts';
import {
  type ContractDocument,
  ContractFileError,
  fileNameOf,
  type InteractionJson,
  mergeDocument,
  parseDocument,
  renderDocument,
} from './contract-document.ts';

/** The file of one contract. */
export class ContractStore {
  readonly file: string;
  readonly #consumer: string;
  readonly #provider: string;
  readonly #shared: SharedFile<ContractDocument>;

  /** @throws {TypeError} when a name cannot be part of a file name. */
  constructor(directory: string, consumer: string, provider: string) {
    this.file = join(directory, fileNameOf(consumer, provider));
    this.#consumer = consumer;
    this.#provider = provider;
    this.#shared = new SharedFile(this.file, {
      parse: (text) => parseDocument(text, this.file),
      render: renderDocument,
    });
  }

  /**
   * Merges interactions into the file; makes the file, and its folder, where there is none.
   *
   * @throws {ContractFileError} when the file there is no contract; Error when other processes hold the lock for 10 seconds.
   */
  async merge(interactions: readonly InteractionJson[]): Promise<void> {
    await this.#shared.update((before) => mergeDocument(before, this.#consumer, this.#provider, interactions));
  }

  /**
   * Removes the interactions for which `isKept` returns false.
   *
   * @returns the removed ones.
   * @throws {ContractFileError} when the file there is no contract; Error when other processes hold the lock for 10 seconds.
   */
  async prune(isKept: (interaction: InteractionJson) => boolean): Promise<InteractionJson[]> {
    if (readText(this.file) === undefined) return [];
    let removed: InteractionJson[] = [];
    await this.#shared.update((before) => {
      const document = mergeDocument(before, this.#consumer, this.#provider, []);
      removed = document.interactions.filter((interaction) => !isKept(interaction));
      if (removed.length === 0) return before ?? document;
      return { ...document, interactions: document.interactions.filter(isKept) };
    });
    return removed;
  }
}

/** Merges interactions into the file of a contract, as `ContractStore.merge` does. Returns the file's path. */
export async function storeInteractions(
  directory: string,
  consumer: string,
  provider: string,
  interactions: readonly InteractionJson[],
): Promise<string> {
  const store = new ContractStore(directory, consumer, provider);
  await store.merge(interactions);
  return store.file;
}

/**
 * Reads contracts: from a file, a folder (all `.json` in it) or a list of both.
 *
 * @throws {ContractFileError} when there is no such file or it is no contract.
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

export type LoadedContract = {
  readonly file: string;
  readonly document: ContractDocument;
};

async function listFiles(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: unknown) => {
    throw new ContractFileError(`${path}: there is no such file or folder`, { cause: error });
  });
  return found.isDirectory() ? listSharedFiles(path, '.json') : [path];
}

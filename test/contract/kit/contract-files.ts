// What the contract tests of the kit share: a folder of their own for contract files, and the error a promise ends with.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder, removed when it is disposed of. */
export async function makeDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'kit-contract-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Returns a contract file as JSON. */
// biome-ignore lint/suspicious/noExplicitAny: the tests look at what is in the file, whatever it is.
export async function readContract(directory: string, name: string): Promise<any> {
  return JSON.parse(await readFile(join(directory, name), 'utf8'));
}

/** Returns the error that a promise is rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => new Error('there was no error'),
    (error: unknown) => error as Error,
  );
}

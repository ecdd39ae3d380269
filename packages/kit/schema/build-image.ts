// Compiles .proto files with the buf that is installed here.

import { execFile } from 'node:child_process';
import { delimiter, dirname, join, resolve } from 'node:path';
import { SchemaError } from './schema-error.ts';

const BUILD_TIMEOUT_MS = 60_000;
const MAX_IMAGE_BYTES = 1 << 28;

/**
 * Returns the image of a folder of .proto files, or of a single one, in binary.
 *
 * @throws {SchemaError} naming the source, when there is no buf or with the first of its complaints.
 */
export function buildImage(source: string): Promise<Uint8Array> {
  const options = {
    env: { ...process.env, PATH: searchPath() },
    encoding: 'buffer',
    timeout: BUILD_TIMEOUT_MS,
    maxBuffer: MAX_IMAGE_BYTES,
  } as const;
  return new Promise((pass, fail) => {
    execFile('buf', ['build', source, '--output', '-'], options, (error, image, complaints) => {
      if (error === null) pass(image);
      else fail(new SchemaError(`${source}: ${explain(error, complaints.toString())}`, { cause: error }));
    });
  });
}

// The packages that a project has installed come first: they fit its sources.
function searchPath(): string {
  const folders: string[] = [];
  for (let folder = resolve('.'); ; folder = dirname(folder)) {
    folders.push(join(folder, 'node_modules', '.bin'));
    if (folder === dirname(folder)) break;
  }
  return [...folders, process.env.PATH ?? ''].join(delimiter);
}

function explain(error: Error & { code?: unknown; killed?: boolean }, complaints: string): string {
  if (error.code === 'ENOENT') {
    return 'cannot be compiled without `buf`; install it (`npm install --save-dev @bufbuild/buf`) or give a descriptor set';
  }
  if (error.killed) return `\`buf build\` was not done within ${BUILD_TIMEOUT_MS / 1000} seconds`;
  const [first = error.message, ...rest] = complaints.split('\n').filter((line) => line.trim() !== '');
  const more = rest.length > 0 ? ` (and ${rest.length} more)` : '';
  return `cannot be compiled: ${first.replace(/^Failure: /, '')}${more}`;
}

// The usage files that the contract tests write: which methods and fields each consumer uses.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HttpHandler } from '#packages/rpc-server/index.ts';
import type { Credentials } from './credentials.ts';
import { jsonRoute } from './json-route.ts';

const MAX_FILES = 200;

/** The route that answers every usage file, or none where there is no folder of them. */
export function usageRoutes(directory: string | undefined, credentials: Credentials): Record<string, HttpHandler> {
  return {
    '/console/usage': jsonRoute('GET', async ({ headers }) => {
      await credentials.requireOperator(headers);
      return { body: { files: directory === undefined ? [] : await readUsage(directory) } };
    }),
  };
}

async function readUsage(directory: string): Promise<unknown[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.json')).sort();
  return await Promise.all(
    names.slice(0, MAX_FILES).map(async (name) => JSON.parse(await readFile(join(directory, name), 'utf8')) as unknown),
  );
}

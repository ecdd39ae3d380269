// Starts the load generator and returns its result.
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { spawnGuarded } from '../../../local/process/watchdog.ts';
import type { LoadOptions, LoadResult } from './generator.ts';

const SCRIPT = fileURLToPath(new URL('generator.ts', import.meta.url));

/**
 * Puts the platform under load. `signal` aborts it.
 *
 * @throws {Error} the generator failed.
 */
export async function putUnderLoad(options: LoadOptions, signal: AbortSignal): Promise<LoadResult> {
  signal.throwIfAborted();
  // Guarded: it would call for as long as it was told, after this process has died.
  const child = spawnGuarded(process.execPath, [SCRIPT, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = (): boolean => child.kill();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [output, [code]] = await Promise.all([text(child.stdout as Readable), once(child, 'close')]);
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`the load generator ended with code ${code}`);
    return JSON.parse(output) as LoadResult;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

// The processes of a measured system: each ends with this one, whatever ends it.
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { awaitReadiness } from '../../../local/process/server-output.ts';
import { spawnGuarded, stopGuarded } from '../../../local/process/watchdog.ts';

const START_LIMIT_MS = 30_000;
const READY = /^ready (http:\S+)$/;

export type RunningProcess = AsyncDisposable & { readonly url: string; readonly pid: number };

/**
 * Starts a script of this folder that prints `ready <url>`. Settings may be secret: the command line shows none of them.
 *
 * @throws {ServerStartError} it did not become ready; the message has its last lines.
 */
export async function startScript(script: string, settings: Readonly<Record<string, string>>): Promise<RunningProcess> {
  const { PATH, NODE_OPTIONS, NODE_COMPILE_CACHE } = process.env;
  const child = spawnGuarded(process.execPath, [fileURLToPath(new URL(script, import.meta.url))], {
    env: { PATH, NODE_OPTIONS, NODE_COMPILE_CACHE, NODE_ENV: 'production', ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let url = '';
  try {
    await awaitReadiness({
      name: script,
      process: child,
      output: child.stdout as Readable,
      log: () => undefined,
      isReady: (line) => {
        url = READY.exec(line)?.[1] ?? '';
        return url !== '';
      },
      timeoutMs: START_LIMIT_MS,
    });
  } catch (error) {
    await stopGuarded(child);
    throw error;
  }
  return { url, pid: child.pid ?? 0, [Symbol.asyncDispose]: () => stopGuarded(child) };
}

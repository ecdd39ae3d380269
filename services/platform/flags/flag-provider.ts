// An OpenFeature provider over one flagd document that it polls. When the document cannot be read or is not valid, the last valid one
// stays in force and a warning is logged.
import { readFile, stat } from 'node:fs/promises';
import { FlagdCore, MemoryStorage } from '@openfeature/flagd-core';
import type { Provider } from '@openfeature/server-sdk';
import { describeError } from '../base/errors.ts';
import { createWorker } from '../base/worker.ts';
import type { Logger } from '../observability/log.ts';

const PERIOD_MS = 500;
const MAX_BYTES = 256 * 1024;
// A file that changed less than this ago is read again: its clock may be coarse, and not quite ours.
const SETTLED_MS = 5_000;

/** Reads the current document. @throws when it cannot be read. */
export type ReadFlags = () => Promise<string>;

/** `document` returns the document in force; undefined before the first. */
export type DocumentProvider = Provider & { document(): string | undefined };

/** Creates a provider of the flags that `read` returns; it polls twice a second, from its initialization until it is closed. */
export function createFlagProvider(read: ReadFlags, log: Logger): DocumentProvider {
  // Targeting rules are interpreted, never compiled to code.
  const storage = new MemoryStorage(toFlagdLog(log), { disableDynamicCodeGeneration: true });
  const flags = new FlagdCore(storage, toFlagdLog(log));
  let inForce: string | undefined;
  let lastFault: string | undefined;
  let reported: string | undefined;

  const poll = async (): Promise<void> => {
    const fault = await readInto(storage);
    // A file that is being written is broken for a moment: a fault is reported when two polls in a row see it.
    if (fault !== undefined && fault === lastFault && fault !== reported) {
      const current = inForce === undefined ? 'the defaults' : 'the last good flags';
      log.warn({ fault }, `the feature flags cannot be read, ${current} stay in force`);
    }
    reported = fault === lastFault ? fault : undefined;
    lastFault = fault;
  };

  const readInto = async (target: MemoryStorage): Promise<string | undefined> => {
    try {
      const text = await read();
      if (text !== inForce) {
        target.setConfigurations(text, true);
        inForce = text;
        log.info({ flags: [...target.getFlags().keys()] }, 'feature flags loaded');
      }
      return undefined;
    } catch (error) {
      return describeFault(error);
    }
  };

  const watcher = createWorker({
    name: 'flag watcher',
    periodMs: PERIOD_MS,
    log,
    work: async () => {
      await poll();
      return false;
    },
  });
  return {
    metadata: { name: 'flag document' },
    runsOn: 'server',
    document: () => inForce,
    initialize: async () => {
      await poll();
      await watcher.start();
    },
    onClose: watcher.stop,
    resolveBooleanEvaluation: async (...query) => flags.resolveBooleanEvaluation(...query),
    resolveStringEvaluation: async (...query) => flags.resolveStringEvaluation(...query),
    resolveNumberEvaluation: async (...query) => flags.resolveNumberEvaluation(...query),
    resolveObjectEvaluation: async (...query) => flags.resolveObjectEvaluation(...query),
  };
}

/**
 * Creates the reader of a file of at most 256 KiB. An unchanged file is only looked at.
 *
 * @throws (when called) when it is no file, too large or not readable.
 */
export function createFlagFile(file: string): ReadFlags {
  let known: { readonly stamp: string; readonly text: string } | undefined;
  return async () => {
    const found = await stat(file, { bigint: true });
    if (!found.isFile()) throw new Error(`${file} is no file`);
    if (found.size > MAX_BYTES) throw new Error(`${file} has more than ${MAX_BYTES} bytes`);
    const stamp = `${found.dev} ${found.ino} ${found.size} ${found.ctimeNs}`;
    if (known?.stamp === stamp) return known.text;
    const text = await readFile(file, 'utf8');
    // Another change within one tick of the file system's clock would leave the stamp as it is.
    known = Date.now() - Number(found.ctimeMs) > SETTLED_MS ? { stamp, text } : undefined;
    return text;
  };
}

// The schema's own message fills pages; the deepest path in it is where the mistake is.
function describeFault(error: unknown): string {
  const paths = [...describeError(error).matchAll(/"instancePath": "([^"]*)"/g)].map(([, path = '']) => path);
  if (paths.length > 0) {
    const deepest = paths.reduce((found, path) => (path.length > found.length ? path : found));
    return `is no valid flagd document, see ${deepest || 'its top'}`;
  }
  const cause = error instanceof Error && error.cause !== undefined ? `: ${describeError(error.cause)}` : '';
  return `${describeError(error)}${cause}`;
}

function toFlagdLog(log: Logger) {
  const debug = (...words: unknown[]): void => log.debug(words.map(describeError).join(' '));
  return { debug, info: debug, warn: debug, error: debug };
}

// OpenFeature provider over one flagd document that is looked at again and again. What cannot be read, or is no valid document,
// changes nothing: the last good one stays in force and the log says so.
import { readFile, stat } from 'node:fs/promises';
import { FlagdCore, MemoryStorage } from '@openfeature/flagd-core';
import type { Provider } from '@openfeature/server-sdk';
import { describeError } from '../base/errors.ts';
import { createWorker } from '../base/worker.ts';
import type { Logger } from '../observability/log.ts';

const PERIOD_MS = 250;
const MAX_BYTES = 256 * 1024;

/** Reads the document as it now is; throws when it cannot be had. */
export type ReadFlags = () => Promise<string>;

/** Makes a provider of the flags that `read` gives; it looks four times a second, from its initialization until it is closed. */
export function createFlagProvider(read: ReadFlags, log: Logger): Provider {
  // Targeting rules are interpreted, never compiled to code.
  const storage = new MemoryStorage(toFlagdLog(log), { disableDynamicCodeGeneration: true });
  const flags = new FlagdCore(storage, toFlagdLog(log));
  let inForce: string | undefined;
  let suspected: string | undefined;
  let reported: string | undefined;

  const look = async (): Promise<void> => {
    const fault = await readInto(storage);
    // A file that is being written is broken for a moment: a fault counts when it is still there at the next look.
    if (fault !== undefined && fault === suspected && fault !== reported) {
      const standing = inForce === undefined ? 'the defaults' : 'the last good flags';
      log.warn({ fault }, `the feature flags cannot be read, ${standing} stay in force`);
    }
    reported = fault === suspected ? fault : undefined;
    suspected = fault;
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
      await look();
      return false;
    },
  });
  return {
    metadata: { name: 'flag document' },
    runsOn: 'server',
    initialize: async () => {
      await look();
      await watcher.start();
    },
    onClose: watcher.stop,
    resolveBooleanEvaluation: async (...query) => flags.resolveBooleanEvaluation(...query),
    resolveStringEvaluation: async (...query) => flags.resolveStringEvaluation(...query),
    resolveNumberEvaluation: async (...query) => flags.resolveNumberEvaluation(...query),
    resolveObjectEvaluation: async (...query) => flags.resolveObjectEvaluation(...query),
  };
}

/** Reads a file of at most 256 KiB. Its content is compared, not its times: a change in the tick of the last look is seen too. */
export async function readFlagFile(file: string): Promise<string> {
  const found = await stat(file);
  if (!found.isFile()) throw new Error(`${file} is no file`);
  if (found.size > MAX_BYTES) throw new Error(`${file} has more than ${MAX_BYTES} bytes`);
  return await readFile(file, 'utf8');
}

// The schema's own words fill pages; the deepest place that they name is where the mistake is.
function describeFault(error: unknown): string {
  const places = [...describeError(error).matchAll(/"instancePath": "([^"]*)"/g)].map(([, place = '']) => place);
  if (places.length > 0) {
    const deepest = places.reduce((found, place) => (place.length > found.length ? place : found));
    return `is no valid flagd document, see ${deepest || 'its top'}`;
  }
  const cause = error instanceof Error && error.cause !== undefined ? `: ${describeError(error.cause)}` : '';
  return `${describeError(error)}${cause}`;
}

function toFlagdLog(log: Logger) {
  const debug = (...words: unknown[]): void => log.debug(words.map(describeError).join(' '));
  return { debug, info: debug, warn: debug, error: debug };
}

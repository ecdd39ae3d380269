// The token that this service shows to its dependencies, kept in a file that its issuer replaces before it expires.
import { readFile } from 'node:fs/promises';
import { describeError } from '../base/errors.ts';
import type { Logger } from '../observability/log.ts';

const READ_PERIOD_MS = 10_000;

const monotonicNow = (): number => performance.now();

/** Returns the current token; undefined when the service has none. */
export type OwnToken = () => Promise<string | undefined>;

/**
 * Creates the reader of a token file, undefined for a service without one. The file is read again every 10 s; while it cannot be read, the last
 * token is used. The time is monotonic: a clock that is set back must not keep an old token.
 *
 * @throws {Error} (when called) naming the file, when it could not be read even once.
 */
export function createOwnToken(path: string | undefined, log: Logger, now = monotonicNow): OwnToken {
  if (path === undefined) return async () => undefined;
  let token: string | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (now() - readAt < READ_PERIOD_MS && token !== undefined) return token;
    readAt = now();
    try {
      token = (await readFile(path, 'utf8')).trim();
    } catch (error) {
      if (token === undefined)
        throw new Error(`IDENTITY_TOKEN_FILE cannot be read: ${describeError(error)}`, { cause: error });
      log.warn({ err: error }, 'the token of this service cannot be read again');
    }
    return token;
  };
}

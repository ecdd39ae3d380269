// The public keys that tokens are verified with: a JWKS in a file or at a URL. New keys are found without a restart.
import { readFile, stat } from 'node:fs/promises';
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';

const CHECK_PERIOD_MS = 1_000;
const URL_PATTERN = /^https?:\/\//;

/** Finds the key of a token. */
export type SigningKeys = {
  readonly find: JWTVerifyGetKey;
  /** Changes when keys may have been removed, so that what they signed is verified again. */
  version(): number;
};

/**
 * Reads the JWKS at `source`, a path or an `http(s)` URL. A file is read again when it has changed, at most once a second; a URL after ten minutes, or at
 * an unknown key, at most every 30 s.
 *
 * @throws (when a key is sought) `JWKSNoMatchingKey` of jose for an unknown key, any other error when the JWKS cannot be read.
 */
export function createSigningKeys(source: string, now: () => number): SigningKeys {
  if (URL_PATTERN.test(source)) return { find: createRemoteJWKSet(new URL(source)), version: () => 0 };
  return createFileKeys(source, now);
}

function createFileKeys(path: string, now: () => number): SigningKeys {
  let keys: JWTVerifyGetKey | undefined;
  let readAt = '';
  let checkedAt = Number.NEGATIVE_INFINITY;
  let version = 0;
  const refresh = async (): Promise<JWTVerifyGetKey> => {
    if (keys !== undefined && now() - checkedAt < CHECK_PERIOD_MS) return keys;
    const { mtimeMs, ino, size } = await stat(path);
    checkedAt = now();
    const state = `${mtimeMs} ${ino} ${size}`;
    if (keys === undefined || state !== readAt) {
      keys = createLocalJWKSet(parseKeys(await readFile(path, 'utf8'), path));
      readAt = state;
      version += 1;
    }
    return keys;
  };
  return {
    find: async (header, token) => (await refresh())(header, token),
    version: () => version,
  };
}

function parseKeys(text: string, path: string) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new errors.JWKSInvalid(`${path} is not JSON`, { cause: error });
  }
}

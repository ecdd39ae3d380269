// The issuer of the local stack's tokens. Its key pair is derived from the stack's secret, so every program that can read the secret can issue.
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { exportJWK, type JSONWebKeySet, SignJWT } from 'jose';
import type { TOKEN_ROLES } from '../../services/platform/identity/caller.ts';
import { derivePasswords } from '../shared/secrets.ts';

export const ISSUER = 'touchstone';
export const AUDIENCE = 'touchstone';
const KEY_ID = 'local';
// What precedes the 32 bytes of an Ed25519 key in PKCS #8.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export type Role = (typeof TOKEN_ROLES)[number];

export type TokenRequest = {
  readonly role: Role;
  /** A customer's id, an operator's name, the name of a service. */
  readonly subject: string;
  readonly lifetimeMs: number;
};

export type TokenIssuer = {
  /** The public key, for TOKEN_KEYS. */
  keySet(): Promise<JSONWebKeySet>;
  issue(request: TokenRequest): Promise<string>;
};

/**
 * Creates the issuer.
 * @param seed 32 bytes in base64url. A secret.
 */
export function createTokenIssuer(seed: string): TokenIssuer {
  const key: KeyObject = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, Buffer.from(seed, 'base64url')]),
    format: 'der',
    type: 'pkcs8',
  });
  return {
    keySet: async () => ({
      keys: [{ ...(await exportJWK(createPublicKey(key))), kid: KEY_ID, alg: 'EdDSA', use: 'sig' }],
    }),
    issue: ({ role, subject, lifetimeMs }) => {
      const now = Math.floor(Date.now() / 1_000);
      return new SignJWT({ role })
        .setProtectedHeader({ alg: 'EdDSA', kid: KEY_ID })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject(subject)
        .setIssuedAt(now)
        .setExpirationTime(now + Math.ceil(lifetimeMs / 1_000))
        .sign(key);
    },
  };
}

/**
 * Creates the issuer of a stack that has started at least once.
 * @throws {Error} when the data directory holds no secret.
 */
export async function readTokenIssuer(dataDir: string): Promise<TokenIssuer> {
  let secret: string;
  try {
    secret = await readFile(`${dataDir}/secret`, 'utf8');
  } catch (error) {
    const message = `${dataDir} holds no secret to sign tokens with: start the platform with \`make run\` first, or set DATA_DIR`;
    throw new Error(message, { cause: error });
  }
  return createTokenIssuer(derivePasswords(secret.trim())('identity'));
}

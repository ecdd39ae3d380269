// Verifies bearer tokens: JWTs signed by a key of the issuer, for this audience, with the claims `sub`, `exp` and `role`.
import { createHash } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { DomainError, describeError, unauthenticated, unavailable } from '../base/errors.ts';
import { type Caller, TOKEN_ROLES } from './caller.ts';
import { createSigningKeys } from './signing-keys.ts';

// Signatures of a key pair only: with a shared secret, every service could issue tokens.
const ALGORITHMS = [
  'EdDSA',
  'Ed25519',
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
];
const MAX_TOKEN_LENGTH = 8_192;
const MAX_SUBJECT_LENGTH = 128;
const MAX_KNOWN_TOKENS = 1_000;
// A verified token is believed this long, so a key that was removed from the issuer's keys is still accepted for as long.
const KNOWN_MS = 60_000;

export type TokenSettings = {
  readonly issuer: string;
  readonly audience: string;
  /** Path or URL of the issuer's public keys, a JWKS; undefined refuses every token. */
  readonly keys: string | undefined;
  /** How far the issuer's clock may be off. */
  readonly clockToleranceMs: number;
};

/**
 * Returns the caller whom a token names.
 *
 * @throws {DomainError} `unauthenticated` TOKEN_INVALID or TOKEN_EXPIRED; `unavailable` TOKEN_KEYS_UNAVAILABLE when the keys cannot be read.
 */
export type VerifyToken = (token: string) => Promise<Caller>;

/** Creates the verifier. It remembers tokens for a minute: a signature costs ten times the rest of a call's checks. */
export function createTokenVerifier(
  settings: TokenSettings,
  now: () => number = Date.now,
  // What is remembered ages by a clock that is never set back.
  monotonicNow: () => number = () => performance.now(),
): VerifyToken {
  const { keys: source, issuer, audience, clockToleranceMs } = settings;
  if (source === undefined) {
    return async () => {
      throw unauthenticated('TOKEN_INVALID', 'this service accepts no tokens: TOKEN_KEYS is not set');
    };
  }
  const keys = createSigningKeys(source, monotonicNow);
  type Known = {
    readonly caller: Caller;
    readonly expireMs: number;
    readonly knownMs: number;
    readonly version: number;
  };
  const known = new Map<string, Known>();
  const isCurrent = ({ expireMs, knownMs, version }: Known): boolean =>
    expireMs > now() && monotonicNow() - knownMs < KNOWN_MS && version === keys.version();

  const verify = async (token: string): Promise<{ caller: Caller; expireMs: number }> => {
    const { payload } = await jwtVerify(token, keys.find, {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      clockTolerance: clockToleranceMs / 1_000,
      currentDate: new Date(now()),
      requiredClaims: ['sub', 'exp', 'role'],
    });
    return { caller: callerOf(payload), expireMs: (payload.exp ?? 0) * 1_000 + clockToleranceMs };
  };

  return async (token) => {
    if (token.length > MAX_TOKEN_LENGTH) throw unauthenticated('TOKEN_INVALID', 'the token is too long');
    const id = createHash('sha256').update(token).digest('base64');
    const entry = known.get(id);
    if (entry !== undefined && isCurrent(entry)) return entry.caller;
    known.delete(id);
    try {
      const { caller, expireMs } = await verify(token);
      const [oldest] = known.keys();
      if (known.size >= MAX_KNOWN_TOKENS && oldest !== undefined) known.delete(oldest);
      known.set(id, { caller, expireMs, knownMs: monotonicNow(), version: keys.version() });
      return caller;
    } catch (error) {
      throw toRefusal(error);
    }
  };
}

function callerOf({ sub = '', role }: JWTPayload): Caller {
  const kind = TOKEN_ROLES.find((known) => known === role);
  if (kind === undefined)
    throw unauthenticated('TOKEN_INVALID', `the token's role is none of ${TOKEN_ROLES.join(', ')}`);
  const length = [...sub].length;
  if (length === 0 || length > MAX_SUBJECT_LENGTH || /\p{C}/u.test(sub)) {
    throw unauthenticated('TOKEN_INVALID', `the token's subject must be 1 to ${MAX_SUBJECT_LENGTH} visible characters`);
  }
  return { kind, id: sub };
}

function toRefusal(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  if (error instanceof errors.JWTExpired) return unauthenticated('TOKEN_EXPIRED', 'the token has expired', error);
  const isUnreadable = error instanceof errors.JWKSInvalid || error instanceof errors.JWKSTimeout;
  // jose throws its own errors for everything a token can do wrong; all others come from reading the keys.
  if (!(error instanceof errors.JOSEError) || isUnreadable || error.code === 'ERR_JOSE_GENERIC') {
    return unavailable({
      reason: 'TOKEN_KEYS_UNAVAILABLE',
      message: 'the keys that tokens are verified with cannot be read now',
      cause: error,
    });
  }
  return unauthenticated('TOKEN_INVALID', `the token is not valid: ${describeError(error)}`, error);
}

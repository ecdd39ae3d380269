// Synthetic (test) traffic in production: only callers that hold the credential may send it. A header carries it from call to call.
import { createHash, timingSafeEqual } from 'node:crypto';
import { permissionDenied } from './errors.ts';

/** The header that carries the credential. */
export const SYNTHETIC_HEADER = 'x-synthetic-credential';

/** The headers of a synthetic call; none without a credential. */
export function syntheticHeaders(credential: string | undefined): Record<string, string> {
  return credential === undefined ? {} : { [SYNTHETIC_HEADER]: credential };
}

/**
 * Requires that the caller holds `credential`; when it is undefined, no caller does.
 *
 * @throws {DomainError} `permission_denied` SYNTHETIC_NOT_ALLOWED
 */
export function requireSyntheticCredential(headers: Headers, credential: string | undefined): void {
  const sent = headers.get(SYNTHETIC_HEADER);
  if (sent !== null && credential !== undefined && timingSafeEqual(digest(sent), digest(credential))) return;
  throw permissionDenied('SYNTHETIC_NOT_ALLOWED', 'synthetic orders need the credential of the monitor');
}

// timingSafeEqual needs equal lengths; hashing also hides the credential's length from a guess.
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

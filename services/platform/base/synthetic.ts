// Test orders in production: only a caller that holds the credential may ask for one. It travels in a header from call to call.
import { createHash, timingSafeEqual } from 'node:crypto';
import { permissionDenied } from './errors.ts';

/** The header that carries the credential. */
export const SYNTHETIC_HEADER = 'x-synthetic-credential';

/** The headers of a call made for a test order; none without a credential. */
export function syntheticHeaders(credential: string | undefined): Record<string, string> {
  return credential === undefined ? {} : { [SYNTHETIC_HEADER]: credential };
}

/**
 * Throws DomainError `permission_denied` SYNTHETIC_NOT_ALLOWED unless the caller holds `credential`; nobody does when it is
 * undefined.
 */
export function requireSyntheticCredential(headers: Headers, credential: string | undefined): void {
  const given = headers.get(SYNTHETIC_HEADER);
  if (given !== null && credential !== undefined && timingSafeEqual(digest(given), digest(credential))) return;
  throw permissionDenied('SYNTHETIC_NOT_ALLOWED', 'synthetic orders need the credential of the monitor');
}

// Digests have one length, which the comparison needs and a guess must not learn.
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

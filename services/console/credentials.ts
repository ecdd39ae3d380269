// Whose credentials a request of the page is forwarded with: those of its `authorization` header, else of the cookie of the sign-in, or,
// where no sign-in is needed, the console's own.
import { permissionDenied, unauthenticated } from '../platform/base/errors.ts';
import type { Caller } from '../platform/identity/caller.ts';
import type { OwnToken } from '../platform/identity/token-file.ts';
import type { VerifyToken } from '../platform/identity/token-verifier.ts';
import { tokenOf } from './session-cookie.ts';

const BEARER = /^Bearer +(\S+) *$/i;

/** The headers that say who a request is from. */
export type RequestHeaders = { readonly authorization?: string | undefined; readonly cookie?: string | undefined };

export type Credentials = {
  /** The `authorization` header to forward; undefined for a guest. */
  find(headers: RequestHeaders): Promise<string | undefined>;
  /** Who the request is from; undefined for a guest. Throws `unauthenticated` for a token that is not valid. */
  identify(headers: RequestHeaders): Promise<Caller | undefined>;
  /** Throws `unauthenticated` or `permission_denied` unless the request is an operator's. */
  requireOperator(headers: RequestHeaders): Promise<void>;
};

/** `signIn`: whether the page has to sign in; if not, it acts by `ownToken`. */
export function makeCredentials(verifyToken: VerifyToken, ownToken: OwnToken, signIn: boolean): Credentials {
  const find: Credentials['find'] = async ({ authorization, cookie }) => {
    if (authorization !== undefined) return authorization;
    // Without a sign-in, a cookie is left from another console of this host: cookies ignore ports.
    const token = signIn ? tokenOf(cookie) : await ownToken();
    return token === undefined ? undefined : `Bearer ${token}`;
  };
  const identify: Credentials['identify'] = async (headers) => {
    const authorization = await find(headers);
    if (authorization === undefined) return undefined;
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) throw unauthenticated('TOKEN_INVALID', 'authorization must be a bearer token');
    return await verifyToken(token);
  };
  return {
    find,
    identify,
    requireOperator: async (headers) => {
      const caller = await identify(headers);
      if (caller === undefined) throw unauthenticated('CREDENTIALS_REQUIRED', 'sign in as an operator first');
      if (caller.kind !== 'operator') throw permissionDenied('ACCESS_DENIED', 'only an operator may do this');
    },
  };
}

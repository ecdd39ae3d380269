// The sign-in of the page: a token that is pasted once becomes a cookie that only the server reads.
import type { HttpHandler } from '#packages/rpc-server/index.ts';
import { DomainError, invalidArgument, unauthenticated } from '../platform/base/errors.ts';
import { callerName } from '../platform/identity/caller.ts';
import type { VerifyToken } from '../platform/identity/token-verifier.ts';
import { readBody } from '../platform/server/read-body.ts';
import type { Credentials } from './credentials.ts';
import { jsonRoute } from './json-route.ts';
import { cookieOf, isCookieToken, MAX_TOKEN_LENGTH } from './session-cookie.ts';

const MAX_BODY_BYTES = 16 * 1024;

export type SignInOptions = {
  readonly credentials: Credentials;
  readonly verifyToken: VerifyToken;
  readonly signIn: boolean;
  /** Whether the console is reached over TLS. */
  readonly secure: boolean;
  /** Whether there is a local stack to break. */
  readonly hasLocalControl: boolean;
};

/** The routes that start, describe and end a session. */
export function signInRoutes(options: SignInOptions): Record<string, HttpHandler> {
  const { credentials, verifyToken, secure } = options;
  return {
    '/console/session': jsonRoute('GET', async ({ headers }) => {
      const caller = await credentials.identify(headers).catch(asNoSession);
      return {
        body: {
          signInNeeded: options.signIn,
          localControl: options.hasLocalControl,
          caller: caller === undefined ? null : { kind: caller.kind, name: callerName(caller) },
        },
      };
    }),
    '/console/sign-in': jsonRoute('POST', async (request) => {
      const token = (await readBody(request, MAX_BODY_BYTES))?.toString('utf8').trim() ?? '';
      if (!isCookieToken(token)) {
        const description = `must be a token of at most ${MAX_TOKEN_LENGTH} characters, as plain text`;
        throw invalidArgument([{ field: 'token', description }]);
      }
      const caller = await verifyToken(token);
      if (caller.kind === 'service') throw unauthenticated('TOKEN_INVALID', 'a service cannot sign in');
      return {
        body: { caller: { kind: caller.kind, name: callerName(caller) } },
        headers: { 'set-cookie': cookieOf(token, secure) },
      };
    }),
    '/console/sign-out': jsonRoute('POST', async () => ({
      body: {},
      headers: { 'set-cookie': cookieOf(undefined, secure) },
    })),
  };
}

/** A token that has expired since is no session. While the keys cannot be read, who the caller is remains open. */
function asNoSession(error: unknown): undefined {
  if (error instanceof DomainError && error.kind === 'unauthenticated') return undefined;
  throw error;
}

// The interceptor that asks who is calling and whether the contract lets that caller call.
import { type ContextValues, createContextKey, type Interceptor } from '@connectrpc/connect';
import { permissionDenied, unauthenticated } from '../base/errors.ts';
import { type Caller, callerName, GUEST } from '../identity/caller.ts';
import type { VerifyToken } from '../identity/token-verifier.ts';
import { describeSpan, isRecorded } from '../observability/tracing.ts';
import { decideAccess } from './access-policy.ts';

const CALLER = createContextKey<Caller>(GUEST, { description: 'the caller' });
const SERVICE_CERTIFICATE = createContextKey<string | undefined>(undefined, {
  description: 'the service that the client certificate names',
});
const BEARER = /^Bearer +(\S+) *$/i;

/** The caller of a call; a guest until access control has run. */
export function callerOf(context: { readonly values: ContextValues }): Caller {
  return context.values.get(CALLER);
}

/** Records the service that the verified client certificate of a connection names. */
export function setServiceCertificate(values: ContextValues, service: string | undefined): void {
  values.set(SERVICE_CERTIFICATE, service);
}

/**
 * Creates the interceptor. A bearer token decides who calls, then a client certificate; without both, the caller is a guest. A wrong token
 * is never ignored.
 */
export function createAccessControl(options: {
  readonly verifyToken: VerifyToken;
  /** Whether guests may call the methods that the contract opens to them. */
  readonly guestsAllowed: boolean;
}): Interceptor {
  const { verifyToken, guestsAllowed } = options;
  const identify = async (header: Headers, values: ContextValues): Promise<Caller> => {
    const authorization = header.get('authorization');
    if (authorization === null) {
      const service = values.get(SERVICE_CERTIFICATE);
      return service === undefined ? GUEST : { kind: 'service', id: service };
    }
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) throw unauthenticated('TOKEN_INVALID', 'authorization must be a bearer token');
    return await verifyToken(token);
  };
  return (next) => async (request) => {
    const caller = await identify(request.header, request.contextValues);
    request.contextValues.set(CALLER, caller);
    if (isRecorded()) describeSpan({ 'enduser.id': callerName(caller) });
    const decision = decideAccess(request.method, caller, guestsAllowed);
    if (decision.kind === 'allowed') return await next(request);
    throw decision.kind === 'unauthenticated'
      ? unauthenticated('CREDENTIALS_REQUIRED', decision.message)
      : permissionDenied('ACCESS_DENIED', decision.message);
  };
}

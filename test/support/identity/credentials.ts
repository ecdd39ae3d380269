// Credentials for tests. Most tests are not about access: their clients call each RPC as a caller whom the contract allows.
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { DescMethod } from '@bufbuild/protobuf';
import type { Interceptor } from '@connectrpc/connect';
import { Role as AccessRole } from '#gen/shop/access/v1/access_pb.ts';
import { AUDIENCE, createTokenIssuer, ISSUER, type Role } from '#local/identity/token-issuer.ts';
import type { IdentityConfig } from '#services/platform/identity/identity-settings.ts';
import { accessOf } from '#services/platform/server/access-policy.ts';
import { findMethod } from './every-service.ts';

const LIFETIME_MS = 3_600_000;

/** The seed of the issuer whose tokens the services in fixtures accept. */
export const TEST_SEED = createHash('sha256').update('the issuer of tokens in tests').digest('base64url');

/** For load of few customers: as many pending orders each as it takes. */
export const NO_CUSTOMER_LIMIT = { MAX_PENDING_ORDERS: '1000000' };

/** The settings with which a service in a fixture accepts the tokens of `createTokens()`, and guests. */
export const TEST_IDENTITY = {
  TOKEN_KEYS: fileURLToPath(new URL('./test-keys.json', import.meta.url)),
  GUEST_ORDERS: 'on',
  ...NO_CUSTOMER_LIMIT,
};

/** The same for a service that is given a config instead of settings. */
export const TEST_IDENTITY_CONFIG: IdentityConfig = {
  tokens: { issuer: ISSUER, audience: AUDIENCE, keys: TEST_IDENTITY.TOKEN_KEYS, clockToleranceMs: 0 },
  ownTokenFile: undefined,
  tls: undefined,
  trustDomain: 'touchstone.local',
  insecure: false,
};

/** Issues the token of a caller. */
export type Tokens = (role: Role, subject: string) => Promise<string>;

/** Creates the issuer of an hour's tokens; each caller gets the same token again. */
export function createTokens(seed: string = TEST_SEED): Tokens {
  const issuer = createTokenIssuer(seed);
  const issued = new Map<string, Promise<string>>();
  return (role, subject) => {
    const known = issued.get(`${role}:${subject}`);
    const token = known ?? issuer.issue({ role, subject, lifetimeMs: LIFETIME_MS });
    issued.set(`${role}:${subject}`, token);
    return token;
  };
}

/** Sends with each call the credentials of a caller whom the contract allows to call. */
export function asAllowedCaller(tokens: Tokens = createTokens()): Interceptor {
  return (next) => async (request) => {
    const caller = allowedCaller(request.method);
    if (caller !== undefined && !request.header.has('authorization')) {
      request.header.set('authorization', `Bearer ${await tokens(...caller)}`);
    }
    return await next(request);
  };
}

/** The headers with which a caller whom the contract allows calls a path such as `shop.order.v1.OrderService/GetOrder`. */
export async function allowedHeaders(path: string, tokens: Tokens = createTokens()): Promise<Record<string, string>> {
  const method = findMethod(path);
  const caller = method && allowedCaller(method);
  return caller === undefined ? {} : bearer(await tokens(...caller));
}

/** The headers of one caller. */
export async function headersOf(
  role: Role,
  subject: string,
  tokens: Tokens = createTokens(),
): Promise<{ authorization: string }> {
  return bearer(await tokens(role, subject));
}

function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** Sends the credentials of one caller with each call. */
export function asCaller(role: Role, subject: string, tokens: Tokens = createTokens()): Interceptor {
  return (next) => async (request) => {
    request.header.set('authorization', `Bearer ${await tokens(role, subject)}`);
    return await next(request);
  };
}

/** Orders are placed by guests and read by an operator, who may see those of every caller. Undefined: no credentials are needed. */
function allowedCaller(method: DescMethod): [Role, string] | undefined {
  const access = accessOf(method);
  if (access === undefined || access.roles.includes(AccessRole.PUBLIC)) return undefined;
  const [service] = access.services;
  if (service !== undefined) return ['service', service];
  if (access.guests && !method.input.fields.some(({ name }) => name === 'order_id')) return undefined;
  return ['operator', 'tester'];
}

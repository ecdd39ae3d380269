// Transports to the services of a stack, with the credentials of callers whom the contract allows.
import type { Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import type { ServiceName } from '#local/shared/topology.ts';
import type { Stack } from '#local/stack/stack.ts';
import { asAllowedCaller, createTokens } from './credentials.ts';

/** Opens a transport to a service; each call has the credentials of a caller who may make it. */
export function connectTo(stack: Pick<Stack, 'url' | 'identitySeed'>, service: ServiceName): Transport {
  return createConnectTransport({
    baseUrl: stack.url(service),
    httpVersion: '1.1',
    interceptors: [asAllowedCaller(createTokens(stack.identitySeed()))],
  });
}

// GET /healthz, for probes that speak neither gRPC nor POST: what grpc.health.v1.Health says of the whole service.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HealthRegistry, ServingStatus } from '#packages/rpc-server/index.ts';

/** Creates the handler: 200 while the service is SERVING, otherwise 503. */
export function createHealthRoute(health: Pick<HealthRegistry, 'get'>) {
  return (_request: IncomingMessage, response: Pick<ServerResponse, 'writeHead' | 'end'>): void => {
    const isServing = health.get('') === ServingStatus.SERVING;
    response.writeHead(isServing ? 200 : 503, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
    response.end(isServing ? 'SERVING\n' : 'NOT_SERVING\n');
  };
}

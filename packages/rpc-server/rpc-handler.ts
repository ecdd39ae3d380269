// The handler of requests, independent of a port: options -> routes -> request handler.

import type { DescService } from '@bufbuild/protobuf';
import { createHealthService, HealthService } from './introspection/health.ts';
import { HealthRegistry } from './introspection/health-registry.ts';
import { addReflection } from './introspection/reflection.ts';
import { createLimitErrors } from './limits/limit-error.ts';
import { type HttpHandler, type ResolvedOptions, type RpcServerOptions, resolveOptions } from './options.ts';
import { createRequestHandler } from './request-handler.ts';
import { createRouteTable } from './routes.ts';
import { Shutdown } from './shutdown.ts';

const MAX_HEALTH_WATCHES = 100;
// A client reads the whole schema within seconds.
const REFLECTION_LIMITS = { maxStreams: 20, maxStreamAgeMs: 60_000 };

/** Handles requests: the services of the options, health and reflection. */
export type RpcHandler = {
  readonly options: ResolvedOptions;
  /** The statuses the health service answers with. */
  readonly health: HealthRegistry;
  /** Every service, health and reflection included. */
  readonly services: readonly DescService[];
  /** Aborted by `endStreams`, its reason an `unavailable` error. */
  readonly shutdownSignal: AbortSignal;
  /** Answers a request; it never throws or rejects. */
  readonly handle: HttpHandler;
  /** Ends server and bidi streams with `unavailable`. */
  endStreams(): Promise<void>;
  /** Ends everything else with `unavailable`. */
  endCalls(): void;
};

/**
 * Creates a handler for a port of the caller; `createRpcServer` uses it as well. It ignores the options that concern the
 * port.
 *
 * @throws TypeError naming the option that cannot be used, Error when an RPC is registered twice.
 */
export function createRpcHandler(serverOptions: RpcServerOptions): RpcHandler {
  const options = resolveOptions(serverOptions);
  const health = options.health ?? new HealthRegistry();
  const shutdown = new Shutdown(createLimitErrors(options.errorDomain));
  const routes = createRouteTable(options, shutdown);
  options.routes(routes.router);
  routes.ownRouterFor({ maxStreams: MAX_HEALTH_WATCHES }).service(HealthService, createHealthService(health));
  addReflection(routes.ownRouterFor(REFLECTION_LIMITS), routes.services);
  const services = routes.services();
  for (const service of services) health.register(service.typeName);
  return {
    options,
    health,
    services,
    shutdownSignal: shutdown.signal,
    handle: createRequestHandler(options, routes),
    endStreams: () => shutdown.endStreams(),
    endCalls: () => shutdown.endCalls(),
  };
}

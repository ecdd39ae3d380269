// A virtual service without a port: clients in the same process call it over a transport or a fetch function, and the network mocks of
// browsers over a handler.

import { createConnectRouter, createRouterTransport, type Transport } from '@connectrpc/connect';
import { createFetchHandler, type UniversalHandler } from '@connectrpc/connect/protocol';
import type { AnswerSources } from './answer-call.ts';
import {
  createParts,
  routeParts,
  type StubbedService,
  StubbedServiceBase,
  type StubbedServiceOptions,
  type StubbedServiceParts,
} from './stubbed-service.ts';

/** A virtual service in memory. It has the stubs, the states and the journal of one with a port, but no faults. */
export interface InMemoryService extends StubbedService {
  /** The transport for clients in this process. Messages are encoded and decoded as on a wire. */
  readonly transport: Transport;
  /**
   * Answers a request in Connect or gRPC-Web, whatever its host is. Returns `undefined` if its path is not an RPC of the
   * services, so that it can be passed on.
   */
  handle(request: Request): Promise<Response> | undefined;
}

const NO_FAULTS = {
  enable: () => {
    throw new TypeError('faults need a connection: use startVirtualService, which has a port');
  },
  plan: () => undefined,
};

/**
 * Creates a virtual service in memory. Until calls are stubbed, it answers from its contract, if it has one, and
 * `unimplemented`.
 *
 * @throws {ContractFileError} if the contract is invalid or does not fit the services.
 */
export async function createInMemoryService(options: StubbedServiceOptions): Promise<InMemoryService> {
  const parts = await createParts(options);
  return new InMemoryServiceWithoutPort(parts, { ...parts.sources, wire: NO_FAULTS });
}

class InMemoryServiceWithoutPort extends StubbedServiceBase implements InMemoryService {
  readonly transport: Transport;
  readonly #handlers: ReadonlyMap<string, UniversalHandler>;

  constructor(parts: StubbedServiceParts, sources: AnswerSources) {
    super(parts, NO_FAULTS);
    this.transport = createRouterTransport((router) => routeParts(router, parts, () => sources));
    const router = createConnectRouter();
    routeParts(router, parts, () => sources);
    this.#handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  }

  handle(request: Request): Promise<Response> | undefined {
    const { pathname } = new URL(request.url);
    // A base URL may have a path of its own.
    const path = pathname.split('/').slice(-2).join('/');
    const handler = this.#handlers.get(`/${path}`);
    return handler && createFetchHandler(handler)(request);
  }
}

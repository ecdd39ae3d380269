// A virtual service: a real server on a real port that answers from stubs and records the calls it receives. A fault proxy in
// front of the server owns that port.

import { createRpcServer, type HealthRegistry, type RpcServer } from '@touchstone/rpc-server';
import { type BrowserAccess, corsOf } from '../base/browser-access.ts';
import { ResourceStack } from '../base/resource-stack.ts';
import { SERVER_LIMITS } from '../base/server-limits.ts';
import { explainMismatch, type ServerTls } from '../base/server-tls.ts';
import type { Fault } from '../fault-proxy/core/fault.ts';
import { type FaultProxy, startFaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { FaultHandle, InjectOptions } from '../fault-proxy/injected-fault.ts';
import type { AnswerSources } from './answer-call.ts';
import { type CallForwarder, createForwarder, openUpstream, type UpstreamOptions } from './forwarded-calls.ts';
import {
  createParts,
  routeParts,
  type StubbedService,
  StubbedServiceBase,
  type StubbedServiceOptions,
  type StubbedServiceParts,
} from './stubbed-service.ts';
import { WireFaults } from './wire-faults.ts';

/** The services that a virtual service implements, and the address it listens on. */
export type VirtualServiceOptions = StubbedServiceOptions &
  UpstreamOptions &
  BrowserAccess &
  ServerTls & {
    /** Address to listen on. Default `127.0.0.1`. */
    readonly host?: string;
    /** Port to listen on. Default 0: any free port. */
    readonly port?: number;
  };

/** A running virtual service. Disposing of it stops it. */
export interface VirtualService extends StubbedService, AsyncDisposable {
  /** Its URL, such as `http://127.0.0.1:40123`. It speaks gRPC, gRPC-Web and Connect. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The statuses that its health service reports. */
  readonly health: HealthRegistry;
  /** Switches on a fault for RPCs or connections, as `FaultProxy.inject` does. */
  inject(fault: Fault, options?: InjectOptions): FaultHandle;
  /** How many connections of callers are open. */
  readonly connections: number;
  /** How many calls were forwarded to `upstream`. */
  readonly forwardedCalls: number;
  /** Returns the faults that `inject` switched on, in the order of injection. */
  faults(): FaultHandle[];
  /** Removes every stub, recorded call and fault, and returns to the first state and contract states. Calls in flight are not affected. */
  reset(): void;
  /** Ends running calls with `unavailable` and closes the port. */
  stop(): Promise<void>;
}

const DEFAULT_HOST = '127.0.0.1';
// A client cannot connect to a wildcard address, so the URL names the loopback address instead.
const WILDCARD_HOST = /\/\/(?:0\.0\.0\.0|(\[::\])):/;

/**
 * Starts a virtual service. Until calls are stubbed, it answers from its contract, if it has one, and `unimplemented`.
 *
 * @throws {Error} naming host and port if the address is not available.
 * @throws {ContractFileError} if the contract is invalid or does not fit the services.
 * @throws {TypeError} `upstream` is no URL of a service, a certificate or a key cannot be used, or `generate` is given too.
 * @throws {ProviderUnreachableError} The certificate of `upstream` is not trusted, or only one side speaks TLS.
 */
export async function startVirtualService(options: VirtualServiceOptions): Promise<VirtualService> {
  if (options.upstream !== undefined && options.generate !== undefined) {
    throw new TypeError('generate: cannot be given with upstream, which answers the same calls');
  }
  // A field of JSON that the schema does not have cannot be forwarded.
  const unknownJsonFields = options.upstream === undefined ? options.unknownJsonFields : 'refused';
  const parts = await createParts({ ...options, ...(unknownJsonFields && { unknownJsonFields }) });
  await using opened = new ResourceStack();
  const upstream = await openUpstream(options, parts.sources.registry);
  if (upstream) opened.use(upstream);
  let sources: AnswerSources;
  const server = createRpcServer({
    routes: (router) => routeParts(router, parts, () => sources),
    // Tests reach it by whatever name they gave it.
    allowedHosts: ['*'],
    ...SERVER_LIMITS,
    ...corsOf(options),
    onTlsMismatch: explainMismatch(options.onProblem),
  });
  const proxy = await listen(server, options);
  const wire = new WireFaults(proxy);
  const forwarder = upstream && createForwarder(upstream);
  sources = { ...parts.sources, wire, forwarder };
  return new RunningVirtualService({ parts, server, proxy, wire, forwarder, resources: opened.move() });
}

/** Opens the port of the service, which is that of the proxy. Only the proxy uses the server's own port. */
async function listen(
  server: RpcServer,
  { host = DEFAULT_HOST, port = 0, tls, onProblem }: VirtualServiceOptions,
): Promise<FaultProxy> {
  const { url } = await server.listen();
  try {
    return await startFaultProxy({ upstream: url, host, port, ...(tls && { tls }), ...(onProblem && { onProblem }) });
  } catch (error) {
    await server.stop({ graceMs: 0 });
    if (error instanceof TypeError) throw error;
    const { cause = error } = error as Error;
    throw new Error(`the virtual service cannot listen on ${host}:${port}: ${(cause as Error).message}`, {
      cause: error,
    });
  }
}

type RunningParts = {
  readonly parts: StubbedServiceParts;
  readonly server: RpcServer;
  readonly proxy: FaultProxy;
  readonly wire: WireFaults;
  readonly forwarder: CallForwarder | undefined;
  /** What is released when it has stopped. */
  readonly resources: ResourceStack;
};

class RunningVirtualService extends StubbedServiceBase implements VirtualService {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly #server: RpcServer;
  readonly #proxy: FaultProxy;
  readonly #wire: WireFaults;
  readonly #forwarder: CallForwarder | undefined;
  readonly #resources: ResourceStack;
  #stopping: Promise<void> | undefined;

  constructor({ parts, server, proxy, wire, forwarder, resources }: RunningParts) {
    super(parts, wire);
    this.#server = server;
    this.#proxy = proxy;
    this.#wire = wire;
    this.#forwarder = forwarder;
    this.#resources = resources;
    this.host = proxy.host;
    this.port = proxy.port;
    this.url = proxy.url.replace(WILDCARD_HOST, (_, six) => (six ? '//[::1]:' : '//127.0.0.1:'));
  }

  get health(): HealthRegistry {
    return this.#server.health;
  }

  inject(fault: Fault, options?: InjectOptions): FaultHandle {
    return this.#proxy.inject(fault, options);
  }

  get connections(): number {
    return this.#proxy.connections;
  }

  get forwardedCalls(): number {
    return this.#forwarder?.calls ?? 0;
  }

  faults(): FaultHandle[] {
    return this.#proxy.faults().filter((handle) => !this.#wire.owns(handle));
  }

  override reset(): void {
    this.#proxy.heal();
    this.#wire.clear();
    super.reset();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  // The server stops first, because the proxy still has to pass its last answers to waiting callers.
  async #stop(): Promise<void> {
    await this.#server.stop({ graceMs: 0 });
    await this.#proxy.stop();
    await this.#resources[Symbol.asyncDispose]();
  }
}

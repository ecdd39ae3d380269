// A virtual service: a real server on a real port that answers from stubs and records the calls it receives. A fault proxy in
// front of the server owns that port.

import type { DescMethod, DescService, Message, MessageShape, Registry } from '@bufbuild/protobuf';
import { ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { createRpcServer, type HealthRegistry, type RpcServer } from '@touchstone/rpc-server';
import { type BrowserAccess, corsOf } from '../base/browser-access.ts';
import { singleResponse, streamsRequests, streamsResponses } from '../base/method-kind.ts';
import { nameOf } from '../base/rpc-name.ts';
import { SERVER_LIMITS } from '../base/server-limits.ts';
import { explainMismatch, type ServerTls } from '../base/server-tls.ts';
import type { Fault } from '../fault-proxy/core/fault.ts';
import { type FaultProxy, startFaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { FaultHandle, InjectOptions } from '../fault-proxy/injected-fault.ts';
import { exactJson } from '../matching/exact-json.ts';
import { createTypeRegistry, type KnownType } from '../matching/type-registry.ts';
import { type AnswerSources, answerCall } from './answer-call.ts';
import { loadContractAnswers } from './contract-answers.ts';
import { type Call, Journal } from './journal.ts';
import { createReceived, type Received } from './received.ts';
import type { RequestLiteral } from './request-pattern.ts';
import { createStub, type Stub } from './stub.ts';
import { StubRegistry, type StubState } from './stub-registry.ts';
import { WireFaults } from './wire-faults.ts';

/** The services that a virtual service implements, and the address it listens on. */
export type VirtualServiceOptions = BrowserAccess &
  ServerTls & {
    /** The services to implement: generated ones, or those of `loadSchema`. */
    readonly services: readonly DescService[];
    /** Types that messages may hold in a `google.protobuf.Any`, in addition to those of the services' files. */
    readonly types?: readonly KnownType[];
    /** Contracts that answer calls without a matching stub: a file, a folder, or a list of both. */
    readonly contract?: string | readonly string[];
    /** The provider states to use: interactions that need another state are left out. Default: all interactions. */
    readonly contractStates?: readonly string[];
    /** The initial state. Default `initial`. */
    readonly state?: string;
    /** Address to listen on. Default `127.0.0.1`. */
    readonly host?: string;
    /** Port to listen on. Default 0: any free port. */
    readonly port?: number;
    /** How many requests the journal keeps. Default 10,000. Beyond that it drops the oldest calls. */
    readonly journalLimit?: number;
    /** Whether a request in JSON with a field that its message does not have is `invalid_argument`. Default: it is read without it. */
    readonly unknownJsonFields?: 'ignored' | 'refused';
  };

/** A running virtual service. Disposing of it stops it. */
export interface VirtualService extends AsyncDisposable {
  /** Its URL, such as `http://127.0.0.1:40123`. It speaks gRPC, gRPC-Web and Connect. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The services that it implements. */
  readonly services: readonly DescService[];
  /** The types that messages may hold in a `google.protobuf.Any`. */
  readonly registry: Registry;
  /** The statuses that its health service reports. */
  readonly health: HealthRegistry;
  /** Its state. Stubs can depend on it (`when`) and change it (`becomes`), and the test can set it. */
  state: string;
  /**
   * Creates a stub for the requests that `match` matches; without it, for all requests. Values may be matchers. Of several
   * stubs that match a call, the most specific one answers. A stub for the same requests and states is replaced.
   *
   * @param method an RPC of the services, or its name, such as `greet.v1.GreetService/Greet`.
   * @throws {LiteralError} if `match` has a field or value that the request does not have.
   * @throws {Error} if the RPC is not served here.
   */
  stub<M extends DescMethod>(method: M | string, match?: RequestLiteral<M>): Stub<M>;
  /** Returns the stubs in the order in which they were created, with how often each answered. */
  stubs(): StubState[];
  /** Removes the stubs that `isRemoved` selects, and returns them. */
  removeStubs(isRemoved: (stub: StubState) => boolean): StubState[];
  /** Runs `change`, which creates and removes stubs. If it throws, the stubs are as before. */
  changeStubs<T>(change: () => T): T;
  /** The provider states that the interactions of its contracts have. */
  readonly knownContractStates: readonly string[];
  /** The selected provider states; `undefined` if all interactions answer. */
  readonly contractStates: readonly string[] | undefined;
  /**
   * Selects provider states, as the option `contractStates` does; without any, all interactions answer.
   *
   * @throws {ContractFileError} if no interaction is given one of the states.
   * @throws {Error} if it has no contract.
   */
  useContractStates(...states: string[]): void;
  /** Returns assertions about the calls received by one RPC, answered or not. */
  received<M extends DescMethod>(method: M | string): Received<M>;
  /** Returns the requests received by one RPC, in the order of arrival. */
  requests<M extends DescMethod>(method: M | string): MessageShape<M['input']>[];
  /** Returns the calls received by one RPC with their headers and outcomes, in the order of arrival. */
  calls<M extends DescMethod>(method: M | string): Call<M>[];
  /** Returns the calls of one RPC, or of all, in the order of arrival, and how many of them were dropped. */
  journal(method?: DescMethod | string): { readonly calls: readonly Call[]; readonly dropped: number };
  /** Returns the errors of calls that matched no stub, or several. Useful if the client under test swallows errors. */
  unmatchedRequests(): string[];
  /** Switches on a fault for RPCs or connections, as `FaultProxy.inject` does. */
  inject(fault: Fault, options?: InjectOptions): FaultHandle;
  /** How many connections of callers are open. */
  readonly connections: number;
  /** Returns the faults that `inject` switched on, in the order of injection. */
  faults(): FaultHandle[];
  /** Removes every stub, recorded call and fault, and returns to the first state and contract states. Calls in flight are not affected. */
  reset(): void;
  /** Ends running calls with `unavailable` and closes the port. */
  stop(): Promise<void>;
}

const DEFAULT_JOURNAL_LIMIT = 10_000;
const DEFAULT_HOST = '127.0.0.1';
// A client cannot connect to a wildcard address, so the URL names the loopback address instead.
const WILDCARD_HOST = /\/\/(?:0\.0\.0\.0|(\[::\])):/;

/**
 * Starts a virtual service. Until calls are stubbed, it answers from its contract, if it has one, and `unimplemented`.
 *
 * @throws {Error} naming host and port if the address is not available.
 * @throws {ContractFileError} if the contract is invalid or does not fit the services.
 */
export async function startVirtualService(options: VirtualServiceOptions): Promise<VirtualService> {
  const { services, types = [], contract, contractStates: states } = options;
  const registry = createTypeRegistry([...services, ...types]);
  const parts = {
    stubs: new StubRegistry(registry, options.state ?? 'initial'),
    contract: contract === undefined ? undefined : await loadContractAnswers(contract, { services, registry, states }),
    journal: new Journal(options.journalLimit ?? DEFAULT_JOURNAL_LIMIT),
    registry,
  };
  const served = new Map(services.flatMap(({ methods }) => methods.map((method) => [nameOf(method), method])));
  let sources: AnswerSources;
  const server = createRpcServer({
    routes: (router) => {
      for (const method of served.values()) {
        const jsonOptions = exactJson(method, registry, options.unknownJsonFields ?? 'ignored');
        route(router, method, { jsonOptions, sources: () => sources });
      }
    },
    // Tests reach it by whatever name they gave it.
    allowedHosts: ['*'],
    ...SERVER_LIMITS,
    ...corsOf(options),
    onTlsMismatch: explainMismatch(options.onProblem),
  });
  const proxy = await listen(server, options);
  sources = { ...parts, wire: new WireFaults(proxy) };
  return new RunningVirtualService({ server, proxy, sources, served, services });
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

type VirtualServiceParts = {
  readonly server: RpcServer;
  readonly proxy: FaultProxy;
  readonly sources: AnswerSources;
  readonly served: ReadonlyMap<string, DescMethod>;
  readonly services: readonly DescService[];
};

class RunningVirtualService implements VirtualService {
  readonly services: readonly DescService[];
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly #server: RpcServer;
  readonly #proxy: FaultProxy;
  readonly #sources: AnswerSources;
  readonly #served: ReadonlyMap<string, DescMethod>;
  #stopping: Promise<void> | undefined;

  constructor({ server, proxy, sources, served, services }: VirtualServiceParts) {
    this.services = services;
    this.#server = server;
    this.#proxy = proxy;
    this.#sources = sources;
    this.#served = served;
    this.host = proxy.host;
    this.port = proxy.port;
    this.url = proxy.url.replace(WILDCARD_HOST, (_, six) => (six ? '//[::1]:' : '//127.0.0.1:'));
  }

  get registry(): Registry {
    return this.#sources.registry;
  }

  get health(): HealthRegistry {
    return this.#server.health;
  }

  get state(): string {
    return this.#sources.stubs.state;
  }

  set state(state: string) {
    this.#sources.stubs.state = state;
  }

  stub<M extends DescMethod>(method: M | string, match?: RequestLiteral<M>): Stub<M> {
    const { stubs, wire } = this.#sources;
    const served = this.#find(method);
    const draft = stubs.create(served, match);
    return createStub<M>({
      method: served,
      restrict: (states) => draft.restrict(states),
      addStep: (step) => {
        if (step.fault) wire.enable(served);
        draft.addStep(step);
      },
      amend: (change) => draft.amend(change),
    });
  }

  stubs(): StubState[] {
    return this.#sources.stubs.list();
  }

  removeStubs(isRemoved: (stub: StubState) => boolean): StubState[] {
    return this.#sources.stubs.remove(isRemoved);
  }

  changeStubs<T>(change: () => T): T {
    return this.#sources.stubs.atomically(change);
  }

  get knownContractStates(): readonly string[] {
    return this.#sources.contract?.knownStates ?? [];
  }

  get contractStates(): readonly string[] | undefined {
    return this.#sources.contract?.states;
  }

  useContractStates(...states: string[]): void {
    const { contract } = this.#sources;
    if (!contract) throw new Error('the virtual service has no contract, so it has no contract states');
    contract.use(states.length === 0 ? undefined : states);
  }

  received<M extends DescMethod>(method: M | string): Received<M> {
    const { journal, registry } = this.#sources;
    const served = this.#find(method);
    return createReceived({ method: served, calls: journal.of(served), dropped: journal.droppedOf(served), registry });
  }

  requests<M extends DescMethod>(method: M | string): MessageShape<M['input']>[] {
    return this.calls(method).flatMap(({ requests }) => requests);
  }

  calls<M extends DescMethod>(method: M | string): Call<M>[] {
    return this.#sources.journal.of(this.#find(method));
  }

  journal(method?: DescMethod | string): { readonly calls: readonly Call[]; readonly dropped: number } {
    const { journal } = this.#sources;
    if (method === undefined) return { calls: journal.all(), dropped: journal.dropped };
    const served = this.#find(method);
    return { calls: journal.of(served), dropped: journal.droppedOf(served) };
  }

  unmatchedRequests(): string[] {
    return this.#sources.journal
      .all()
      .filter(({ outcome }) => outcome === 'unmatched')
      .map(({ error }) => ConnectError.from(error).rawMessage);
  }

  inject(fault: Fault, options?: InjectOptions): FaultHandle {
    return this.#proxy.inject(fault, options);
  }

  get connections(): number {
    return this.#proxy.connections;
  }

  faults(): FaultHandle[] {
    return this.#proxy.faults().filter((handle) => !this.#sources.wire.owns(handle));
  }

  reset(): void {
    const { stubs, journal, wire, contract } = this.#sources;
    this.#proxy.heal();
    wire.clear();
    stubs.clear();
    journal.clear();
    contract?.reset();
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
  }

  #find<M extends DescMethod>(method: M | string): M {
    const name = typeof method === 'string' ? method : nameOf(method);
    const served = this.#served.get(name);
    if (!served) throw new Error(`${name} is not served here: its service is not in "services"`);
    // RPCs of the same name are the same on the wire, whether their descriptors were generated or loaded.
    return served as M;
  }
}

type RouteOptions = {
  readonly jsonOptions: ReturnType<typeof exactJson>;
  readonly sources: () => AnswerSources;
};

function route(router: ConnectRouter, method: DescMethod, { jsonOptions, sources }: RouteOptions): void {
  const answer = (given: Message | AsyncIterable<Message>, context: HandlerContext) => {
    const requests = streamsRequests(method) ? (given as AsyncIterable<Message>) : [given as Message];
    return answerCall(method, requests, context, sources());
  };
  const implementation = streamsResponses(method)
    ? answer
    : async (given: Message | AsyncIterable<Message>, context: HandlerContext) =>
        singleResponse(answer(given, context));
  router.rpc(method, implementation as never, { jsonOptions });
}

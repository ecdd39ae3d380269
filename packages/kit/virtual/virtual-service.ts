// A virtual service: a real server on a real port that answers what a test has told it to, and remembers what it was
// asked. In front of it, on that port, stands a fault proxy, which passes everything unless a test wants harm.

import type { DescMessage, DescMethod, DescService, Message, MessageShape } from '@bufbuild/protobuf';
import { ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { createRpcServer, type HealthRegistry, type RpcServer } from '@touchstone/rpc-server';
import { singleResponse, streamsRequests, streamsResponses } from '../base/method-kind.ts';
import { nameOf } from '../base/rpc-name.ts';
import type { Fault } from '../fault-proxy/core/fault.ts';
import { type FaultProxy, startFaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { FaultHandle, InjectOptions } from '../fault-proxy/injected-fault.ts';
import { createTypeRegistry } from '../matching/type-registry.ts';
import { type Answering, answerCall } from './answer-call.ts';
import { loadContractAnswers } from './contract-answers.ts';
import { type Call, Journal } from './journal.ts';
import { createReceived, type Received } from './received.ts';
import type { RequestLiteral } from './request-pattern.ts';
import { createStub, type Stub } from './stub.ts';
import { StubBook } from './stub-registry.ts';
import { WireFaults } from './wire-faults.ts';

/** What a virtual service stands in for, and where it listens. */
export interface VirtualServiceOptions {
  /** The services to stand in for: generated, or out of `loadSchema`. */
  readonly services: readonly DescService[];
  /** Types that messages may hold in a `google.protobuf.Any`, beyond those in the services' files. */
  readonly types?: readonly DescMessage[];
  /** Contracts whose interactions answer where no stub is for a call: a file, a folder, or a list of both. */
  readonly contract?: string | readonly string[];
  /** The provider states of the contract: interactions given others are left out. Without it all of them answer. */
  readonly contractStates?: readonly string[];
  /** The state to begin with. Default `initial`. */
  readonly state?: string;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port to listen on; 0, the default, lets the system choose a free one. */
  readonly port?: number;
  /** How many requests are remembered. Default 10,000; after that the oldest calls are forgotten. */
  readonly journalLimit?: number;
}

/** A running virtual service. It stops when it is disposed of. */
export interface VirtualService extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:40123`. It speaks gRPC, gRPC-Web and Connect there. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The statuses its health service answers with. */
  readonly health: HealthRegistry;
  /** The state that it is in: stubs may depend on it (`when`) and change it (`becomes`), and so may the test. */
  state: string;
  /**
   * Begins a stub for the requests that `match` means; without it, for all requests. Values may be matchers. The most
   * specific stub answers: the one that states the most values. Stating the same again replaces the stub.
   *
   * @param method an RPC of the services, or its name, such as `greet.v1.GreetService/Greet`.
   * @throws LiteralError when `match` has what the request does not have, Error when the RPC is not served here.
   */
  stub<M extends DescMethod>(method: M | string, match?: RequestLiteral<M>): Stub<M>;
  /** Asserts what was received on one RPC, answered or not. */
  received<M extends DescMethod>(method: M | string): Received<M>;
  /** Returns the requests received on one RPC, in the order they came. */
  requests<M extends DescMethod>(method: M | string): MessageShape<M['input']>[];
  /** Returns the calls received on one RPC with their headers and outcomes, in the order they came. */
  calls<M extends DescMethod>(method: M | string): Call<M>[];
  /** Returns why calls found no stub, or more than one: also when the caller swallowed the error it got. */
  unmatchedRequests(): string[];
  /** Switches on a fault for whole RPCs or connections, as a fault proxy on its port would. */
  inject(fault: Fault, options?: InjectOptions): FaultHandle;
  /** Forgets every stub, call and fault, and goes back to the first state. Calls that are running go on as they began. */
  reset(): void;
  /** Ends running calls with `unavailable` and closes the port. */
  stop(): Promise<void>;
}

const defaultJournalLimit = 10_000;
const defaultHost = '127.0.0.1';
// A wildcard address can be listened on but not called.
const wildcardHost = /\/\/(?:0\.0\.0\.0|(\[::\])):/;

/**
 * Starts a virtual service that answers what its contract says, if it has one, and `unimplemented` to all else until it
 * is told otherwise.
 *
 * @throws Error naming host and port when the address cannot be had, ContractFileError when the contract cannot be used.
 */
export async function startVirtualService(options: VirtualServiceOptions): Promise<VirtualService> {
  const { services, types = [], contract, contractStates: states } = options;
  const registry = createTypeRegistry([...services, ...types]);
  const parts = {
    stubs: new StubBook(registry, options.state ?? 'initial'),
    contract: contract === undefined ? undefined : await loadContractAnswers(contract, { services, registry, states }),
    journal: new Journal(options.journalLimit ?? defaultJournalLimit),
    registry,
  };
  const served = new Map(services.flatMap(({ methods }) => methods.map((method) => [nameOf(method), method])));
  let answering: Answering;
  const server = createRpcServer({
    routes: (router) => {
      for (const method of served.values()) route(router, method, () => answering);
    },
    jsonOptions: { registry },
  });
  const proxy = await listen(server, options);
  answering = { ...parts, wire: new WireFaults(proxy) };
  return new RunningVirtualService(server, proxy, answering, served);
}

/** Opens the service's port: the proxy's. The server's own is known to the proxy alone. */
async function listen(server: RpcServer, { host = defaultHost, port = 0 }: VirtualServiceOptions): Promise<FaultProxy> {
  const { url } = await server.listen();
  try {
    return await startFaultProxy({ upstream: url, host, port });
  } catch (error) {
    await server.stop({ graceMs: 0 });
    const { cause = error } = error as Error;
    throw new Error(`the virtual service cannot listen on ${host}:${port}: ${(cause as Error).message}`, {
      cause: error,
    });
  }
}

class RunningVirtualService implements VirtualService {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly #server: RpcServer;
  readonly #proxy: FaultProxy;
  readonly #answering: Answering;
  readonly #served: ReadonlyMap<string, DescMethod>;
  #stopping: Promise<void> | undefined;

  constructor(server: RpcServer, proxy: FaultProxy, answering: Answering, served: ReadonlyMap<string, DescMethod>) {
    this.#server = server;
    this.#proxy = proxy;
    this.#answering = answering;
    this.#served = served;
    this.host = proxy.host;
    this.port = proxy.port;
    this.url = proxy.url.replace(wildcardHost, (_, six) => (six ? '//[::1]:' : '//127.0.0.1:'));
  }

  get health(): HealthRegistry {
    return this.#server.health;
  }

  get state(): string {
    return this.#answering.stubs.state;
  }

  set state(state: string) {
    this.#answering.stubs.state = state;
  }

  stub<M extends DescMethod>(method: M | string, match?: RequestLiteral<M>): Stub<M> {
    const { stubs, wire } = this.#answering;
    const served = this.#find(method);
    const draft = stubs.open(served, match);
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

  received<M extends DescMethod>(method: M | string): Received<M> {
    const { journal, registry } = this.#answering;
    const served = this.#find(method);
    return createReceived({ method: served, calls: journal.of(served), dropped: journal.droppedOf(served), registry });
  }

  requests<M extends DescMethod>(method: M | string): MessageShape<M['input']>[] {
    return this.calls(method).flatMap(({ requests }) => requests);
  }

  calls<M extends DescMethod>(method: M | string): Call<M>[] {
    return this.#answering.journal.of(this.#find(method));
  }

  unmatchedRequests(): string[] {
    return this.#answering.journal
      .all()
      .filter(({ outcome }) => outcome === 'missed')
      .map(({ error }) => ConnectError.from(error).rawMessage);
  }

  inject(fault: Fault, options?: InjectOptions): FaultHandle {
    return this.#proxy.inject(fault, options);
  }

  reset(): void {
    const { stubs, journal, wire } = this.#answering;
    this.#proxy.heal();
    wire.clear();
    stubs.clear();
    journal.clear();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  // The server first: the proxy still has to pass on what it says to those who wait.
  async #stop(): Promise<void> {
    await this.#server.stop({ graceMs: 0 });
    await this.#proxy.stop();
  }

  #find<M extends DescMethod>(method: M | string): M {
    const name = typeof method === 'string' ? method : nameOf(method);
    const served = this.#served.get(name);
    if (!served) throw new Error(`${name} is not served here: its service is not in "services"`);
    // The same RPC by the same name: whether its descriptor was generated or loaded makes no difference on the wire.
    return served as M;
  }
}

function route(router: ConnectRouter, method: DescMethod, answering: () => Answering): void {
  const answer = (given: Message | AsyncIterable<Message>, context: HandlerContext) => {
    const requests = streamsRequests(method) ? (given as AsyncIterable<Message>) : [given as Message];
    return answerCall(method, requests, context, answering());
  };
  const implementation = streamsResponses(method)
    ? answer
    : async (given: Message | AsyncIterable<Message>, context: HandlerContext) =>
        singleResponse(answer(given, context));
  router.rpc(method, implementation as never);
}

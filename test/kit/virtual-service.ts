// A virtual service: a real server on a real port that answers what a test has told it to, and remembers what it was asked.

import type { DescMethod, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { createRpcServer, type HealthRegistry } from '@touchstone/rpc-server';
import { answerStream, answerUnary } from './answer-call.ts';
import { type Call, Journal } from './journal.ts';
import { createReceived, type Received } from './received.ts';
import { type AnyMessage, createStub, type Stub, type StubbableMethod } from './stub.ts';
import { nameOf, StubBook } from './stub-book.ts';

export interface VirtualServiceOptions {
  /** The services to stand in for. */
  readonly services: readonly DescService[];
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port to listen on; 0, the default, lets the system choose a free one. */
  readonly port?: number;
  /** How many calls are remembered. Default 10,000; after that the oldest are forgotten. */
  readonly journalLimit?: number;
}

export interface VirtualService extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:40123`. It speaks gRPC, gRPC-Web and Connect there. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The statuses its health service answers with. */
  readonly health: HealthRegistry;
  /**
   * Begins a stub for the requests that have every value in `match`; without it, for all requests. The most specific
   * stub answers: the one that states the most values. Stating the same values again replaces the stub.
   *
   * @throws TypeError when `match` names a field the request does not have, Error when the RPC is not served here.
   */
  stub<M extends StubbableMethod>(method: M, match?: MessageInitShape<M['input']>): Stub<M>;
  /** Asserts what was received on one RPC, answered or not. */
  received<M extends StubbableMethod>(method: M): Received<M>;
  /** Returns the requests received on one RPC, in the order they came. */
  requests<M extends StubbableMethod>(method: M): MessageShape<M['input']>[];
  /** Returns the calls received on one RPC with their headers and outcomes, in the order they came. */
  calls<M extends StubbableMethod>(method: M): Call<M>[];
  /** Returns why calls found no stub, or more than one: also when the caller swallowed the error it got. */
  misses(): string[];
  /** Forgets every stub and every call. Calls that are running go on as they began. */
  reset(): void;
  /** Ends running calls with `unavailable` and closes the port. */
  stop(): Promise<void>;
}

const defaultJournalLimit = 10_000;

/**
 * Starts a virtual service that answers `unimplemented` until it is told otherwise.
 *
 * @throws Error naming host and port when the address cannot be had.
 */
export async function startVirtualService(options: VirtualServiceOptions): Promise<VirtualService> {
  const stubs = new StubBook();
  const journal = new Journal(options.journalLimit ?? defaultJournalLimit);
  const served = new Set<DescMethod>(options.services.flatMap(({ methods }) => methods));
  const server = createRpcServer({
    routes: (router) => {
      for (const method of served) route(router, method, stubs, journal);
    },
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
  });
  const { url, host, port } = await server.listen();

  function assertServed(method: StubbableMethod): void {
    if (!served.has(method)) throw new Error(`${nameOf(method)} is not served here: its service is not in "services"`);
  }

  return {
    url,
    host,
    port,
    health: server.health,
    stub(method, match) {
      assertServed(method);
      return createStub(stubs.open(method, (match ?? {}) as object));
    },
    received(method) {
      assertServed(method);
      return createReceived(method, journal.of(method), journal.droppedOf(method));
    },
    requests: (method) => journal.of(method).map(({ request }) => request),
    calls: (method) => journal.of(method),
    misses: () =>
      journal
        .all()
        .filter(({ outcome }) => outcome === 'missed')
        .map(({ error }) => ConnectError.from(error).rawMessage),
    reset() {
      stubs.clear();
      journal.clear();
    },
    stop: () => server.stop({ graceMs: 0 }),
    [Symbol.asyncDispose]: () => server.stop({ graceMs: 0 }),
  };
}

function route(router: ConnectRouter, method: DescMethod, stubs: StubBook, journal: Journal): void {
  const register = (implementation: unknown) => router.rpc(method, implementation as never);
  if (!isStubbable(method)) {
    register(() => {
      throw new ConnectError(`${nameOf(method)}: client streams cannot be stubbed`, Code.Unimplemented);
    });
    return;
  }
  const answer = method.methodKind === 'unary' ? answerUnary : answerStream;
  register((request: AnyMessage, context: HandlerContext) => answer(method, request, context, stubs, journal));
}

function isStubbable(method: DescMethod): method is StubbableMethod {
  return method.methodKind === 'unary' || method.methodKind === 'server_streaming';
}

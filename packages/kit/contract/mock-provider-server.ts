// The port of a mock provider. Plain calls (unary Connect over HTTP/1.1 that match one interaction) are answered by the fast
// path. All other calls are left to Connect, which the first of them loads: loading it up front would slow every test down.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import type { RpcHandler } from '@touchstone/rpc-server';
import { ProtocolPort, readUnaryCall, writeAnswer } from '@touchstone/rpc-server/port';
import { corsOf } from '../base/browser-access.ts';
import { nameOf } from '../base/rpc-name.ts';
import { SERVER_LIMITS } from '../base/server-limits.ts';
import { FastPath } from './fast-path.ts';
import type { InteractionRegistry } from './interaction-registry.ts';
import type { InteractionRoutes } from './interaction-routes.ts';

/** Where a mock provider listens. It speaks gRPC, gRPC-Web and Connect, over HTTP/1.1 and HTTP/2. */
export type MockProvider = {
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
};

const HOST = '127.0.0.1';
const FIRST_BYTES_TIMEOUT_MS = 10_000;
// Answers that are being written when the server stops get this much time.
const LINGER_MS = 250;

type NormalPath = {
  readonly handler: RpcHandler;
  readonly routes: InteractionRoutes;
};

/** A server that answers from a registry of interactions. */
export class MockProviderServer {
  readonly #services: readonly DescService[];
  readonly #registry: InteractionRegistry;
  readonly #fastPath: FastPath;
  readonly #methods: ReadonlyMap<string, DescMethod>;
  readonly #port: ProtocolPort;
  #loading: Promise<NormalPath> | undefined;
  #normalPath: NormalPath | undefined;

  constructor(services: readonly DescService[], registry: InteractionRegistry) {
    this.#services = services;
    this.#registry = registry;
    this.#fastPath = new FastPath(registry);
    this.#methods = new Map<string, DescMethod>(
      services.flatMap(({ methods }) => methods.map((method) => [`/${nameOf(method)}`, method] as const)),
    );
    this.#port = new ProtocolPort({
      tls: undefined,
      firstBytesTimeoutMs: FIRST_BYTES_TIMEOUT_MS,
      handleRequest: (request, response) => this.#handle(request, response),
      // The client sees the failed connection itself.
      onAcceptError: () => undefined,
    });
  }

  /** Opens a port that the system chooses. @throws {Error} No port can be opened: names host and port. */
  async listen(): Promise<MockProvider> {
    const { port } = await this.#port.listen(HOST, 0);
    return { url: `http://${HOST}:${port}`, host: HOST, port };
  }

  /** How many calls of the normal path are running. */
  runningCalls(): number {
    // While Connect is loading, the call that started the loading is running.
    return this.#normalPath?.routes.runningCalls() ?? (this.#loading === undefined ? 0 : 1);
  }

  /** Ends running calls with `unavailable` and closes the port. */
  async stop(): Promise<void> {
    this.#port.close();
    const handler = (await this.#loading)?.handler;
    await handler?.endStreams();
    handler?.endCalls();
    await this.#port.closedWithin(LINGER_MS, LINGER_MS);
    this.#port.destroy();
    await this.#port.closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = this.#methods.get(request.url ?? '');
    const call = method && (await readUnaryCall(method, request));
    const answer = call && this.#fastPath.answer(call);
    if (answer) {
      // The normal path sends it too, because it answers calls of browsers with other headers.
      response.setHeader('vary', 'Origin');
      writeAnswer(answer, response);
      return;
    }
    // Synchronously after reading the body: once the request has emitted its end, unshift() throws.
    if (call) request.unshift(call.body);
    const { handler } = this.#normalPath ?? (await this.#load());
    await handler.handle(request, response);
  }

  async #load(): Promise<NormalPath> {
    this.#loading ??= this.#create();
    this.#normalPath = await this.#loading;
    return this.#normalPath;
  }

  async #create(): Promise<NormalPath> {
    const [{ createRpcHandler }, { createInteractionRoutes }] = await Promise.all([
      import('@touchstone/rpc-server'),
      import('./interaction-routes.ts'),
    ]);
    const routes = createInteractionRoutes(this.#services, this.#registry);
    return { routes, handler: createRpcHandler({ ...routes.options, ...SERVER_LIMITS, ...corsOf({}) }) };
  }
}

// The port of a stand-in. The plainest calls, unary ones of Connect over HTTP/1.1 that are for one interaction, it answers at
// once. All others are left to Connect, which is loaded by the first of them: a test's time begins with loading the kit.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import type { RpcHandler } from '@touchstone/rpc-server';
import { ProtocolPort, readUnaryCall, writeAnswer } from '@touchstone/rpc-server/port';
import { nameOf } from '../base/rpc-name.ts';
import { DirectAnswers } from './direct-answers.ts';
import type { InteractionBook } from './interaction-registry.ts';
import type { InteractionRoutes } from './interaction-routes.ts';

/** Where the stand-in listens. It speaks gRPC, gRPC-Web and Connect, over HTTP/1.1 and HTTP/2. */
export interface Provider {
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

const host = '127.0.0.1';
const firstBytesTimeoutMs = 10_000;
// For answers on their way when it stops.
const lingerMs = 250;

interface Usual {
  readonly handler: RpcHandler;
  readonly routes: InteractionRoutes;
}

/** A server that answers from a book of interactions. */
export class StandInServer {
  readonly #services: readonly DescService[];
  readonly #book: InteractionBook;
  readonly #direct: DirectAnswers;
  readonly #methods: ReadonlyMap<string, DescMethod>;
  readonly #port: ProtocolPort;
  #loading: Promise<Usual> | undefined;
  #usual: Usual | undefined;

  constructor(services: readonly DescService[], book: InteractionBook) {
    this.#services = services;
    this.#book = book;
    this.#direct = new DirectAnswers(book);
    this.#methods = new Map<string, DescMethod>(
      services.flatMap(({ methods }) => methods.map((method) => [`/${nameOf(method)}`, method] as const)),
    );
    this.#port = new ProtocolPort({
      tls: undefined,
      firstBytesTimeoutMs,
      handleRequest: (request, response) => this.#handle(request, response),
      // Whoever could not connect knows.
      onAcceptError: () => undefined,
    });
  }

  /** Opens a port that the system chooses. @throws Error naming host and port when none can be had. */
  async listen(): Promise<Provider> {
    const { port } = await this.#port.listen(host, 0);
    return { url: `http://${host}:${port}`, host, port };
  }

  /** How many calls are being answered, beside those that are answered at once. */
  runningCalls(): number {
    // Whoever made it load Connect is not answered yet.
    return this.#usual?.routes.runningCalls() ?? (this.#loading === undefined ? 0 : 1);
  }

  /** Ends running calls with `unavailable` and closes the port. */
  async stop(): Promise<void> {
    this.#port.close();
    const handler = (await this.#loading)?.handler;
    await handler?.endStreams();
    handler?.endCalls();
    await this.#port.closedWithin(lingerMs, lingerMs);
    this.#port.destroy();
    await this.#port.closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = this.#methods.get(request.url ?? '');
    const call = method && (await readUnaryCall(method, request));
    const answer = call && this.#direct.recall(call);
    if (answer) {
      // As the usual way does: a browser's call would be answered otherwise.
      response.setHeader('vary', 'Origin');
      writeAnswer(answer, response);
      return;
    }
    // Before anything else runs: at the end of its body a request cannot be given it back.
    if (call) request.unshift(call.body);
    const { handler } = this.#usual ?? (await this.#load());
    await handler.handle(request, response);
  }

  async #load(): Promise<Usual> {
    this.#loading ??= this.#create();
    this.#usual = await this.#loading;
    return this.#usual;
  }

  async #create(): Promise<Usual> {
    const [{ createRpcHandler }, { createInteractionRoutes }] = await Promise.all([
      import('@touchstone/rpc-server'),
      import('./interaction-routes.ts'),
    ]);
    const routes = createInteractionRoutes(this.#services, this.#book);
    return { routes, handler: createRpcHandler(routes.options) };
  }
}

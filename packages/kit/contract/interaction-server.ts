// The server of the mock providers of contract tests, of stub servers and of replays: it answers from a registry of interactions. Plain
// calls are answered by the fast path. All other calls are left to Connect, which the first of them loads: loading it up front would slow
// every contract test down.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import type { HealthRegistry, ListeningAddress, RpcHandler } from '@touchstone/rpc-server';
import { ProtocolPort } from '@touchstone/rpc-server/port';
import { type BrowserAccess, corsOf } from '../base/browser-access.ts';
import { nameOf } from '../base/rpc-name.ts';
import { SERVER_LIMITS } from '../base/server-limits.ts';
import { type ServerTls, serverTlsOf } from '../base/server-tls.ts';
import { FastPath } from './fast-path.ts';
import type { InteractionRegistry } from './interaction-registry.ts';
import type { InteractionRoutes } from './interaction-routes.ts';
import { readPlainCall } from './plain-call.ts';

export type InteractionServerOptions = BrowserAccess &
  ServerTls & {
    readonly services: readonly DescService[];
    readonly interactions: InteractionRegistry;
    /** Default `127.0.0.1`. */
    readonly host?: string | undefined;
    /** Default 0: any free port. */
    readonly port?: number | undefined;
  };

const FIRST_BYTES_TIMEOUT_MS = 10_000;
// Answers that are being written when the server stops get this much time.
const LINGER_MS = 250;

type NormalPath = {
  readonly handler: RpcHandler;
  readonly routes: InteractionRoutes;
  /** The paths of all RPCs, those of health and reflection included. */
  readonly paths: ReadonlySet<string>;
};

/** A server that answers from a registry of interactions. */
export class InteractionServer {
  readonly #options: InteractionServerOptions;
  readonly #fastPath: FastPath;
  readonly #methods: ReadonlyMap<string, DescMethod>;
  readonly #port: ProtocolPort;
  #loading: Promise<NormalPath> | undefined;
  #normalPath: NormalPath | undefined;
  #stopping: Promise<void> | undefined;

  /** @throws {TypeError} The certificate or the key cannot be used: names the option and the reason. */
  constructor(options: InteractionServerOptions) {
    const { tls, onTlsMismatch } = serverTlsOf(options);
    this.#options = options;
    this.#fastPath = new FastPath(options.interactions);
    const methods = options.services.flatMap((service) => service.methods);
    this.#methods = new Map(methods.map((method) => [pathOf(method), method]));
    this.#port = new ProtocolPort({
      tls,
      firstBytesTimeoutMs: FIRST_BYTES_TIMEOUT_MS,
      limits: SERVER_LIMITS,
      handleRequest: (request, response) => this.#handle(request, response),
      // The client sees the failed connection itself.
      onAcceptError: () => undefined,
      ...(onTlsMismatch && { onTlsMismatch }),
    });
  }

  /** Opens the port. @throws {Error} The address cannot be had: names host and port. */
  listen(): Promise<ListeningAddress> {
    const { host = '127.0.0.1', port = 0 } = this.#options;
    return this.#port.listen(host, port);
  }

  /**
   * Loads Connect, for a server that does not leave it to the first call, and returns the statuses that its health service reports.
   *
   * @throws {TypeError} `corsOrigins` or `corsCredentials` cannot be used.
   */
  async loadHealth(): Promise<HealthRegistry> {
    const { handler } = await this.#load();
    return handler.health;
  }

  /** How many calls of the normal path are running. */
  runningCalls(): number {
    // While Connect is loading, the call that started the loading is running.
    return this.#normalPath?.routes.runningCalls() ?? (this.#loading === undefined ? 0 : 1);
  }

  /** Ends running calls with `unavailable` and closes the port. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#port.close();
    const handler = (await this.#loading)?.handler;
    handler?.health.shutDown();
    await handler?.endStreams();
    handler?.endCalls();
    await this.#port.closedWithin(LINGER_MS, LINGER_MS);
    this.#port.destroy();
    await this.#port.closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = this.#methods.get(request.url ?? '');
    const call = method && (await readPlainCall(method, request));
    const answer = call && this.#fastPath.answer(call);
    if (answer) {
      // The normal path sends it too, because it answers calls of browsers with other headers.
      response.setHeader('vary', 'Origin');
      response.writeHead(200, answer.header).end(answer.body);
      return;
    }
    // Synchronously after reading the body: once the request has emitted its end, unshift() throws.
    if (call) request.unshift(call.body);
    const normalPath = this.#normalPath ?? (await this.#load());
    this.#recordUnserved(request, normalPath);
    await normalPath.handler.handle(request, response);
  }

  // A consumer may swallow the error of a call that its contract does not have.
  #recordUnserved({ method, url = '' }: IncomingMessage, { paths }: NormalPath): void {
    const [path = ''] = url.split('?', 1);
    if (method !== 'POST' || paths.has(path)) return;
    this.#options.interactions.recordRefused(`${path.replace(/^\//, '')} is not served here`);
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
    const { services, interactions } = this.#options;
    const routes = createInteractionRoutes(services, interactions);
    const handler = createRpcHandler({
      routes: routes.register,
      admit: routes.watch,
      // Callers know it by whatever name they gave it, or by that of its certificate.
      allowedHosts: ['*'],
      ...SERVER_LIMITS,
      ...corsOf(this.#options),
    });
    return { routes, handler, paths: new Set(handler.services.flatMap(({ methods }) => methods).map(pathOf)) };
  }
}

function pathOf(method: DescMethod): string {
  return `/${nameOf(method)}`;
}

/** A running server. */
export type RunningInteractionServer = ListeningAddress & {
  readonly health: HealthRegistry;
  /** Ends running calls with `unavailable` and closes the port. */
  stop(): Promise<void>;
};

/**
 * Starts a server that is ready for calls of every kind.
 *
 * @throws {TypeError} An option of TLS or CORS cannot be used: names it.
 * @throws {Error} The server cannot listen on the address: names host and port.
 */
export async function startInteractionServer(options: InteractionServerOptions): Promise<RunningInteractionServer> {
  const server = new InteractionServer(options);
  const health = await server.loadHealth();
  return { ...(await server.listen()), health, stop: () => server.stop() };
}

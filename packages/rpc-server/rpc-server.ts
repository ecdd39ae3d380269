// The server: a request handler behind a protocol port, and the order in which they start and stop.

import type { DescService } from '@bufbuild/protobuf';
import type { HealthRegistry } from './introspection/health-registry.ts';
import type { RpcServerOptions, TlsOptions } from './options.ts';
import { type ListeningAddress, ProtocolPort } from './protocol-port.ts';
import { createRpcHandler } from './rpc-handler.ts';

export type StopOptions = {
  /** How long running calls may go on, in milliseconds. Default 5,000; 0 ends them at once. */
  readonly graceMs?: number;
};

export type RpcServer = AsyncDisposable & {
  /** The statuses the health service answers with. */
  readonly health: HealthRegistry;
  /** Every service on the port, health and reflection included. */
  readonly services: readonly DescService[];
  /** Aborted as soon as `stop` begins, its reason an `unavailable` error. */
  readonly shutdownSignal: AbortSignal;
  /**
   * Opens the port.
   *
   * @throws Error naming host and port when the address cannot be had (its `code` is Node's, such as `EADDRINUSE`),
   *   or when the server was started or stopped before.
   */
  listen(): Promise<ListeningAddress>;
  /**
   * Turns health NOT_SERVING, accepts no more connections, ends server and bidi streams with `unavailable`, and lets
   * other running calls finish. After `graceMs` the signals of calls that still run are aborted and they answer `unavailable`;
   * then every socket is destroyed. Resolves when all are closed. A second call waits for the first.
   */
  stop(options?: StopOptions): Promise<void>;
  /**
   * Uses another certificate from the next connection on; for certificates that are renewed.
   *
   * @throws Error when key and certificate do not belong together, or when the server speaks cleartext. It then keeps what it has.
   */
  renewTls(tls: TlsOptions): void;
  /** The same as `stop()`. */
  [Symbol.asyncDispose](): Promise<void>;
};

const DEFAULT_GRACE_MS = 5000;
// The time for answers and FINs in transit; a peer that keeps its side open is not waited for longer.
const LINGER_MS = 250;

/**
 * Builds a server; nothing is opened before `listen`.
 *
 * @throws TypeError naming the option that cannot be used, Error when an RPC is registered twice.
 */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  const handler = createRpcHandler(options);
  const { health, services, shutdownSignal, options: resolved } = handler;
  const port = new ProtocolPort({
    tls: resolved.tls,
    firstBytesTimeoutMs: resolved.firstBytesTimeoutMs,
    handleRequest: handler.handle,
    onAcceptError: (error) => resolved.onError(error, 'connection'),
    limits: resolved,
    onLimit: resolved.onLimit,
    onTlsMismatch: resolved.onTlsMismatch,
  });
  let listening: Promise<ListeningAddress> | undefined;
  let stopping: Promise<void> | undefined;

  async function stop(graceMs: number): Promise<void> {
    health.shutDown();
    // A stop while the port is being opened must not leave it open; an error of opening is thrown to the caller of `listen`.
    await listening?.catch(() => undefined);
    port.close();
    await handler.endStreams();
    await port.closedWithin(graceMs, LINGER_MS);
    handler.endCalls();
    await port.closedWithin(LINGER_MS, LINGER_MS);
    port.destroy();
    await port.closed;
  }

  const server: RpcServer = {
    health,
    services,
    shutdownSignal,
    listen() {
      if (stopping !== undefined) return Promise.reject(new Error('the server was stopped: it cannot listen again'));
      if (listening !== undefined) return Promise.reject(new Error('the server is already listening'));
      listening = port.listen(resolved.host, resolved.port);
      return listening;
    },
    stop({ graceMs = DEFAULT_GRACE_MS }: StopOptions = {}) {
      stopping ??= stop(graceMs);
      return stopping;
    },
    renewTls: (tls) => port.renewTls(tls),
    [Symbol.asyncDispose]: () => server.stop(),
  };
  return server;
}

// The fault proxy: a proxy on a real port between two services that passes everything unchanged until a fault is injected.

import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';
import { type ConnectionOptions, createSecureContext, type SecureContext } from 'node:tls';
import { findTlsMismatch } from '@touchstone/rpc-server/port';
import { type ClientTls, clientTlsOf } from '../base/client-tls.ts';
import { assertServerTls, explainMismatch, type ServerTls } from '../base/server-tls.ts';
import { assertTrusted } from '../base/upstream-certificate.ts';
import { Connection } from './connection.ts';
import type { Fault, FaultTarget } from './core/fault.ts';
import { createTcpRelay, type Relay, type RelayContext } from './core/relay.ts';
import { requireWhole } from './core/require-option.ts';
import type { Protocol } from './first-bytes.ts';
import { Http1Relay } from './http1/http1-relay.ts';
import { Http2Relay } from './http2/http2-relay.ts';
import { type FaultHandle, InjectedFault, type InjectOptions } from './injected-fault.ts';
import { connectSecurely, decryptClient, readProtocol } from './tls-sockets.ts';
import { parseUpstream } from './upstream-address.ts';

/** The upstream service of a fault proxy, and the address it listens on. */
export type FaultProxyOptions = ServerTls & {
  /** The URL of the real service. Any scheme is accepted; the port may be omitted where the scheme has a default one. */
  readonly upstream: string;
  /**
   * How an https service is called if the proxy decrypts its connections, so that faults can affect single calls; otherwise they pass
   * encrypted. The proxy decrypts with this option, or with `tls`, which says that its clients speak TLS to it.
   */
  readonly upstreamTls?: ClientTls;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port to listen on. Default 0: any free port. */
  readonly port?: number;
  /** Seed of all random choices. With the same seed the nth call is affected in the same way. Default 1. */
  readonly seed?: number;
  /** How many bytes of one direction of a connection may be held before the proxy stops reading. Default 4 MiB. */
  readonly maxHeldBytes?: number;
};

/** A running fault proxy. Disposing of it stops it. */
export interface FaultProxy extends AsyncDisposable {
  /** The upstream's URL with the proxy's address in it. The client uses it in place of the upstream's URL. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** How many connections are open. */
  readonly connections: number;
  /**
   * Switches a fault on. Several may be on at once; they affect a call or connection in the order of injection.
   *
   * @throws {TypeError} naming the invalid option.
   * @throws {Error} if the proxy was stopped.
   */
  inject(fault: Fault, options?: InjectOptions): FaultHandle;
  /** The faults that are on, in the order of injection. */
  faults(): FaultHandle[];
  /** Switches every fault off. */
  heal(): void;
  /**
   * Closes the port and every connection, and resolves when all are closed.
   *
   * @throws {Error} if a port that `closesPort` had closed could not be opened again.
   */
  stop(): Promise<void>;
}

const DEFAULT_MAX_HELD_BYTES = 1 << 22;

/**
 * Starts a proxy without faults.
 *
 * @throws {TypeError} naming the invalid option.
 * @throws {ProviderUnreachableError} The proxy decrypts connections, and the certificate of the service is not trusted.
 * @throws {Error} naming host and port if the address is not available.
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new RunningProxy(options);
  if (options.tls || options.upstreamTls) await assertTrusted(options.upstream, options.upstreamTls, 'upstreamTls');
  await proxy.listen(options.host ?? '127.0.0.1', options.port ?? 0);
  return proxy;
}

class RunningProxy implements FaultProxy {
  host = '';
  port = 0;
  readonly #upstream: ReturnType<typeof parseUpstream>;
  readonly #seed: number;
  readonly #maxHeldBytes: number;
  /** Of the proxy's clients, if they speak TLS to it. */
  readonly #secureContext: SecureContext | undefined;
  /** Of the proxy as a client of the service, if it speaks TLS to it. */
  readonly #upstreamTls: ConnectionOptions | undefined;
  readonly #onMismatch: (spoken: 'plaintext' | 'tls') => void;
  /** Clients whose upstream connection waits for their first bytes. */
  readonly #waiting = new Set<Socket>();
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #faults: InjectedFault[] = [];
  #injectedCount = 0;
  #opening: Promise<void> | undefined;
  #reopenError: Error | undefined;
  #isStopped = false;
  #onIdle: (() => void) | undefined;

  constructor(options: FaultProxyOptions) {
    const { upstream, seed = 1, maxHeldBytes = DEFAULT_MAX_HELD_BYTES, tls, upstreamTls } = options;
    if (!Number.isFinite(seed)) throw new TypeError(`"seed" must be a number, not ${seed}`);
    requireWhole('maxHeldBytes', maxHeldBytes, 1);
    this.#upstream = parseUpstream(upstream);
    this.#seed = seed;
    this.#maxHeldBytes = maxHeldBytes;
    if (tls) assertServerTls(tls);
    this.#secureContext = tls && createSecureContext({ cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' });
    const isSecure = this.#upstream.protocol === 'https:';
    if (upstreamTls && !isSecure)
      throw new TypeError('"upstreamTls" needs an "upstream" whose URL begins with https://');
    this.#upstreamTls = isSecure && (tls || upstreamTls) ? clientTlsOf(upstreamTls ?? {}, 'upstreamTls') : undefined;
    this.#onMismatch = explainMismatch(options.onProblem);
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  get url(): string {
    return this.#upstream.urlAt(this.host, this.port, this.#protocol());
  }

  get connections(): number {
    return this.#connections.size;
  }

  async listen(host: string, port: number): Promise<void> {
    try {
      this.#server.listen({ host, port });
      await once(this.#server, 'listening');
    } catch (error) {
      throw new Error(`the fault proxy cannot listen on ${host}:${port}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    const address = this.#server.address() as { address: string; port: number };
    this.host = address.address;
    this.port = address.port;
  }

  inject(fault: Fault, options: InjectOptions = {}): FaultHandle {
    if (this.#isStopped) throw new Error('the fault proxy was stopped');
    const injected = new InjectedFault(fault, {
      options,
      seed: this.#seed,
      sequenceNumber: this.#injectedCount + 1,
      onRemove: () => this.#removeFault(injected),
    });
    this.#injectedCount += 1;
    this.#faults.push(injected);
    for (const connection of [...this.#connections]) injected.offer(connection);
    this.#updatePort();
    return injected;
  }

  faults(): FaultHandle[] {
    return [...this.#faults];
  }

  heal(): void {
    for (const fault of [...this.#faults]) fault.remove();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.heal();
    await this.#opening;
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    if (closed !== undefined) this.#server.close();
    for (const connection of [...this.#connections]) connection.drop();
    for (const client of this.#waiting) client.destroy();
    if (this.#connections.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await closed;
    if (this.#reopenError !== undefined) throw this.#reopenError;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #protocol(): string {
    const { protocol } = this.#upstream;
    if (!/^https?:$/.test(protocol)) return protocol;
    if (this.#secureContext) return 'https:';
    return this.#upstreamTls ? 'http:' : protocol;
  }

  #accept(raw: Socket): void {
    const client = this.#secureContext ? decryptClient(raw, this.#secureContext) : raw;
    client.once('error', (error) => {
      const spoken = findTlsMismatch(error);
      if (spoken) this.#onMismatch(spoken);
    });
    const { host, port } = this.#upstream;
    const tls = this.#upstreamTls;
    if (!tls) {
      const upstream = new Socket({ allowHalfOpen: true });
      this.#relay(client, upstream, () => upstream.connect({ host, port }));
      return;
    }
    this.#waiting.add(client);
    client.once('close', () => this.#waiting.delete(client));
    readProtocol(client, (protocol) => {
      this.#waiting.delete(client);
      if (protocol === 'tls') {
        this.#onMismatch('tls');
        client.destroy();
        return;
      }
      this.#relay(client, connectSecurely({ host, port }, protocol, tls));
    });
  }

  #relay(client: Socket, upstream: Socket, connectUpstream: () => void = () => undefined): void {
    const connection = new Connection({
      client,
      upstream,
      maxHeldBytes: this.#maxHeldBytes,
      createRelay,
      offer: (call) => this.#offer(call),
      onClosed: () => {
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#onIdle?.();
      },
    });
    this.#connections.add(connection);
    connection.begin();
    this.#offer(connection);
    if (!connection.isOver) connectUpstream();
  }

  #offer(target: FaultTarget): void {
    for (const fault of this.#faults) fault.offer(target);
  }

  #removeFault(removed: InjectedFault): void {
    this.#faults = this.#faults.filter((fault) => fault !== removed);
    this.#updatePort();
  }

  /** Closes the port while a fault requires that, and opens the same port again afterwards. */
  #updatePort(): void {
    const isWanted = !this.#isStopped && !this.#faults.some(({ fault }) => fault.closesPort);
    if (this.#opening !== undefined || isWanted === this.#server.listening) return;
    if (!isWanted) {
      this.#server.close();
      return;
    }
    this.#opening = this.listen(this.host, this.port)
      // Another process took the port in the meantime. `stop` throws this error.
      .catch((error: Error) => {
        this.#reopenError = error;
      })
      .finally(() => {
        this.#opening = undefined;
        if (this.#reopenError === undefined) this.#updatePort();
      });
  }
}

function createRelay(protocol: Protocol, context: RelayContext): Relay {
  switch (protocol) {
    case 'tcp':
      return createTcpRelay(context);
    case 'http1':
      return new Http1Relay(context);
    case 'http2':
      return new Http2Relay(context);
  }
}

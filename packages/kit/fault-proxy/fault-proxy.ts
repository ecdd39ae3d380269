// A proxy on a real port between two services, that lets everything pass until it is told to do harm.

import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';
import { Connection } from './connection.ts';
import type { Fault, TargetPort } from './core/fault.ts';
import { createTcpRelay, type Relay, type RelayPort } from './core/relay.ts';
import { requireWhole } from './core/require-option.ts';
import type { Protocol } from './first-bytes.ts';
import { Http1Relay } from './http1/http1-relay.ts';
import { Http2Relay } from './http2/http2-relay.ts';
import { type FaultHandle, Injection, type InjectOptions } from './injection.ts';
import { parseUpstream } from './upstream-address.ts';

/** What a fault proxy stands before, and where it listens. */
export interface FaultProxyOptions {
  /** Where the real service is: a URL of any scheme that names host and port. */
  readonly upstream: string;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port to listen on; 0, the default, lets the system choose a free one. */
  readonly port?: number;
  /** What all chances and jitters come from: the same seed, the same faults for the n-th call. Default 1. */
  readonly seed?: number;
  /** How many bytes faults may hold back for one direction of a connection before it is read no further. Default 4 MiB. */
  readonly maxHeldBytes?: number;
}

/** A running fault proxy. It stops when it is disposed of. */
export interface FaultProxy extends AsyncDisposable {
  /** The upstream's URL with the proxy's address in it: what to give the client. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** How many connections stand. */
  readonly connections: number;
  /**
   * Switches a fault on. Several may be on at once; each call or connection meets them in the order of injection.
   *
   * @throws TypeError naming the option that cannot be used, Error when the proxy was stopped.
   */
  inject(fault: Fault, options?: InjectOptions): FaultHandle;
  /** The faults that are on, in the order of injection. */
  faults(): FaultHandle[];
  /** Switches every fault off. */
  heal(): void;
  /** Closes the port and every connection. Resolves when none is left; rejects if a closed port could not be had again. */
  stop(): Promise<void>;
}

const defaultMaxHeldBytes = 1 << 22;

/**
 * Starts a proxy that passes everything.
 *
 * @throws TypeError naming the option that cannot be used, Error naming host and port when the address cannot be had.
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new RunningProxy(options);
  await proxy.listen(options.host ?? '127.0.0.1', options.port ?? 0);
  return proxy;
}

class RunningProxy implements FaultProxy {
  host = '';
  port = 0;
  readonly #upstream: ReturnType<typeof parseUpstream>;
  readonly #seed: number;
  readonly #maxHeldBytes: number;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #injections: Injection[] = [];
  #injected = 0;
  #opening: Promise<void> | undefined;
  #reopenError: Error | undefined;
  #isStopped = false;
  #onIdle: (() => void) | undefined;

  constructor({ upstream, seed = 1, maxHeldBytes = defaultMaxHeldBytes }: FaultProxyOptions) {
    if (!Number.isFinite(seed)) throw new TypeError(`"seed" must be a number, not ${seed}`);
    requireWhole('maxHeldBytes', maxHeldBytes, 1);
    this.#upstream = parseUpstream(upstream);
    this.#seed = seed;
    this.#maxHeldBytes = maxHeldBytes;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  get url(): string {
    return this.#upstream.urlAt(this.host, this.port);
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
    const injection = new Injection(fault, options, this.#seed, this.#injected + 1, () => this.#forget(injection));
    this.#injected += 1;
    this.#injections.push(injection);
    for (const connection of [...this.#connections]) injection.offer(connection);
    this.#settlePort();
    return injection;
  }

  faults(): FaultHandle[] {
    return [...this.#injections];
  }

  heal(): void {
    for (const injection of [...this.#injections]) injection.remove();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.heal();
    await this.#opening;
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    if (closed !== undefined) this.#server.close();
    for (const connection of [...this.#connections]) connection.drop();
    if (this.#connections.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await closed;
    if (this.#reopenError !== undefined) throw this.#reopenError;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #accept(client: Socket): void {
    const upstream = new Socket({ allowHalfOpen: true });
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
    if (!connection.isOver) upstream.connect({ host: this.#upstream.host, port: this.#upstream.port });
  }

  #offer(port: TargetPort): void {
    for (const injection of this.#injections) injection.offer(port);
  }

  #forget(injection: Injection): void {
    this.#injections = this.#injections.filter((other) => other !== injection);
    this.#settlePort();
  }

  /** Closes the port while a fault wants it closed, and opens the same one again after that. */
  #settlePort(): void {
    const isWanted = !this.#isStopped && !this.#injections.some(({ fault }) => fault.closesPort);
    if (this.#opening !== undefined || isWanted === this.#server.listening) return;
    if (!isWanted) {
      this.#server.close();
      return;
    }
    this.#opening = this.listen(this.host, this.port)
      // Another process took the port meanwhile: whoever stops the proxy is told.
      .catch((error: Error) => {
        this.#reopenError = error;
      })
      .finally(() => {
        this.#opening = undefined;
        if (this.#reopenError === undefined) this.#settlePort();
      });
  }
}

function createRelay(protocol: Protocol, port: RelayPort): Relay {
  switch (protocol) {
    case 'tcp':
      return createTcpRelay(port);
    case 'http1':
      return new Http1Relay(port);
    case 'http2':
      return new Http2Relay(port);
  }
}

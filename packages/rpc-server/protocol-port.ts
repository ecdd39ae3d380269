// One listening port for HTTP/1.1 and HTTP/2: the first bytes of a connection (or ALPN, under TLS) decide, and the
// connection is passed to Node's server of that protocol. Sockets and requests are tracked, for the graceful stop.

import {
  createServer as createHttp1Server,
  type Server as Http1Server,
  type IncomingMessage,
  type RequestListener,
} from 'node:http';
import {
  createServer as createHttp2Server,
  type Http2Server,
  type Http2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { recognizeProtocol } from './first-bytes.ts';
import { type Connection, Connections } from './limits/connections.ts';
import { PARSER_HEADROOM } from './limits/header-limit.ts';
import { DEFAULT_PORT_LIMITS, type PortLimits } from './limits/port-limits.ts';
import { limitSession } from './limits/session-limits.ts';
import { answerUnreadable } from './limits/unreadable-request.ts';
import type { HttpHandler, TlsOptions } from './options.ts';
import { findTlsMismatch } from './tls-mismatch.ts';

type ProtocolPortOptions = {
  readonly tls: TlsOptions | undefined;
  readonly firstBytesTimeoutMs: number;
  readonly handleRequest: HttpHandler;
  /** Called when a connection could not be accepted; the port keeps listening. */
  readonly onAcceptError: (error: Error) => void;
  /** Default: DEFAULT_PORT_LIMITS, also for those that are not given. */
  readonly limits?: Partial<PortLimits>;
  /** Called when a limit closes a connection. */
  readonly onLimit?: (limit: 'connections' | 'peer_connections' | 'headers') => void;
  /** Called when a caller speaks plaintext to a port with TLS, or TLS to one without. */
  readonly onTlsMismatch?: (spoken: 'plaintext' | 'tls') => void;
};

/** Where a port listens: `host` as bound, and a `url` to call it by. */
export type ListeningAddress = {
  readonly host: string;
  readonly port: number;
  readonly url: string;
};

const KEEP_ALIVE_PROBE_MS = 30_000;
/** For a whole HTTP/1.1 request that is no RPC; the bodies of RPCs have a limit of their own. */
const REQUEST_TIMEOUT_MS = 300_000;
/** How many calls of one HTTP/2 connection may be cancelled in the long run; GOAWAY ends a connection that resets more (CVE-2023-44487). */
const RESETS_PER_SECOND = 33;
/** How often Node compares HTTP/1.1 requests with their time limits. */
const MAX_CHECK_INTERVAL_MS = 1_000;

/** The port: opened once, closed once. */
export class ProtocolPort {
  readonly #options: ProtocolPortOptions;
  readonly #limits: PortLimits;
  readonly #connections: Connections;
  // The socket of a session is gone as soon as the session is destroyed, though its last requests may still be emitted.
  readonly #connectionOfSession = new WeakMap<Http2Session, Connection>();
  readonly #http1: Http1Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<Http2Session>();
  readonly #undecided = new Set<Socket>();
  readonly #idle = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  // Created for the first HTTP/2 connection: test doubles are started often and seldom need it.
  #http2: Http2Server | undefined;
  #runningRequests = 0;
  #isClosing = false;

  constructor(options: ProtocolPortOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_PORT_LIMITS, ...options.limits };
    this.#connections = new Connections(this.#limits, (limit) => options.onLimit?.(limit));
    this.#http1 = this.#createListener(options.tls);
  }

  /**
   * Starts to listen.
   *
   * @throws Error that names host and port, with Node's `code`, when the address cannot be had.
   */
  async listen(host: string, port: number): Promise<ListeningAddress> {
    const listening = Promise.withResolvers<void>();
    this.#http1.once('error', listening.reject);
    this.#http1.listen({ host, port }, listening.resolve);
    try {
      await listening.promise;
    } catch (error) {
      throw describeListenError(error as NodeJS.ErrnoException, host, port);
    } finally {
      this.#http1.off('error', listening.reject);
    }
    this.#http1.on('error', this.#options.onAcceptError);
    const bound = this.#http1.address() as AddressInfo;
    const scheme = this.#options.tls ? 'https' : 'http';
    return { host: bound.address, port: bound.port, url: `${scheme}://${reachableHost(bound.address)}:${bound.port}` };
  }

  /** Replaces certificate, key and authorities; open connections keep theirs. Throws what Node throws for a bad pair. */
  renewTls(tls: TlsOptions): void {
    if (!(this.#http1 instanceof HttpsServer)) throw new Error('the port speaks cleartext: it has no TLS to renew');
    this.#http1.setSecureContext({ ...tls, minVersion: 'TLSv1.2' });
  }

  /** Accepts no more connections, sends GOAWAY to HTTP/2 callers, and closes connections as soon as they are idle. */
  close(): void {
    this.#isClosing = true;
    this.#http1.close();
    for (const socket of this.#undecided) socket.destroy();
    for (const session of this.#sessions) session.close();
    this.#settle();
  }

  /**
   * Waits until every socket is closed, at most `timeoutMs`. Sockets without a running request are waited for `lingerMs`
   * only: their peer may never close its side.
   */
  async closedWithin(timeoutMs: number, lingerMs: number): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timers = [setTimeout(over.resolve, timeoutMs)];
    let isWaiting = true;
    void this.#idle.promise.then(() => {
      if (isWaiting) timers.push(setTimeout(over.resolve, lingerMs));
    });
    await Promise.race([this.closed, over.promise]);
    isWaiting = false;
    for (const timer of timers) clearTimeout(timer);
  }

  /** Resolves when the port is closed and no socket is left. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Destroys every connection that is left. */
  destroy(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  #createListener(tls: TlsOptions | undefined): Http1Server {
    const { firstBytesTimeoutMs } = this.#options;
    const { headersTimeoutMs, idleTimeoutMs, maxHeaders, maxHeaderBytes } = this.#limits;
    const common = {
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
      headersTimeout: headersTimeoutMs,
      requestTimeout: Math.max(REQUEST_TIMEOUT_MS, headersTimeoutMs),
      keepAliveTimeout: idleTimeoutMs,
      connectionsCheckingInterval: Math.min(MAX_CHECK_INTERVAL_MS, headersTimeoutMs, idleTimeoutMs),
      maxHeaderSize: PARSER_HEADROOM * maxHeaderBytes,
    };
    const handleRequest: RequestListener = (request, response) => this.#handleRequest(request, response);
    const listener = tls
      ? createHttpsServer(
          {
            ...common,
            ...tls,
            // A certificate is asked for and verified; a client without one is served all the same.
            requestCert: tls.ca !== undefined,
            rejectUnauthorized: false,
            minVersion: 'TLSv1.2',
            ALPNProtocols: ['h2', 'http/1.1'],
            handshakeTimeout: firstBytesTimeoutMs,
          },
          handleRequest,
        )
      : createHttp1Server(common, handleRequest);
    // Node drops the headers after these without a word.
    listener.maxHeadersCount = PARSER_HEADROOM * maxHeaders;
    listener.on('clientError', (error, socket) => {
      const spoken = findTlsMismatch(error);
      if (spoken) this.#options.onTlsMismatch?.(spoken);
      const isAnswering = this.#connections.find(socket as Socket)?.isAnswering === true;
      if (answerUnreadable(error, socket, this.#limits, isAnswering)) this.#options.onLimit?.('headers');
    });
    listener.on('connection', (socket: Socket) => this.#acceptSocket(socket));
    this.#interceptConnections(listener, tls ? 'secureConnection' : 'connection');
    return listener;
  }

  // Node's HTTP/1.1 server is the listener, so that its time limits and idle accounting hold; only the step from
  // an accepted connection to its parser is deferred until the protocol is known.
  #interceptConnections(listener: Http1Server, event: 'connection' | 'secureConnection'): void {
    const serveHttp1 = listener.listeners(event).find((candidate) => candidate.name === 'connectionListener');
    if (!serveHttp1) throw new Error(`Node's HTTP server has no connection listener for "${event}"`);
    listener.off(event, serveHttp1 as () => void);
    listener.on(event, (socket: Socket | TLSSocket) => {
      if (socket.destroyed) return;
      this.#decideProtocol(socket, event === 'secureConnection', (protocol) => {
        if (protocol === 'http2') this.#serveHttp2(socket);
        else serveHttp1.call(listener, socket);
      });
    });
  }

  #serveHttp2(socket: Socket): void {
    const { maxHeaders, maxHeaderBytes, maxStreamsPerConnection } = this.#limits;
    this.#http2 ??= createHttp2Server({
      maxHeaderListPairs: PARSER_HEADROOM * maxHeaders,
      streamResetBurst: 2 * maxStreamsPerConnection,
      streamResetRate: RESETS_PER_SECOND,
      settings: {
        maxConcurrentStreams: maxStreamsPerConnection,
        maxHeaderListSize: PARSER_HEADROOM * maxHeaderBytes,
      },
    })
      .on('session', (session) => this.#trackSession(session))
      .on('request', (request, response) => this.#handleRequest(request as never, response as never));
    this.#http2.emit('connection', socket);
  }

  #decideProtocol(socket: Socket | TLSSocket, isTls: boolean, serve: (protocol: 'http1' | 'http2') => void): void {
    if (isTls) {
      serve((socket as TLSSocket).alpnProtocol === 'h2' ? 'http2' : 'http1');
      return;
    }
    this.#undecided.add(socket);
    recognizeProtocol(socket, this.#options.firstBytesTimeoutMs, (protocol) => {
      this.#undecided.delete(socket);
      if (protocol === 'none') socket.destroy();
      else serve(protocol);
    });
  }

  #acceptSocket(socket: Socket): void {
    const connection = this.#connections.add(socket);
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#connections.remove(connection);
      this.#settle();
    });
  }

  #trackSession(session: Http2Session): void {
    this.#sessions.add(session);
    // The preface alone is no HTTP/2 caller: its settings have to follow.
    const timer = setTimeout(() => session.destroy(), this.#options.firstBytesTimeoutMs);
    session.once('remoteSettings', () => clearTimeout(timer));
    const connection = this.#connections.find(session.socket);
    if (connection) this.#connectionOfSession.set(session, connection);
    const stopLimits = connection && limitSession(session, connection, this.#limits);
    session.once('close', () => {
      clearTimeout(timer);
      stopLimits?.();
      this.#sessions.delete(session);
    });
    if (this.#isClosing) session.close();
  }

  #handleRequest(...[request, response]: Parameters<HttpHandler>): void {
    this.#runningRequests += 1;
    const connection = this.#connectionOf(request);
    connection?.begin(response);
    response.once('close', () => {
      this.#runningRequests -= 1;
      connection?.end(response);
      if (this.#isClosing) this.#http1.closeIdleConnections();
      this.#settle();
    });
    if (this.#isClosing && request.httpVersionMajor === 1) response.setHeader('connection', 'close');
    void this.#options.handleRequest(request, response);
  }

  #connectionOf(request: IncomingMessage): Connection | undefined {
    const { stream } = request as { stream?: ServerHttp2Stream };
    if (stream === undefined) return this.#connections.find(request.socket);
    return stream.session && this.#connectionOfSession.get(stream.session);
  }

  #settle(): void {
    if (!this.#isClosing) return;
    if (this.#runningRequests === 0) this.#idle.resolve();
    if (this.#sockets.size === 0) this.#closed.resolve();
  }
}

const LISTEN_FAULTS: Record<string, string> = {
  EADDRINUSE: 'the port is already in use',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'this user may not open that port',
  ENOTFOUND: 'the host name is unknown',
};

function describeListenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const fault = LISTEN_FAULTS[error.code ?? ''] ?? error.message;
  return Object.assign(new Error(`cannot listen on ${host}:${port}: ${fault}`, { cause: error }), { code: error.code });
}

// A wildcard address can be listened on but not called.
function reachableHost(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return address.includes(':') ? `[${address}]` : address;
}

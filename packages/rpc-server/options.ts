// The options of a server: their types, their defaults and the check that refuses bad ones before a port is opened.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonReadOptions, JsonWriteOptions } from '@bufbuild/protobuf';
import {
  type ConnectRouter,
  type ContextValues,
  createContextValues,
  type HandlerContext,
  type Interceptor,
} from '@connectrpc/connect';
import type { HealthRegistry } from './introspection/health-registry.ts';
import type { LimitName } from './limits/limit-error.ts';
import { DEFAULT_PORT_LIMITS, type PortLimits } from './limits/port-limits.ts';

/**
 * Answers plain HTTP on one path. Over HTTP/2 it gets Node's compatibility objects, which have the same methods.
 * A promise it returns is waited for. Throwing (or rejecting) before the answer has begun answers 500.
 */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** PEM key and certificate chain. With them the port speaks TLS, and ALPN chooses HTTP/2 or HTTP/1.1. */
export type TlsOptions = {
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
  /**
   * The authorities of client certificates. With them clients are asked for a certificate, and `findClientCertificate` returns one that
   * is good. A client without one is served all the same: what it may call is for an interceptor to decide.
   */
  readonly ca?: string | Buffer;
};

export type RpcServerOptions = Partial<PortLimits> & {
  /** Registers the services. Registering one RPC twice is an error. Health and reflection are added by the server. */
  readonly routes: (router: ConnectRouter) => void;
  /** Run around every call of `routes`, the first one outermost; health and reflection are not intercepted. */
  readonly interceptors?: readonly Interceptor[];
  /**
   * Called for every call of `routes` before its body is read; an error that it throws is the answer. Default: admits all. Connect calls it
   * since 2.2.
   */
  readonly admit?: (context: HandlerContext) => void | Promise<void>;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port to listen on; 0, the default, lets the system choose a free one. */
  readonly port?: number;
  /** Serves TLS instead of cleartext. `RpcServer.renewTls` replaces it. */
  readonly tls?: TlsOptions;
  /** Called when a caller speaks plaintext to a port with TLS, or TLS to one without; with what it spoke. */
  readonly onTlsMismatch?: (spoken: 'plaintext' | 'tls') => void;
  /** Makes the context values of a call of `routes` from its request, before it is read. Default: none. */
  readonly contextValues?: (request: IncomingMessage) => ContextValues;
  /**
   * Host names, without port, by which the server is called, in addition to IP addresses, `localhost` and `host`; `*` accepts any.
   * Default: none. Requests for other hosts are refused, because a web page can make its own name point to this address.
   */
  readonly allowedHosts?: readonly string[];
  /**
   * Origins whose scripts may call, such as `https://shop.example`, or `*` for any. Requests of other origins are refused.
   * Default: `localhost`, `127.0.0.1` and `[::1]`, http or https, on any port. An empty list allows none.
   */
  readonly corsOrigins?: readonly string[];
  /** Whether allowed scripts may send cookies and other credentials of the browser; not for any origin. Default `false`. */
  readonly corsCredentials?: boolean;
  /** Request header names that allowed scripts may send, in addition to those of the protocols, such as `traceparent`; `*` for any. */
  readonly corsAllowedHeaders?: readonly string[];
  /** Response header names that allowed scripts may read, in addition to those of the protocols; `*` for all. */
  readonly corsExposedHeaders?: readonly string[];
  /** Largest request message in bytes, before and after decompression. Default 4 MiB. */
  readonly maxRequestBytes?: number;
  /** Largest number of bytes that the bodies of all requests hold in memory together. Default 64 MiB, or two messages. */
  readonly maxRequestBytesInFlight?: number;
  /**
   * How long a request may take to arrive, and a response may wait until its caller reads on, in milliseconds. Default 30,000. In a
   * stream it counts for each message.
   */
  readonly bodyTimeoutMs?: number;
  /** Longest timeout of a call, in milliseconds; longer ones are shortened. Default (and maximum) 2,147,483,647, about 24 days. */
  readonly maxTimeoutMs?: number;
  /** How long a stream may last, in milliseconds, give or take a tenth; then it ends with `unavailable`. Default: for ever. */
  readonly maxStreamAgeMs?: number;
  /** The domain of `google.rpc.ErrorInfo` in the errors of these limits. Default: they carry none. */
  readonly errorDomain?: string;
  /** Called each time a limit rejects something. */
  readonly onLimit?: (limit: LimitName) => void;
  /** How long a new connection may take to show which protocol it speaks, in milliseconds. Default 10,000. */
  readonly firstBytesTimeoutMs?: number;
  /** Plain HTTP by exact path (the query is not part of it), such as `{ '/metrics': answerMetrics }`. */
  readonly httpRoutes?: Readonly<Record<string, HttpHandler>>;
  /** How messages are read from and written to JSON. Unknown fields are ignored by default. */
  readonly jsonOptions?: Partial<JsonReadOptions & JsonWriteOptions>;
  /** The health statuses to serve. Default: a new registry that says SERVING. */
  readonly health?: HealthRegistry;
  /**
   * Called when an answer could not be produced or written: a plain HTTP handler threw, or the caller went away in the
   * middle of an answer. `where` is the path. A connection that could not be accepted has the `where` "connection".
   * Errors thrown by RPCs are not reported: they are answered.
   */
  readonly onError?: (error: unknown, where: string) => void;
};

/** The options with every default filled in. */
export type ResolvedOptions = Required<Omit<RpcServerOptions, WithoutDefault>> & Pick<RpcServerOptions, WithoutDefault>;

type WithoutDefault =
  | 'tls'
  | 'allowedHosts'
  | 'corsOrigins'
  | 'jsonOptions'
  | 'health'
  | 'maxStreamAgeMs'
  | 'errorDomain';

const MAX_TIMER_MS = 2_147_483_647;
const MAX_PORT_TIMEOUT_MS = 24 * 60 * 60 * 1_000;
const COUNTS = [
  'maxConnections',
  'maxConnectionsPerPeer',
  'maxStreamsPerConnection',
  'maxHeaders',
  'maxHeaderBytes',
] as const;
const noDecision = () => undefined;

/**
 * Fills in the defaults.
 *
 * @throws TypeError naming the first option that cannot be used.
 */
export function resolveOptions(options: RpcServerOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    ...DEFAULT_PORT_LIMITS,
    interceptors: [],
    contextValues: createContextValues,
    admit: noDecision,
    host: '127.0.0.1',
    port: 0,
    corsCredentials: false,
    corsAllowedHeaders: [],
    corsExposedHeaders: [],
    maxRequestBytes: 4 * 1024 * 1024,
    maxRequestBytesInFlight: Math.max(64 * 1024 * 1024, 2 * (options.maxRequestBytes ?? 0)),
    bodyTimeoutMs: 30_000,
    maxTimeoutMs: MAX_TIMER_MS,
    onLimit: noDecision,
    onTlsMismatch: noDecision,
    firstBytesTimeoutMs: 10_000,
    httpRoutes: {},
    onError: noDecision,
    ...withoutUndefined(options),
  };
  assertWholeNumber('port', resolved.port, 0, 65_535);
  assertWholeNumber('maxRequestBytes', resolved.maxRequestBytes, 1, 0xffff_ffff);
  assertWholeNumber('maxRequestBytesInFlight', resolved.maxRequestBytesInFlight, 1, Number.MAX_SAFE_INTEGER);
  assertWholeNumber('maxStreamAgeMs', resolved.maxStreamAgeMs ?? 1, 1, MAX_TIMER_MS);
  for (const name of ['maxTimeoutMs', 'bodyTimeoutMs', 'firstBytesTimeoutMs'] as const) {
    assertWholeNumber(name, resolved[name], 1, MAX_TIMER_MS);
  }
  for (const name of ['headersTimeoutMs', 'idleTimeoutMs', 'pingIntervalMs'] as const) {
    assertWholeNumber(name, resolved[name], 1, MAX_PORT_TIMEOUT_MS);
  }
  for (const name of COUNTS) assertWholeNumber(name, resolved[name], 1, 1_000_000);
  for (const path of Object.keys(resolved.httpRoutes)) {
    if (!path.startsWith('/')) throw new TypeError(`httpRoutes: the path "${path}" must start with "/"`);
  }
  return resolved;
}

// A caller that spells out `port: undefined` means the default, not the absence of a port.
function withoutUndefined(options: RpcServerOptions): RpcServerOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

function assertWholeNumber(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new TypeError(`${name} must be a whole number from ${least} to ${most}, but is ${value}`);
}

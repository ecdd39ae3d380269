// The ways in which one call can reach a provider: protocol, encoding and HTTP version. Each interaction is replayed in all.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { createRegistry, type DescMethod, type Registry } from '@bufbuild/protobuf';
import type { Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { type ClientTls, clientTlsOf } from '../base/client-tls.ts';
import { exactTransport } from '../matching/exact-json.ts';

/** One way. Its `name` is unique. */
export type Wire = {
  readonly name: WireName;
  readonly http: '1.1' | '2';
  /** Opens a transport with connections of its own; disposing of it closes them. */
  open(baseUrl: string, options?: OpenOptions): OpenWire;
};

export type OpenOptions = {
  /** The types that JSON may hold in a `google.protobuf.Any`, and the extensions that it may have. */
  readonly registry?: Registry;
  /** How an https provider is called. */
  readonly tls?: ClientTls;
};

/** A way to call: protocol, encoding and HTTP version. */
export type WireName =
  | 'Connect JSON, HTTP/1.1'
  | 'Connect JSON, HTTP/2'
  | 'Connect binary, HTTP/1.1'
  | 'Connect binary, HTTP/2'
  | 'gRPC, HTTP/2'
  | 'gRPC-Web, HTTP/1.1'
  | 'gRPC-Web, HTTP/2';

export type OpenWire = Disposable & {
  readonly transport: Transport;
};

type Connection = Parameters<typeof createConnectTransport>[0] extends infer Options
  ? Options extends { httpVersion: string }
    ? Omit<Options, 'baseUrl'>
    : never
  : never;

/** Every way there is. gRPC has none over HTTP/1.1. */
export const wires: readonly Wire[] = [
  wire('Connect JSON, HTTP/1.1', '1.1', (options) => createConnectTransport({ ...options, useBinaryFormat: false })),
  wire('Connect JSON, HTTP/2', '2', (options) => createConnectTransport({ ...options, useBinaryFormat: false })),
  wire('Connect binary, HTTP/1.1', '1.1', (options) => createConnectTransport({ ...options, useBinaryFormat: true })),
  wire('Connect binary, HTTP/2', '2', (options) => createConnectTransport({ ...options, useBinaryFormat: true })),
  wire('gRPC, HTTP/2', '2', (options) => createGrpcTransport(options as never)),
  wire('gRPC-Web, HTTP/1.1', '1.1', (options) => createGrpcWebTransport(options)),
  wire('gRPC-Web, HTTP/2', '2', (options) => createGrpcWebTransport(options)),
];

/** Whether an RPC can be called this way: a conversation needs HTTP/2. */
export function canCarry({ http }: Wire, method: DescMethod): boolean {
  return http === '2' || method.methodKind !== 'bidi_streaming';
}

function wire(
  name: WireName,
  http: '1.1' | '2',
  createTransport: (options: Connection & { baseUrl: string }) => Transport,
): Wire {
  return {
    name,
    http,
    open(baseUrl, { registry = createRegistry(), tls = {} } = {}) {
      const open = (options: object): Transport =>
        exactTransport(
          (jsonOptions) => createTransport({ ...options, baseUrl, jsonOptions } as never),
          registry,
          'ignored',
        );
      const secure = clientTlsOf(tls, 'tls');
      if (http === '2') {
        const sessionManager = new Http2SessionManager(baseUrl, undefined, secure);
        return {
          transport: open({ httpVersion: '2', sessionManager }),
          [Symbol.dispose]: () => sessionManager.abort(),
        };
      }
      const isSecure = URL.parse(baseUrl)?.protocol === 'https:';
      const agent = isSecure ? new HttpsAgent({ keepAlive: true, ...secure }) : new HttpAgent({ keepAlive: true });
      return {
        transport: open({ httpVersion: '1.1', nodeOptions: { agent } }),
        [Symbol.dispose]: () => agent.destroy(),
      };
    },
  };
}

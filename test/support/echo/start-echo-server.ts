// A running echo server for one test, and clients of every protocol for it.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { createRpcServer, type ListeningAddress, type RpcServer, type RpcServerOptions } from '@touchstone/rpc-server';
import { EchoService, echo } from './echo-service.ts';

export type EchoServer = AsyncDisposable & {
  readonly server: RpcServer;
  readonly address: ListeningAddress;
};

/** Starts a server of EchoService on a free port; `implementation` replaces single RPCs. */
export async function startEchoServer(
  options: Partial<RpcServerOptions> = {},
  implementation: Partial<typeof echo> = {},
): Promise<EchoServer> {
  const server = createRpcServer({
    routes: (router) => router.service(EchoService, { ...echo, ...implementation }),
    ...options,
  });
  const address = await server.listen();
  return { server, address, [Symbol.asyncDispose]: () => server.stop({ graceMs: 0 }) };
}

type HttpVersion = '1.1' | '2';
type TransportOptions = Partial<Parameters<typeof createConnectTransport>[0]>;

/** Every protocol over every HTTP version it can be spoken on by the Connect library. */
export const dialects = [
  { dialect: 'Connect over HTTP/1.1', createTransport: createConnectTransport, httpVersion: '1.1' },
  { dialect: 'Connect over HTTP/2', createTransport: createConnectTransport, httpVersion: '2' },
  { dialect: 'gRPC-Web over HTTP/1.1', createTransport: createGrpcWebTransport, httpVersion: '1.1' },
  { dialect: 'gRPC-Web over HTTP/2', createTransport: createGrpcWebTransport, httpVersion: '2' },
  { dialect: 'gRPC over HTTP/2', createTransport: createGrpcTransport, httpVersion: '2' },
] as const;

export type Dialect = (typeof dialects)[number];

/** Returns a transport that speaks `dialect` to `url`. */
function createTransport(dialect: Dialect, url: string, options: TransportOptions = {}): Transport {
  const create = dialect.createTransport as (options: object) => Transport;
  return create({ ...options, baseUrl: url, httpVersion: dialect.httpVersion satisfies HttpVersion });
}

/** Returns a client of EchoService that speaks `dialect` to `url`. */
export function createEchoClient(
  dialect: Dialect,
  url: string,
  options: TransportOptions = {},
): Client<typeof EchoService> {
  return createClient(EchoService, createTransport(dialect, url, options));
}

/** Posts a Connect request with a JSON body, the way curl does. */
export function postJson(url: string, rpc: string, body: string, headers: Record<string, string> = {}) {
  return fetch(`${url}/${rpc}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
}

/** Opens a bare connection that stays open on its own side when the server closes the other. */
export async function openSocket(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

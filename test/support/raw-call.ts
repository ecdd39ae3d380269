// Raw calls: requests with any body and headers, and clients for the same RPC over every protocol.

import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient as createRpcClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { allowedHeaders, asAllowedCaller } from './identity/credentials.ts';

export type RawCall = {
  /** The body as it is; default none. */
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** Default POST. */
  readonly method?: string;
  /** Default JSON. */
  readonly contentType?: string;
};

/** Calls `path`, an RPC's `<service>/<method>`, and returns the HTTP status with Connect's code, where there is one, and the text. */
export async function callRaw(url: string, path: string, { body, method = 'POST', contentType }: RawCall = {}) {
  const response = await fetch(`${url}/${path}`, {
    method,
    headers: { 'content-type': contentType ?? 'application/json', ...(await allowedHeaders(path)) },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const { code = '' } = text.startsWith('{') ? (JSON.parse(text) as { code?: string }) : {};
  return { status: response.status, code, text };
}

const TRANSPORTS: Readonly<Record<string, (baseUrl: string, interceptors: Interceptor[]) => Transport>> = {
  'Connect JSON': (baseUrl, interceptors) =>
    createConnectTransport({ baseUrl, interceptors, httpVersion: '1.1', useBinaryFormat: false }),
  'Connect binary': (baseUrl, interceptors) =>
    createConnectTransport({ baseUrl, interceptors, httpVersion: '1.1', useBinaryFormat: true }),
  gRPC: (baseUrl, interceptors) => createGrpcTransport({ baseUrl, interceptors }),
  'gRPC-Web': (baseUrl, interceptors) => createGrpcWebTransport({ baseUrl, interceptors, httpVersion: '1.1' }),
};

/** The names of the protocols that every port speaks. */
export const PROTOCOLS: readonly string[] = Object.keys(TRANSPORTS);

/** Makes a client that speaks one protocol; it calls as callers whom the contract allows, unless `caller` sends other credentials. */
export function clientBy<Service extends DescService>(
  protocol: string,
  url: string,
  service: Service,
  caller: Interceptor = asAllowedCaller(),
): Client<Service> {
  const connect = TRANSPORTS[protocol];
  if (connect === undefined) throw new Error(`there is no protocol ${protocol}`);
  return createRpcClient(service, connect(url, [caller]));
}

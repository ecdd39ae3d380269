// The client of the service that calls are forwarded to. It forwards each call in the protocol, encoding and HTTP version in which it arrived.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Registry } from '@bufbuild/protobuf';
import type { HandlerContext, Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { type ClientTls, clientTlsOf } from '../base/client-tls.ts';
import { exactTransport } from '../matching/exact-json.ts';

/** The protocol, encoding and HTTP version of a call. */
export type CallForm = {
  readonly protocol: 'connect' | 'grpc' | 'grpc-web';
  readonly codec: 'binary' | 'json';
  readonly httpVersion: '1.1' | '2';
  /** Whether it is a GET, which Connect allows for calls without side effects. */
  readonly isGet: boolean;
};

/** Returns the form of an incoming call. */
export function formOf({ protocolName, requestHeader, requestMethod, url }: HandlerContext): CallForm {
  const isGet = requestMethod === 'GET';
  const type = isGet ? (new URL(url).searchParams.get('encoding') ?? '') : (requestHeader.get('content-type') ?? '');
  return {
    protocol: protocolName as CallForm['protocol'],
    codec: /\bjson\b/.test(type) ? 'json' : 'binary',
    // HTTP/1.1 requires the header `host`; HTTP/2 uses `:authority` instead.
    httpVersion: protocolName === 'grpc' || !requestHeader.has('host') ? '2' : '1.1',
    isGet,
  };
}

type UpstreamOptions = {
  readonly registry: Registry;
  /** The HTTP version of all calls but those of gRPC. Default: that of the incoming call. */
  readonly http?: CallForm['httpVersion'] | undefined;
  readonly tls?: ClientTls | undefined;
};

export type Upstream = Disposable & {
  /** Returns the transport for calls of a form. */
  transportFor(form: CallForm): Transport;
};

/**
 * Creates the client of a service. It connects at the first call.
 *
 * @throws {TypeError} The URL is not an http or https URL, or contains a password; or a certificate or a key cannot be used: names the option and the reason.
 */
export function createUpstream(url: string, { registry, http, tls = {} }: UpstreamOptions): Upstream {
  const baseUrl = assertUrl(url);
  const isSecure = baseUrl.startsWith('https:');
  const secure = clientTlsOf(tls, 'upstreamTls');
  const agent = isSecure ? new HttpsAgent({ keepAlive: true, ...secure }) : new HttpAgent({ keepAlive: true });
  const sessionManager = new Http2SessionManager(baseUrl, undefined, secure);
  const transports = new Map<string, Transport>();

  function create({ protocol, codec, httpVersion, isGet }: CallForm): Transport {
    const options = {
      baseUrl,
      useBinaryFormat: codec === 'binary',
      ...(httpVersion === '2'
        ? { httpVersion: '2' as const, sessionManager }
        : { httpVersion: '1.1' as const, nodeOptions: { agent } }),
    };
    const open = (jsonOptions: object): Transport => {
      const all = { ...options, jsonOptions };
      if (protocol === 'grpc') return createGrpcTransport(all as never);
      if (protocol === 'grpc-web') return createGrpcWebTransport(all);
      return createConnectTransport({ ...all, useHttpGet: isGet });
    };
    // A JSON field that the schema does not have is an error: it would not reach the caller.
    return exactTransport(open, registry, 'refused');
  }

  return {
    transportFor(call) {
      const form = http === undefined || call.protocol === 'grpc' ? call : { ...call, httpVersion: http };
      const key = JSON.stringify([form.protocol, form.codec, form.httpVersion, form.isGet]);
      const transport = transports.get(key) ?? create(form);
      transports.set(key, transport);
      return transport;
    },
    [Symbol.dispose]() {
      sessionManager.abort();
      agent.destroy();
    },
  };
}

function assertUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  // The error does not repeat the URL, which may contain a password.
  if (!parsed || !/^https?:$/.test(parsed.protocol)) throw new TypeError('upstream: must be an http or https URL');
  if (parsed.username !== '' || parsed.password !== '') throw new TypeError('upstream: must not contain a password');
  return url.replace(/\/$/, '');
}

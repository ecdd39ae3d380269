// The way to the recorded service: a call goes on in the protocol, encoding and HTTP version in which it came.

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
import type { RecordedExchange } from './exchange.ts';
import { RecordingError } from './recording-error.ts';

/** How a call came, and goes on. */
export interface CallForm {
  readonly protocol: RecordedExchange['protocol'];
  readonly codec: RecordedExchange['codec'];
  readonly httpVersion: '1.1' | '2';
  /** Whether it is a GET, which Connect allows for calls without side effects. */
  readonly isGet: boolean;
}

/** Returns how a call came. */
export function formOf({ protocolName, requestHeader, requestMethod, url }: HandlerContext): CallForm {
  const isGet = requestMethod === 'GET';
  const type = isGet ? (new URL(url).searchParams.get('encoding') ?? '') : (requestHeader.get('content-type') ?? '');
  return {
    protocol: protocolName as CallForm['protocol'],
    codec: /\bjson\b/.test(type) ? 'json' : 'binary',
    // HTTP/1.1 cannot do without this header, and HTTP/2 has another in its place.
    httpVersion: protocolName === 'grpc' || !requestHeader.has('host') ? '2' : '1.1',
    isGet,
  };
}

export interface Upstream extends Disposable {
  /** Returns the transport for calls of a form. */
  transportFor(form: CallForm): Transport;
}

/** Returns the way to a service; connects at the first call. @throws RecordingError for what is no URL of one. */
export function createUpstream(url: string, registry: Registry, http?: CallForm['httpVersion']): Upstream {
  const baseUrl = assertUrl(url);
  const isSecure = baseUrl.startsWith('https:');
  const agent = isSecure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  const sessionManager = new Http2SessionManager(baseUrl);
  const transports = new Map<string, Transport>();

  function create({ protocol, codec, httpVersion, isGet }: CallForm): Transport {
    const options = {
      baseUrl,
      useBinaryFormat: codec === 'binary',
      // A field that the schema does not have would be gone on the other side, without anybody being told.
      jsonOptions: { registry, ignoreUnknownFields: false },
      ...(httpVersion === '2'
        ? { httpVersion: '2' as const, sessionManager }
        : { httpVersion: '1.1' as const, nodeOptions: { agent } }),
    };
    if (protocol === 'grpc') return createGrpcTransport(options as never);
    if (protocol === 'grpc-web') return createGrpcWebTransport(options);
    return createConnectTransport({ ...options, useHttpGet: isGet });
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
  // The URL itself is not told: it may hold a password.
  if (!parsed || !/^https?:$/.test(parsed.protocol)) throw new RecordingError('upstream: is no http or https URL');
  if (parsed.username !== '' || parsed.password !== '') throw new RecordingError('upstream: must not hold a password');
  return url.replace(/\/$/, '');
}

// Calls that a virtual service does not answer itself: they are forwarded to the real service.

import type { DescMethod, DescMethodStreaming, DescMethodUnary, Message, Registry } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import type { ClientTls } from '../base/client-tls.ts';
import { assertPlaintext, assertTrusted } from '../base/upstream-certificate.ts';
import { forwardStream, forwardUnary, NO_OBSERVER, requireResponse } from '../forwarding/forward-call.ts';
import { createUpstream, type Upstream } from '../forwarding/upstream.ts';

/** The service that calls without a stub are forwarded to. */
export type UpstreamOptions = {
  /**
   * The URL of the real service, such as `http://127.0.0.1:50052`. Calls that match no stub, of RPCs without an interaction, are forwarded
   * to it. Default: none; such calls are `unimplemented`.
   */
  readonly upstream?: string;
  /** How the service is called if its URL is https. */
  readonly upstreamTls?: ClientTls;
  /** The HTTP version for calls to the service, except for gRPC, which requires 2. Default: that of the incoming call. */
  readonly upstreamHttp?: '1.1' | '2';
};

/** Forwards calls to the real service. */
export type CallForwarder = {
  /** Returns the responses of the service. */
  forward(
    method: DescMethod,
    requests: Iterable<Message> | AsyncIterable<Message>,
    context: HandlerContext,
  ): AsyncGenerator<Message>;
  /** How many calls it was given. */
  readonly calls: number;
};

/**
 * Creates the client of the service, if there is one.
 *
 * @throws {TypeError} `upstream` is no URL of a service, or a certificate or a key cannot be used: names the option and the reason.
 * @throws {ProviderUnreachableError} The certificate of the service is not trusted, or only one side speaks TLS.
 */
export async function openUpstream(
  { upstream: url, upstreamTls: tls, upstreamHttp: http }: UpstreamOptions,
  registry: Registry,
): Promise<Upstream | undefined> {
  if (url === undefined) return undefined;
  const upstream = createUpstream(url, { registry, http, tls });
  await assertTrusted(url, tls, 'upstreamTls');
  await assertPlaintext(url);
  return upstream;
}

/** Returns what forwards calls to a service: each in its protocol, with its metadata, deadline and cancellation. */
export function createForwarder(upstream: Upstream): CallForwarder {
  let calls = 0;
  return {
    get calls() {
      return calls;
    },
    async *forward(method, requests, context) {
      calls += 1;
      if (method.methodKind === 'unary') {
        const request = await firstOf(requests, method);
        yield await forwardUnary(method as DescMethodUnary, request, context, upstream, NO_OBSERVER);
        return;
      }
      const responses = forwardStream(method as DescMethodStreaming, requests, context, upstream, NO_OBSERVER);
      if (method.methodKind === 'client_streaming') yield await requireResponse(responses, method);
      else yield* responses;
    },
  };
}

async function firstOf(requests: Iterable<Message> | AsyncIterable<Message>, { name }: DescMethod): Promise<Message> {
  for await (const request of requests) return request;
  throw new ConnectError(`${name}: the caller sent no request`, Code.InvalidArgument);
}

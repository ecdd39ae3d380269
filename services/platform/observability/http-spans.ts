// The spans of HTTP requests sent to services that speak no RPC, after OpenTelemetry's semantic conventions.
import { describeSpan, failSpan, SpanKind, type SpanOptions } from './tracing.ts';

const FIRST_ERROR_STATUS = 400;

/** The span of one request; `url` must hold no secret. */
export function requestSpan(method: string, url: URL, failureOf: (error: unknown) => string): SpanOptions {
  return {
    name: method,
    kind: SpanKind.CLIENT,
    attributes: {
      'http.request.method': method,
      'url.full': url.href,
      'server.address': url.hostname,
      'server.port': portOf(url),
    },
    failureOf,
  };
}

/** Records the status of the response in the current span: to a client, every one from 400 on is a failure. */
export function recordHttpStatus(status: number): void {
  describeSpan({ 'http.response.status_code': status });
  if (status >= FIRST_ERROR_STATUS) failSpan(String(status));
}

/** The port of an address, also where it is the default of its protocol. */
export function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

// A fake OpenTelemetry collector: receives spans and metrics over HTTP as protobuf and decodes them. It reads the fields that tests
// speak of, and keeps every body as it came.
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { type ReceivedMetric, readMetrics } from './received-metrics.ts';
import { type ReceivedSpan, readSpans } from './received-spans.ts';

export type OtlpReceiver = AsyncDisposable & {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  readonly metrics: readonly ReceivedMetric[];
  /** Every body that came, uncompressed, as text of one character a byte. */
  readonly bodies: readonly string[];
  /** The headers of every request. */
  readonly headers: readonly IncomingHttpHeaders[];
  /** How the next requests are answered: `hang` takes them and never answers. Default `take`. */
  behaviour: 'take' | 'refuse' | 'hang';
};

/** Starts a collector on a port of the system's choice, with TLS when that is given. */
export async function startOtlpReceiver(tls?: ServerOptions): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const metrics: ReceivedMetric[] = [];
  const bodies: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const readers: Record<string, (body: Buffer) => void> = {
    '/v1/traces': (body) => spans.push(...readSpans(body)),
    '/v1/metrics': (body) => metrics.push(...readMetrics(body)),
  };
  const answer = (path: string | undefined, body: Buffer, response: ServerResponse): void => {
    const read = readers[path ?? ''];
    if (receiver.behaviour === 'hang') return;
    if (receiver.behaviour === 'refuse') {
      response.writeHead(400).end('not now');
    } else if (read === undefined) {
      response.writeHead(404).end();
    } else {
      bodies.push(body.toString('latin1'));
      read(body);
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    }
  };
  const take: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    headers.push(request.headers);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      answer(request.url, request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body, response);
    });
  };
  const server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
  await listen(server);
  const receiver = {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    metrics,
    bodies,
    headers,
    behaviour: 'take' as OtlpReceiver['behaviour'],
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
}

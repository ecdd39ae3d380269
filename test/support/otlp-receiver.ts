// A fake OpenTelemetry collector: receives spans over HTTP as protobuf and decodes them. It reads the fields
// that tests speak of, by their numbers in OTLP's trace.proto, and keeps every body as it came.
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

export type ReceivedSpan = {
  /** The resource's `service.name`. */
  readonly service: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty at the root of a trace. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: SpanKindName;
  readonly attributes: Readonly<Record<string, string>>;
  readonly hasFailed: boolean;
};

export type SpanKindName = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

export type OtlpReceiver = AsyncDisposable & {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Every body that came, as text of one character a byte. */
  readonly bodies: readonly string[];
  /** The headers of every request. */
  readonly headers: readonly IncomingHttpHeaders[];
  /** How the next requests are answered: `hang` takes them and never answers. Default `take`. */
  behaviour: 'take' | 'refuse' | 'hang';
};

const KINDS: readonly SpanKindName[] = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUS_ERROR = 2;

/** Starts a collector on a port of the system's choice, with TLS when that is given. */
export async function startOtlpReceiver(tls?: ServerOptions): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const bodies: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const answer = (path: string | undefined, body: Buffer, response: ServerResponse): void => {
    if (receiver.behaviour === 'hang') return;
    if (receiver.behaviour === 'refuse') {
      response.writeHead(400).end('not now');
    } else if (path === '/v1/traces') {
      bodies.push(body.toString('latin1'));
      spans.push(...readRequest(body));
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    } else {
      response.writeHead(404).end();
    }
  };
  const take: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    headers.push(request.headers);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(request.url, Buffer.concat(chunks), response));
  };
  const server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
  await listen(server);
  const receiver = {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
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

type Fields = ReadonlyMap<number, readonly (Uint8Array | number)[]>;

/** The fields of one message: bytes for length-delimited ones, numbers for varints. */
function readFields(bytes: Uint8Array): Fields {
  const fields = new Map<number, (Uint8Array | number)[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const values = fields.get(field) ?? [];
    fields.set(field, values);
    if (wireType === WireType.LengthDelimited) values.push(reader.bytes());
    else if (wireType === WireType.Varint) values.push(Number(reader.int64()));
    else reader.skip(wireType, field);
  }
  return fields;
}

const messages = (fields: Fields, field: number): Fields[] =>
  (fields.get(field) ?? []).flatMap((value) => (typeof value === 'number' ? [] : [readFields(value)]));

const bytesOf = (fields: Fields | undefined, field: number): Buffer => {
  const value = fields?.get(field)?.at(-1);
  return Buffer.from(typeof value === 'object' ? value : []);
};

const textOf = (fields: Fields | undefined, field: number): string => bytesOf(fields, field).toString('utf8');

const numberOf = (fields: Fields | undefined, field: number): number => {
  const value = fields?.get(field)?.at(-1);
  return typeof value === 'number' ? value : 0;
};

/** Attributes as text; AnyValue has text in field 1, a truth value in 2, a whole number in 3. */
function readAttributes(fields: Fields, field: number): Record<string, string> {
  return Object.fromEntries(
    messages(fields, field).map((pair) => {
      const [value] = messages(pair, 2);
      const isText = value?.has(1) === true;
      return [textOf(pair, 1), isText ? textOf(value, 1) : String(numberOf(value, value?.has(2) ? 2 : 3))];
    }),
  );
}

function readRequest(body: Uint8Array): ReceivedSpan[] {
  return messages(readFields(body), 1).flatMap((resourceSpans) => {
    const [resourceFields] = messages(resourceSpans, 1);
    const resource = resourceFields === undefined ? {} : readAttributes(resourceFields, 1);
    const spans = messages(resourceSpans, 2).flatMap((scopeSpans) => messages(scopeSpans, 2));
    return spans.map((span) => readSpan(span, resource));
  });
}

function readSpan(span: Fields, resource: Record<string, string>): ReceivedSpan {
  return {
    service: resource['service.name'] ?? '',
    resource,
    traceId: bytesOf(span, 1).toString('hex'),
    spanId: bytesOf(span, 2).toString('hex'),
    parentId: bytesOf(span, 4).toString('hex'),
    name: textOf(span, 5),
    kind: KINDS[numberOf(span, 6)] ?? 'internal',
    attributes: readAttributes(span, 9),
    hasFailed: numberOf(messages(span, 15)[0], 3) === STATUS_ERROR,
  };
}

// An HTTP/2 server without sockets that answers as a test says, and how a call to it ends over either transport.
import { hash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type Duplex, duplexPair } from 'node:stream';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ConnectError, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { type CheckAvailabilityRequestSchema, InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { createUnaryTransport } from '#services/platform/client/unary-transport.ts';

const ORIGIN = 'http://memory.example';

/** How a server treats a request that it has read. */
export type Script = (stream: ServerHttp2Stream, connection: Duplex) => unknown;

/** A call as a test makes it. */
export type Call = {
  readonly request?: MessageInitShape<typeof CheckAvailabilityRequestSchema>;
  readonly timeoutMs?: number;
  readonly headers?: Record<string, string>;
  readonly interceptors?: Interceptor[];
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  /** Opens the connection in place of the one to the server. */
  readonly connect?: () => Duplex;
};

export type TransportName = 'connect' | 'thin';

/** Calls a server with this script, and describes the end of the call and what the server has seen. */
export async function outcomeOf(name: TransportName, script: Script, call: Call = {}) {
  const seen: { headers: IncomingHttpHeaders; body: string; resetBy: number | undefined }[] = [];
  const closed: Promise<void>[] = [];
  const server = createServer();
  server.on('stream', (stream, headers) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    closed.push(promise);
    const chunks: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => script(stream, serverSide));
    stream.on('close', () => {
      const body = hash('sha256', Buffer.concat(chunks));
      seen.push({ headers, body, resetBy: stream.rstCode });
      resolve();
    });
  });
  server.on('sessionError', () => undefined);
  const [clientSide, serverSide] = duplexPair();
  for (const side of [clientSide, serverSide]) side.on('error', () => undefined);
  server.emit('connection', serverSide);
  const createConnection = call.connect ?? (() => clientSide);
  const manager = new Http2SessionManager(ORIGIN, {}, { createConnection: createConnection as never });
  const transport = createTransport(name, manager, call.interceptors ?? []);
  try {
    const ended = await describe(transport, call);
    await Promise.all(closed);
    return { ...ended, seen };
  } finally {
    manager.abort();
    clientSide.destroy();
    serverSide.destroy();
    server.close();
  }
}

function createTransport(name: TransportName, manager: Http2SessionManager, interceptors: Interceptor[]): Transport {
  if (name === 'thin') return createUnaryTransport({ url: ORIGIN, manager, interceptors });
  const options = { httpVersion: '2', useBinaryFormat: true, sessionManager: manager } as const;
  return createConnectTransport({ baseUrl: ORIGIN, ...options, interceptors });
}

async function describe(transport: Transport, { request = { productId: '12345' }, ...options }: Call) {
  const received: { header?: Headers; trailer?: Headers } = {};
  try {
    const answer = await createClient(InventoryService, transport).checkAvailability(request, {
      ...options,
      onHeader: (header) => {
        received.header = header;
      },
      onTrailer: (trailer) => {
        received.trailer = trailer;
      },
    });
    const metadata = { header: entriesOf(received.header), trailer: entriesOf(received.trailer) };
    return { answer, ...metadata };
  } catch (error) {
    return { error: describeError(error) };
  }
}

/** All that code may look at in an error. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, cause } = error;
  const { code } = error as NodeJS.ErrnoException;
  if (Object.getPrototypeOf(error) !== ConnectError.prototype || !(error instanceof ConnectError))
    return { name, message, code, cause: describeError(cause) };
  const { rawMessage, details, isWireError, metadata } = error;
  return {
    ...{ name, message, code, rawMessage, details, isWireError },
    metadata: entriesOf(metadata),
    cause: describeError(cause),
  };
}

function entriesOf(headers: Headers | undefined): unknown {
  return headers && [...headers].filter(([name]) => name !== 'date');
}

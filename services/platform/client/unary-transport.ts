// The transport to one server. Streams are Connect's; a unary call is written here, because Connect's costs several times as much of the
// processor (docs/decisions/0022-thin-unary-path.md). What an interceptor, a caller and the server see is the same.
import { create, type DescMethodUnary } from '@bufbuild/protobuf';
import {
  appendHeaders,
  Code,
  ConnectError,
  createContextValues,
  type Interceptor,
  type Transport,
  type UnaryRequest,
  type UnaryResponse,
} from '@connectrpc/connect';
import { createMethodSerializationLookup, createMethodUrl } from '@connectrpc/connect/protocol';
import {
  contentTypeUnaryProto,
  errorFromJsonBytes,
  requestHeaderWithCompression,
  trailerDemux,
  validateResponseWithCompression,
} from '@connectrpc/connect/protocol-connect';
import {
  compressionBrotli,
  compressionGzip,
  createConnectTransport,
  type Http2SessionManager,
} from '@connectrpc/connect-node';
import { type AnswerHead, exchange } from './unary-exchange.ts';

export type UnaryTransportOptions = {
  /** Like `http://127.0.0.1:50052`. */
  readonly url: string;
  readonly manager: Http2SessionManager;
  readonly interceptors: Interceptor[];
};

const ACCEPTED = [compressionGzip, compressionBrotli];
// Connect's own limits: none, but that of protobuf.
const MAX_BYTES = 0xffff_ffff;
/** Why the signal of a call is aborted when it was answered. */
const ANSWERED = new DOMException('the call was answered', 'AbortError');

/** What is computed once for each method. */
type Prepared = { readonly url: string; readonly serialization: ReturnType<typeof createMethodSerializationLookup> };

/** Creates the transport; nothing is sent. */
export function createUnaryTransport({ url, manager, interceptors }: UnaryTransportOptions): Transport {
  const connect = createConnectTransport({
    baseUrl: url,
    httpVersion: '2',
    useBinaryFormat: true,
    sessionManager: manager,
    interceptors,
  });
  const known = new Map<DescMethodUnary, Prepared>();
  const prepare = (method: DescMethodUnary): Prepared => {
    const limits = { readMaxBytes: MAX_BYTES, writeMaxBytes: MAX_BYTES };
    const prepared = known.get(method) ?? {
      url: createMethodUrl(url, method),
      serialization: createMethodSerializationLookup(method, undefined, undefined, limits),
    };
    known.set(method, prepared);
    return prepared;
  };

  const send = async (request: UnaryRequest): Promise<UnaryResponse> => {
    const { method, signal } = request;
    const { serialization } = prepare(method);
    const body = serialization.getI(true).serialize(request.message);
    const head: { current?: Head } = {};
    const bytes = await exchange({
      manager,
      path: pathOf(request.url, manager.authority),
      headers: Object.fromEntries(request.header),
      body,
      signal,
      onHead: (received) => {
        head.current = readHead(received);
      },
    });
    const { compression, unaryError, header } = head.current as Head;
    const plain = compression === undefined ? bytes : await compression.decompress(bytes, MAX_BYTES);
    if (unaryError !== undefined) throw errorFromJsonBytes(plain, appendHeaders(...header()), unaryError);
    return toResponse(method, serialization.getO(true).parse(plain), header);
  };
  const sendIntercepted = interceptors.reduceRight<(request: UnaryRequest) => Promise<UnaryResponse>>(
    (next, interceptor) => interceptor(next as never) as never,
    send,
  );

  return {
    unary: async (method, signal, timeoutMs, header, message, contextValues) => {
      const limitMs = timeoutMs !== undefined && timeoutMs > 0 ? timeoutMs : undefined;
      const call = startCall(signal, limitMs);
      const request: UnaryRequest = {
        stream: false,
        service: method.parent,
        method,
        requestMethod: 'POST',
        url: prepare(method).url,
        header: requestHeaderWithCompression('unary', true, limitMs, header, ACCEPTED, null, true),
        contextValues: contextValues ?? createContextValues(),
        message: create(method.input, message),
        signal: call.signal,
      };
      try {
        const response = await sendIntercepted(request);
        call.end(ANSWERED);
        return response as never;
      } catch (error) {
        // The reason of the signal: what failed because of it may say less.
        const failure = call.signal.aborted
          ? ConnectError.from(call.signal.reason, Code.Canceled)
          : ConnectError.from(error);
        call.end(failure);
        throw failure;
      }
    },
    stream: connect.stream,
  };
}

/** Returns the signal of a call: aborted by the caller's signal, by its deadline, and at its end. */
function startCall(callersSignal: AbortSignal | undefined, timeoutMs: number | undefined) {
  const controller = new AbortController();
  const onAbort = () => controller.abort(callersSignal?.reason);
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(
          () => controller.abort(new ConnectError('the operation timed out', Code.DeadlineExceeded)),
          timeoutMs,
        );
  callersSignal?.addEventListener('abort', onAbort);
  if (callersSignal?.aborted === true) onAbort();
  return {
    signal: controller.signal,
    end: (reason: unknown): void => {
      clearTimeout(timer);
      callersSignal?.removeEventListener('abort', onAbort);
      controller.abort(reason);
    },
  };
}

type Head = Pick<ReturnType<typeof validateResponseWithCompression>, 'compression' | 'unaryError'> & {
  /** Header and trailer; made when asked for, because hardly any caller does. */
  readonly header: () => [header: Headers, trailer: Headers];
};

/** @throws {ConnectError} the answer is none of the protocol. */
function readHead(received: AnswerHead): Head {
  const header = () => toHeaders(received);
  const isPlain =
    received[':status'] === 200 &&
    received['content-type'] === contentTypeUnaryProto &&
    received['content-encoding'] === undefined;
  if (isPlain) return { compression: undefined, unaryError: undefined, header: () => trailerDemux(header()) };
  const headers = header();
  const valid = validateResponseWithCompression('unary', ACCEPTED, true, received[':status'] ?? 0, headers);
  return { ...valid, header: () => trailerDemux(headers) };
}

function toResponse(method: DescMethodUnary, message: UnaryResponse['message'], split: Head['header']): UnaryResponse {
  let parts: ReturnType<typeof split> | undefined;
  const partsOf = () => {
    parts ??= split();
    return parts;
  };
  return {
    stream: false,
    service: method.parent,
    method,
    message,
    get header() {
      return partsOf()[0];
    },
    get trailer() {
      return partsOf()[1];
    },
  };
}

function toHeaders(received: AnswerHead): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(received)) {
    if (name.startsWith(':') || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [String(value)]) headers.append(name, one);
  }
  return headers;
}

/** @throws {ConnectError} an interceptor has chosen another server. */
function pathOf(url: string, origin: string): string {
  if (url.startsWith(`${origin}/`)) return url.slice(origin.length);
  const message = `cannot make a request to ${new URL(url).origin}: the http2 session is connected to ${origin}`;
  throw new ConnectError(message, Code.Internal);
}

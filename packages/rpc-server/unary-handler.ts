// The handler of unary calls of the Connect protocol with binary messages, as services call each other. It does what Connect's handler does,
// with Connect's functions, for a third of its processor time (docs/decisions/0022-thin-unary-path.md). All other calls are Connect's.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { create, type DescMethodUnary, type MessageInitShape } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ContextValues,
  type HandlerContext,
  type Interceptor,
  type UnaryRequest,
  type UnaryResponse,
} from '@connectrpc/connect';
import { compressionNegotiate, createMethodSerializationLookup } from '@connectrpc/connect/protocol';
import {
  codeToHttpStatus,
  contentTypeUnaryJson,
  contentTypeUnaryProto,
  errorToJsonBytes,
  headerUnaryAcceptEncoding,
  trailerMux,
} from '@connectrpc/connect/protocol-connect';
import type { CallTimeout } from './call-timeout.ts';
import { compressions } from './compression.ts';
import type { ResolvedOptions } from './options.ts';
import { mapParseError } from './parse-errors.ts';

// Connect's defaults.
const COMPRESS_MIN_BYTES = 1024;
const MAX_WRITE_BYTES = 0xffff_ffff;

/** Why the signal of a call is aborted when its answer is known; with Connect each call creates such an exception. */
const ANSWERED = new DOMException('This operation was aborted', 'AbortError');

const PROTOCOL_HEADERS = new Set([
  ...['content-type', 'content-length', 'content-encoding', 'accept-encoding', 'host', 'user-agent', 'date'],
  ...['trailer', 'trailer-', 'connect-content-encoding', 'connect-accept-encoding', 'connect-timeout-ms'],
  ...['connect-protocol-version', 'grpc-encoding', 'grpc-accept-encoding', 'grpc-timeout', 'grpc-status'],
  ...['grpc-message', 'grpc-status-details-bin'],
]);

/** What Connect makes of the codes of RST_STREAM. NO_ERROR and STREAM_CLOSED say nothing. */
const RESETS: Readonly<Record<number, readonly [name: string, code: Code]>> = {
  1: ['PROTOCOL_ERROR', Code.Internal],
  2: ['INTERNAL_ERROR', Code.Internal],
  3: ['FLOW_CONTROL_ERROR', Code.Internal],
  4: ['SETTINGS_TIMEOUT', Code.Internal],
  6: ['FRAME_SIZE_ERROR', Code.Internal],
  7: ['REFUSED_STREAM', Code.Unavailable],
  8: ['CANCEL', Code.Canceled],
  9: ['COMPRESSION_ERROR', Code.Internal],
  10: ['CONNECT_ERROR', Code.Internal],
  11: ['ENHANCE_YOUR_CALM', Code.ResourceExhausted],
  12: ['INADEQUATE_SECURITY', Code.PermissionDenied],
  13: ['HTTP_1_1_REQUIRED', Code.PermissionDenied],
};

export type UnaryAnswer = { readonly status: number; readonly header: Headers; readonly body: Uint8Array };

export type UnaryCallInput = {
  readonly request: IncomingMessage;
  readonly values: ContextValues;
  readonly timeout: CallTimeout | undefined;
  /** Reads the message. */
  readonly readBody: () => Promise<Uint8Array>;
};

/** Answers a call for which `isPlainUnary` is true, also one that fails. Throws when the answer cannot be encoded. */
export type UnaryHandler = (call: UnaryCallInput) => Promise<UnaryAnswer>;

export type UnaryHandlerOptions = {
  readonly method: DescMethodUnary;
  readonly implementation: (request: never, context: HandlerContext) => unknown;
  /** The first one is the outermost. */
  readonly interceptors: readonly Interceptor[];
  readonly requestGate: (context: HandlerContext) => void | Promise<void>;
  readonly shutdownSignal: AbortSignal;
  readonly options: Pick<ResolvedOptions, 'jsonOptions' | 'maxRequestBytes'>;
};

type UnaryFunction = (request: UnaryRequest) => Promise<UnaryResponse>;

/** Whether a request is a unary call as services make it, without anything that needs more than this handler. */
export function isPlainUnary(request: IncomingMessage, timeout: CallTimeout | undefined): boolean {
  const { headers } = request;
  return (
    request.httpVersionMajor === 2 &&
    request.method === 'POST' &&
    headers['content-type'] === contentTypeUnaryProto &&
    headers['content-encoding'] === undefined &&
    (timeout !== undefined || headers['connect-timeout-ms'] === undefined)
  );
}

/** Returns the handler of one RPC. */
export function createUnaryHandler(handlerOptions: UnaryHandlerOptions): UnaryHandler {
  const { method, implementation, interceptors, requestGate, shutdownSignal, options } = handlerOptions;
  const serialization = createMethodSerializationLookup(method, undefined, undefined, {
    readMaxBytes: options.maxRequestBytes,
    writeMaxBytes: MAX_WRITE_BYTES,
  });
  const input = serialization.getI(true);
  const output = serialization.getO(true);

  const invoke = async (call: UnaryRequest, context: HandlerContext): Promise<UnaryResponse> => {
    const { service, header, signal, contextValues } = call;
    const ofCall = { ...context, service, requestHeader: header, signal, values: contextValues };
    const message = (await implementation(call.message as never, ofCall)) as MessageInitShape<typeof method.output>;
    const { responseHeader, responseTrailer } = context;
    return {
      stream: false,
      service: method.parent,
      method,
      header: responseHeader,
      trailer: responseTrailer,
      message: create(method.output, message),
    };
  };

  const parse = (bytes: Uint8Array) => {
    try {
      return input.parse(bytes);
    } catch (error) {
      throw mapParseError(error);
    }
  };

  const run = async (context: HandlerContext, readBody: UnaryCallInput['readBody']): Promise<Uint8Array> => {
    await requestGate(context);
    const { signal, requestMethod, url } = context;
    const call: UnaryRequest = {
      stream: false,
      service: method.parent,
      method,
      requestMethod,
      url,
      signal,
      header: context.requestHeader,
      contextValues: context.values,
      message: parse(await readBody()),
    };
    const next = interceptors.reduceRight<UnaryFunction>(
      (inner, interceptor) => interceptor(inner as never) as UnaryFunction,
      (innermost) => invoke(innermost, context),
    );
    const { message, header, trailer } = await next(call);
    copyHeaders(header, context.responseHeader);
    copyHeaders(trailer, context.responseTrailer);
    return output.serialize(message);
  };

  return async ({ request, values, timeout, readBody }) => {
    const { signal, end } = startCall(request, timeout?.timeoutMs, shutdownSignal);
    const context = createContext(method, { request, values, timeout }, signal);
    const accepted = request.headers['accept-encoding'];
    try {
      const body = await run(context, readBody);
      end(ANSWERED);
      return await finish(200, body, context, accepted);
    } catch (thrown) {
      end(thrown ?? ANSWERED);
      const error = toConnectError(thrown);
      context.responseHeader.set('content-type', contentTypeUnaryJson);
      // The metadata of an error that came over the wire is that of another call.
      if (!error.isWireError) appendMetadata(error.metadata, context.responseHeader);
      return await finish(
        codeToHttpStatus(error.code),
        errorToJsonBytes(error, options.jsonOptions),
        context,
        accepted,
      );
    }
  };
}

function createContext(
  method: DescMethodUnary,
  { request, values, timeout }: Omit<UnaryCallInput, 'readBody'>,
  signal: AbortSignal,
): HandlerContext {
  return {
    method,
    service: method.parent,
    protocolName: 'connect',
    requestMethod: 'POST',
    url: urlOf(request),
    signal,
    timeoutMs: remainingTime(timeout?.timeoutMs),
    requestHeader: toHeaders(request.headers, timeout),
    responseHeader: new Headers({ 'content-type': contentTypeUnaryProto }),
    responseTrailer: new Headers(),
    values,
  };
}

function toConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  return new ConnectError('internal error', Code.Internal, undefined, undefined, thrown);
}

async function finish(
  status: number,
  plain: Uint8Array,
  { responseHeader, responseTrailer }: HandlerContext,
  accepted: string | string[] | undefined,
): Promise<UnaryAnswer> {
  let body = plain;
  if (body.byteLength >= COMPRESS_MIN_BYTES && typeof accepted === 'string') {
    const { response } = compressionNegotiate([...compressions], null, accepted, headerUnaryAcceptEncoding);
    if (response) {
      body = await response.compress(body as Uint8Array<ArrayBuffer>);
      responseHeader.set('content-encoding', response.name);
    }
  }
  const header = trailerMux(responseHeader, responseTrailer);
  header.set('content-length', String(body.byteLength));
  return { status, header, body };
}

/** Returns the signal of a call: aborted by its deadline, by a reset of its stream, by the stop of the server, and at its end. */
function startCall(request: IncomingMessage, timeoutMs: number | undefined, shutdownSignal: AbortSignal) {
  const controller = new AbortController();
  const { stream } = request as IncomingMessage & { stream: ServerHttp2Stream };
  const onClose = () => end(resetError(stream.rstCode) ?? ANSWERED);
  const onStop = () => end(shutdownSignal.reason);
  const onDeadline = () => end(new ConnectError('the operation timed out', Code.DeadlineExceeded));
  const timer = timeoutMs === undefined || timeoutMs <= 0 ? undefined : setTimeout(onDeadline, timeoutMs);
  const end = (reason: unknown): void => {
    clearTimeout(timer);
    stream.off('close', onClose);
    shutdownSignal.removeEventListener('abort', onStop);
    controller.abort(reason);
  };
  stream.on('close', onClose);
  shutdownSignal.addEventListener('abort', onStop);
  if (timeoutMs !== undefined && timeoutMs <= 0) onDeadline();
  else if (shutdownSignal.aborted) onStop();
  return { signal: controller.signal, end };
}

function remainingTime(timeoutMs: number | undefined): () => number | undefined {
  if (timeoutMs === undefined) return () => undefined;
  const deadlineMs = Date.now() + timeoutMs;
  return () => deadlineMs - Date.now();
}

function urlOf(request: IncomingMessage): string {
  const { authority = request.headers.host } = request as { authority?: string | undefined } & IncomingMessage;
  const scheme = (request.socket as { encrypted?: boolean }).encrypted === true ? 'https' : 'http';
  return new URL(request.url ?? '', `${scheme}://${authority}`).toString();
}

function toHeaders(received: IncomingHttpHeaders, timeout: CallTimeout | undefined): Headers {
  const headers = new Headers();
  for (const name in received) {
    const value = received[name];
    if (name.startsWith(':') || value === undefined || name === 'content-length') continue;
    if (typeof value === 'string') headers.append(name, value);
    else for (const one of value) headers.append(name, one);
  }
  if (timeout) headers.set(timeout.headerName, timeout.headerValue);
  return headers;
}

/** Appends the headers that are no part of a protocol: those are written by it. Connect exports this only since version 2.3. */
function appendMetadata(metadata: Headers, to: Headers): void {
  for (const [name, value] of metadata) if (!PROTOCOL_HEADERS.has(name)) to.append(name, value);
}

function copyHeaders(from: Headers, to: Headers): void {
  if (from === to) return;
  for (const name of [...to.keys()]) to.delete(name);
  for (const [name, value] of from) to.set(name, value);
}

/** Returns the error of a call whose caller has reset its stream, as Connect does, which does not export it. */
function resetError(rstCode: number): ConnectError | undefined {
  const reset = RESETS[rstCode];
  if (reset === undefined) return undefined;
  const [name, code] = reset;
  return new ConnectError(`http/2 stream closed with error code ${name} (0x${rstCode.toString(16)})`, code);
}

// One request with a whole body, and its whole answer, over a stream of an HTTP/2 connection. It fails as Connect's own client fails.
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { Code, type ConnectError } from '@connectrpc/connect';
import type { Http2SessionManager } from '@connectrpc/connect-node';
import { toCloseError, toTransportError } from './transport-error.ts';

export type AnswerHead = IncomingHttpHeaders & IncomingHttpStatusHeader;

export type ExchangeOptions = {
  readonly manager: Pick<Http2SessionManager, 'request' | 'notifyResponseByteRead'>;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
  /** Resets the stream when it is aborted. */
  readonly signal: AbortSignal;
  /** Called before the body of the answer is read; an error that it throws is the result. */
  readonly onHead: (head: AnswerHead) => void;
};

/**
 * Sends a request and returns the body of its answer.
 *
 * @throws {ConnectError} the connection, the stream or the signal failed, or `onHead` refused the answer.
 */
export function exchange(options: ExchangeOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { manager, path, headers, body, signal, onHead } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  let stream: ClientHttp2Stream | undefined;
  let isOver = false;

  const end = (): boolean => {
    if (isOver) return false;
    isOver = true;
    signal.removeEventListener('abort', onAbort);
    return true;
  };
  const fail = (reason: unknown): void => {
    if (!end()) return;
    const error = toTransportError(reason);
    reject(error);
    if (stream !== undefined) resetStream(stream, error);
  };
  const onAbort = () => fail(signal.reason);

  const send = (opened: ClientHttp2Stream): void => {
    stream = opened;
    // Also for what is emitted after the end, which would be an uncaught exception.
    stream.on('error', fail);
    if (isOver) {
      resetStream(stream, toTransportError(signal.reason));
      return;
    }
    let head: AnswerHead | undefined;
    const chunks: Buffer[] = [];
    stream.on('response', (received) => {
      head = received;
      try {
        onHead(received);
      } catch (error) {
        fail(error);
      }
    });
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      manager.notifyResponseByteRead(opened);
    });
    stream.on('end', () => {
      // A stream that is reset ends as well, by Node too when its length is not the announced one: its code tells, when it is closed.
      if (head === undefined || isOver || opened.rstCode !== constants.NGHTTP2_NO_ERROR) return;
      if (end()) resolve(joinChunks(chunks));
    });
    stream.on('close', () => fail(toCloseError(opened.rstCode)));
    stream.end(body);
  };

  signal.addEventListener('abort', onAbort);
  manager.request('POST', path, headers, {}).then(send, fail);
  if (signal.aborted) onAbort();
  return promise;
}

// Node destroys a stream that was closed with NO_ERROR only when its data was read.
function resetStream(stream: ClientHttp2Stream, error: ConnectError): void {
  stream.close(error.code === Code.Canceled ? constants.NGHTTP2_CANCEL : constants.NGHTTP2_INTERNAL_ERROR);
  stream.destroy();
}

// Copied, because the chunk is a part of what the connection has read: a message would keep all of that in memory.
function joinChunks(chunks: readonly Buffer[]): Uint8Array<ArrayBuffer> {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const joined = new Uint8Array(bytes);
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}

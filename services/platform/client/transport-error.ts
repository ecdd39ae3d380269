// The errors of a connection and of its streams, with the codes and messages of Connect's own client, which does not export them.
import { constants } from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';

const BROKEN = new Set([
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_STREAM_DESTROYED',
  'ERR_HTTP2_INVALID_STREAM',
  'ECONNRESET',
]);
const UNREACHABLE = new Set(['ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED']);

/** The error of a stream that was closed, and of which Node has reported none: it reports every reset but CANCEL and NO_ERROR. */
export function toCloseError(rstCode: number): ConnectError {
  if (rstCode === constants.NGHTTP2_CANCEL) {
    return new ConnectError('http/2 stream closed with error code CANCEL (0x8)', Code.Canceled);
  }
  const message = 'http/2 stream closed with error code NO_ERROR (0x0) before the response was received';
  return new ConnectError(message, Code.Internal);
}

/** The error of what Node reports of a connection or a stream. */
export function toTransportError(reason: unknown): ConnectError {
  const codes = codesOf(reason);
  if (codes.some((code) => BROKEN.has(code))) return wrap(reason, Code.Aborted);
  return wrap(reason, codes.some((code) => UNREACHABLE.has(code)) ? Code.Unavailable : Code.Internal);
}

function wrap(reason: unknown, code: Code): ConnectError {
  if (reason instanceof ConnectError) return reason;
  const error = ConnectError.from(reason, code);
  error.cause = reason;
  return error;
}

/** The codes of an error and of its causes. */
function codesOf(reason: unknown, known: readonly unknown[] = []): string[] {
  if (!(reason instanceof Error) || known.includes(reason)) return [];
  const { code } = reason as NodeJS.ErrnoException;
  return [...(typeof code === 'string' ? [code] : []), ...codesOf(reason.cause, [...known, reason])];
}

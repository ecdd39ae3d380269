// The errors of a connection and of its streams, with the codes and messages of Connect's own client, which does not export them.
import { Code, ConnectError } from '@connectrpc/connect';

const RESET_NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

const RESET_CODES: Readonly<Record<(typeof RESET_NAMES)[number], Code | undefined>> = {
  NO_ERROR: undefined,
  PROTOCOL_ERROR: Code.Internal,
  INTERNAL_ERROR: Code.Internal,
  FLOW_CONTROL_ERROR: Code.Internal,
  SETTINGS_TIMEOUT: Code.Internal,
  STREAM_CLOSED: undefined,
  FRAME_SIZE_ERROR: Code.Internal,
  REFUSED_STREAM: Code.Unavailable,
  CANCEL: Code.Canceled,
  COMPRESSION_ERROR: Code.Internal,
  CONNECT_ERROR: Code.Internal,
  ENHANCE_YOUR_CALM: Code.ResourceExhausted,
  INADEQUATE_SECURITY: Code.PermissionDenied,
  HTTP_1_1_REQUIRED: Code.PermissionDenied,
};

const BROKEN = new Set([
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_STREAM_DESTROYED',
  'ERR_HTTP2_INVALID_STREAM',
  'ECONNRESET',
]);
const UNREACHABLE = new Set(['ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED']);

/** The error of a stream that the server has reset with this code; none when the code says nothing. */
export function errorOfReset(rstCode: number): ConnectError | undefined {
  const name = RESET_NAMES[rstCode];
  const code = name && RESET_CODES[name];
  return code && new ConnectError(`http/2 stream closed with error code ${describeReset(rstCode)}`, code);
}

/** The error of a stream that was closed with this code before its answer began. */
export function lostAnswer(rstCode: number): ConnectError {
  const message = `http/2 stream closed with error code ${describeReset(rstCode)} before the response was received`;
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

function describeReset(rstCode: number): string {
  return `${RESET_NAMES[rstCode]} (0x${rstCode.toString(16)})`;
}

/** The codes of an error and of its causes. */
function codesOf(reason: unknown, known: readonly unknown[] = []): string[] {
  if (!(reason instanceof Error) || known.includes(reason)) return [];
  const { code } = reason as NodeJS.ErrnoException;
  return [...(typeof code === 'string' ? [code] : []), ...codesOf(reason.cause, [...known, reason])];
}

// The timeout that a caller asks for in a header. One that is longer than the server grants is shortened, not refused: callers
// often set a generous timeout for all their calls.

import type { IncomingHttpHeaders } from 'node:http';

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000001 };
const MAX_GRPC_DIGITS = 8;

/** A timeout as it is granted: for Connect's handler, and in milliseconds. */
export type CallTimeout = {
  readonly headerName: 'connect-timeout-ms' | 'grpc-timeout';
  readonly headerValue: string;
  readonly timeoutMs: number;
};

/** Reads the timeout of a call, shortened to `maxTimeoutMs`; `undefined` without one, or when it is malformed. */
export function readCallTimeout(headers: IncomingHttpHeaders, maxTimeoutMs: number): CallTimeout | undefined {
  const isGrpc = headers['content-type']?.startsWith('application/grpc') === true;
  const headerName = isGrpc ? 'grpc-timeout' : 'connect-timeout-ms';
  const headerValue = headers[headerName];
  if (typeof headerValue !== 'string') return undefined;
  const timeoutMs = isGrpc ? parseGrpcTimeout(headerValue) : parseConnectTimeout(headerValue);
  if (timeoutMs === undefined || timeoutMs <= maxTimeoutMs) {
    return timeoutMs === undefined ? undefined : { headerName, headerValue, timeoutMs };
  }
  return {
    headerName,
    headerValue: isGrpc ? formatGrpcTimeout(maxTimeoutMs) : String(maxTimeoutMs),
    timeoutMs: maxTimeoutMs,
  };
}

function parseConnectTimeout(value: string): number | undefined {
  return /^\d{1,10}$/.test(value) ? Number(value) : undefined;
}

function parseGrpcTimeout(value: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(value) ?? [];
  const unitMs = UNIT_MS[unit];
  return unitMs === undefined ? undefined : Number(digits) * unitMs;
}

function formatGrpcTimeout(timeoutMs: number): string {
  const isShort = timeoutMs < 10 ** MAX_GRPC_DIGITS;
  return isShort ? `${timeoutMs}m` : `${Math.floor(timeoutMs / 1_000)}S`;
}

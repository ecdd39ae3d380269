// The timeout that a caller asks for: its units, and what the server grants of it.
import { expect, it } from 'vitest';
import { readCallTimeout } from '#packages/rpc-server/call-timeout.ts';

const HOUR_MS = 3_600_000;
const ofGrpc = (timeout: string) => ({ 'content-type': 'application/grpc', 'grpc-timeout': timeout });

it.each([
  ['2H', 2 * HOUR_MS],
  ['3M', 180_000],
  ['4S', 4_000],
  ['5m', 5],
  ['6000u', 6],
  ['7000000n', 7],
])('of gRPC has a unit: %s', (timeout, timeoutMs) => {
  expect(readCallTimeout(ofGrpc(timeout), 24 * HOUR_MS)?.timeoutMs).toBeCloseTo(timeoutMs);
});

it.each([
  ['as asked for, if the server grants it', 5_000, { headerValue: '5S', timeoutMs: 5_000 }],
  ['what the server grants, if it is less', 4_999, { headerValue: '4999m', timeoutMs: 4_999 }],
])('is %s', (_, maxTimeoutMs, expected) => {
  expect(readCallTimeout(ofGrpc('5S'), maxTimeoutMs)).toEqual({ headerName: 'grpc-timeout', ...expected });
});

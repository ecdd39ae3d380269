// Tells by its first bytes what a connection speaks. Faults can hit single calls of HTTP/1.1 and cleartext HTTP/2; all else is TCP.

import { FrameType, preface } from './http2/frame.ts';

export type Protocol = 'tcp' | 'http1' | 'http2';

const requestStarts = ['GET ', 'HEAD ', 'POST ', 'PUT ', 'PATCH ', 'DELETE ', 'OPTIONS '].map((text) =>
  Buffer.from(text, 'latin1'),
);

/** Returns what a client speaks whose connection begins so, undefined while more than one is possible. */
export function protocolOfClient(bytes: Buffer): Protocol | undefined {
  if (startsLike(bytes, preface)) return bytes.length < preface.length ? undefined : 'http2';
  const start = requestStarts.find((candidate) => startsLike(bytes, candidate));
  if (start === undefined) return 'tcp';
  return bytes.length < start.length ? undefined : 'http1';
}

/** Tells whether a server that speaks first may be an HTTP/2 server: it begins with SETTINGS. */
export function mayBeHttp2Server(bytes: Buffer): boolean {
  return startsLike(bytes.subarray(3), Buffer.of(FrameType.settings, 0, 0, 0, 0, 0)) && (bytes[0] ?? 0) === 0;
}

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

// Protocol detection by the first bytes of a connection. Faults can affect single calls over HTTP/1.1 and cleartext HTTP/2; any
// other protocol is relayed as TCP.

import { FrameType, PREFACE } from './http2/frame.ts';

export type Protocol = 'tcp' | 'http1' | 'http2';

const REQUEST_STARTS = ['GET ', 'HEAD ', 'POST ', 'PUT ', 'PATCH ', 'DELETE ', 'OPTIONS '].map((text) =>
  Buffer.from(text, 'latin1'),
);

/** Returns the protocol of a client whose first bytes are these; undefined while more than one is possible. */
export function protocolOfClient(bytes: Buffer): Protocol | undefined {
  if (startsLike(bytes, PREFACE)) return bytes.length < PREFACE.length ? undefined : 'http2';
  const start = REQUEST_STARTS.find((candidate) => startsLike(bytes, candidate));
  if (start === undefined) return 'tcp';
  return bytes.length < start.length ? undefined : 'http1';
}

/** Returns whether a server that sends these bytes first may be an HTTP/2 server, which begins with SETTINGS. */
export function mayBeHttp2Server(bytes: Buffer): boolean {
  return startsLike(bytes.subarray(3), Buffer.of(FrameType.settings, 0, 0, 0, 0, 0)) && (bytes[0] ?? 0) === 0;
}

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

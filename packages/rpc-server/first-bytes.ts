// Detection of cleartext HTTP/2 and HTTP/1.1 by the first bytes of a connection, which it then unshifts for the parser.

import type { Socket } from 'node:net';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const RESERVED_METHOD = 'PRI ';

/** `none` is a connection that speaks neither, closed, failed, or stayed undecided until its time was up. */
export type RecognizedProtocol = 'http1' | 'http2' | 'none';

/**
 * Reads from `socket` until its protocol is certain and calls `onRecognized` once, in the turn the last byte came in.
 *
 * @param timeoutMs how long that may take, counted from now and not from the last byte.
 */
export function recognizeProtocol(
  socket: Socket,
  timeoutMs: number,
  onRecognized: (protocol: RecognizedProtocol) => void,
): void {
  let received = Buffer.alloc(0);
  const timer = setTimeout(() => finish('none'), timeoutMs);
  const onGone = () => finish('none');
  const onReadable = () => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
      received = Buffer.concat([received, chunk]);
    }
    const protocol = protocolOf(received);
    if (protocol !== undefined) finish(protocol);
  };

  function finish(protocol: RecognizedProtocol): void {
    clearTimeout(timer);
    socket.off('readable', onReadable).off('end', onGone).off('close', onGone);
    // The error listener stays on a connection that is not served: a later reset must not end the process.
    if (protocol !== 'none') {
      socket.off('error', onGone);
      socket.unshift(received);
    }
    onRecognized(protocol);
  }

  socket.on('readable', onReadable).on('end', onGone).on('close', onGone).on('error', onGone);
}

/**
 * Returns the protocol that a connection beginning with `bytes` speaks, `undefined` while more than one is possible.
 * `none` is a broken HTTP/2 preface: its method is reserved, and Node's HTTP/1.1 parser would wait on it for ever.
 */
export function protocolOf(bytes: Uint8Array): RecognizedProtocol | undefined {
  let matching = 0;
  while (matching < Math.min(bytes.length, PREFACE.length) && bytes[matching] === PREFACE[matching]) matching += 1;
  if (matching === PREFACE.length) return 'http2';
  if (matching === bytes.length) return undefined;
  return matching >= RESERVED_METHOD.length ? 'none' : 'http1';
}

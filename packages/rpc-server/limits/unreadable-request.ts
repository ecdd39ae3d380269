// The answer to an HTTP/1.1 request that Node's parser gave up on. Node's own answer has no body that says why.

import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { HeaderLimits } from './header-limit.ts';

type Answer = { readonly status: number; readonly code: string; readonly message: string };

/**
 * Answers and closes the connection.
 *
 * @param isAnswering whether a response is being written to it: then it is only closed.
 * @returns whether the headers were too large.
 */
export function answerUnreadable(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  limits: HeaderLimits,
  isAnswering: boolean,
): boolean {
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  if (isAnswering || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return isTooLarge;
  }
  const { status, code, message } = answerOf(error, limits);
  const body = JSON.stringify({ code, message });
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, 'connection: close', 'content-type: application/json'];
  socket.end(`${head.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`, () =>
    socket.destroy(),
  );
  return isTooLarge;
}

function answerOf(error: NodeJS.ErrnoException, { maxHeaderBytes }: HeaderLimits): Answer {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        status: 431,
        code: 'resource_exhausted',
        message: `the headers are too large; at most ${maxHeaderBytes} bytes are accepted`,
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, code: 'deadline_exceeded', message: 'the request was not complete in time' };
    default:
      return { status: 400, code: 'invalid_argument', message: 'the request is no valid HTTP/1.1' };
  }
}

// The limit of a request's headers, the same for HTTP/1.1 and HTTP/2. The parsers allow HEADROOM times as much, because what they
// refuse gets a bare 431 in HTTP/1.1, and a reset in HTTP/2.

import type { IncomingMessage } from 'node:http';

export type HeaderLimits = {
  /** The most headers of a request. */
  readonly maxHeaders: number;
  /** The most bytes of their names and values together, the path included. */
  readonly maxHeaderBytes: number;
};

/** How many times the limits the parsers accept. */
export const PARSER_HEADROOM = 2;

/** Returns what is wrong with the headers of a request, `undefined` when they are within the limits. */
export function findHeaderExcess(request: IncomingMessage, limits: HeaderLimits): string | undefined {
  const { maxHeaders, maxHeaderBytes } = limits;
  let headers = 0;
  let bytes = request.url?.length ?? 0;
  const { rawHeaders } = request;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    // HTTP/2 sends the path and the like as headers.
    if (name.startsWith(':')) continue;
    headers += 1;
    bytes += name.length + (rawHeaders[index + 1]?.length ?? 0);
  }
  if (headers > maxHeaders) return `the request has ${headers} headers; at most ${maxHeaders} are accepted`;
  if (bytes > maxHeaderBytes) return `the headers have ${bytes} bytes; at most ${maxHeaderBytes} are accepted`;
  return undefined;
}

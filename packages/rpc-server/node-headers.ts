// Headers of the Fetch API in the form of Node.

import type { OutgoingHttpHeaders } from 'node:http';

/** Returns headers in the form of Node. */
export function toNodeHeaders(headers: Headers | undefined): OutgoingHttpHeaders {
  const cookies = headers?.getSetCookie() ?? [];
  return { ...Object.fromEntries(headers ?? []), ...(cookies.length > 0 && { 'set-cookie': cookies }) };
}

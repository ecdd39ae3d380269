// The request headers of a call as Node parses them, for code that answers the call before Connect sees it.

import type { IncomingHttpHeaders } from 'node:http';

// Deadlines that are certainly valid, and too long to expire before the answer.
const PLAIN_TIMEOUTS = { 'connect-timeout-ms': /^[1-9]\d{0,8}$/, 'grpc-timeout': /^[1-9]\d{0,5}[mS]$/ };

/** Whether a call has no deadline, or one that is valid and too long to expire before the answer. */
export function hasPlainTimeout(header: IncomingHttpHeaders): boolean {
  return Object.entries(PLAIN_TIMEOUTS).every(([name, pattern]) => {
    const value = header[name];
    return value === undefined || pattern.test(String(value));
  });
}

/** Returns Node's headers in the form of the Fetch API. */
export function readerOf(header: IncomingHttpHeaders): Pick<Headers, 'get'> {
  return {
    get: (name) => {
      const value = header[name];
      return Array.isArray(value) ? value.join(', ') : (value ?? null);
    },
  };
}

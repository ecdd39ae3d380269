// The headers of a call as Node hands them over, for those who answer it before Connect has seen it.

import type { IncomingHttpHeaders } from 'node:http';

// Deadlines that are certainly valid, and not over before the answer.
const plainTimeouts = { 'connect-timeout-ms': /^[1-9]\d{0,8}$/, 'grpc-timeout': /^[1-9]\d{0,5}[mS]$/ };

/** Tells whether a deadline of the call, if it has one, needs no care: it is valid, and not over before the answer. */
export function hasPlainTimeout(header: IncomingHttpHeaders): boolean {
  return Object.entries(plainTimeouts).every(([name, pattern]) => {
    const value = header[name];
    return value === undefined || pattern.test(String(value));
  });
}

/** Returns the headers as something to look into by name. */
export function readerOf(header: IncomingHttpHeaders): Pick<Headers, 'get'> {
  return {
    get: (name) => {
      const value = header[name];
      return Array.isArray(value) ? value.join(', ') : (value ?? null);
    },
  };
}

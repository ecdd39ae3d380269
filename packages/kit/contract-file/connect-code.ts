// What the Connect protocol says of each code: its name, and the HTTP status of a unary answer that fails with it. Written
// down here because a contract test begins with loading the kit, and most of them need nothing else of Connect.

import type { Code } from '@connectrpc/connect';

const codes: Readonly<Record<Code, readonly [name: string, httpStatus: number]>> = {
  1: ['canceled', 499],
  2: ['unknown', 500],
  3: ['invalid_argument', 400],
  4: ['deadline_exceeded', 504],
  5: ['not_found', 404],
  6: ['already_exists', 409],
  7: ['permission_denied', 403],
  8: ['resource_exhausted', 429],
  9: ['failed_precondition', 400],
  10: ['aborted', 409],
  11: ['out_of_range', 400],
  12: ['unimplemented', 501],
  13: ['internal', 500],
  14: ['unavailable', 503],
  15: ['data_loss', 500],
  16: ['unauthenticated', 401],
};

/** Returns the name of a code, such as `not_found`. */
export function nameOfCode(code: Code): string {
  return codes[code][0];
}

/** Returns the code of a name; `undefined` when there is none. */
export function codeOfName(name: string): Code | undefined {
  const found = Object.entries(codes).find(([, [known]]) => known === name);
  return found && (Number(found[0]) as Code);
}

/** Returns the HTTP status of a unary answer that fails with a code. */
export function httpStatusOf(code: Code): number {
  return codes[code][1];
}

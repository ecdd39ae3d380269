// GOAWAY: the server's wish to end an HTTP/2 connection, while a call is just being made on it.

import { callOf, type Fault } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { ErrorCode } from '../http2/frame.ts';

/** Which GOAWAY is sent. */
export interface GoAwayOptions {
  /** Its error code. Default 0, NO_ERROR: calls already accepted are finished. With another, the connection ends at once. */
  readonly http2Code?: number;
  /** Whether the call that brings it about is left out, and may be repeated elsewhere. Default true. */
  readonly refuses?: boolean;
}

/**
 * Sends GOAWAY when a call begins. It has no effect on HTTP/1.1, and is not counted there.
 *
 * @throws TypeError naming the option that cannot be used.
 */
export function goAway({ http2Code = ErrorCode.noError, refuses = true }: GoAwayOptions = {}): Fault {
  requireWhole('http2Code', http2Code, 0, 0xffff_ffff);
  return {
    name: 'go-away',
    hits: 'calls',
    directions: ['down'],
    begin: (target) => {
      if (callOf(target).goAway(http2Code, refuses)) target.hit();
    },
  };
}

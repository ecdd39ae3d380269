// go-away: the client gets HTTP/2 GOAWAY just as it makes a call, as from a server that shuts down.

import { callOf, type Fault } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { ErrorCode } from '../http2/frame.ts';

/** The GOAWAY that `goAway` sends. */
export type GoAwayOptions = {
  /** Error code of GOAWAY. Default 0, NO_ERROR: calls already accepted finish. With any other the connection closes at once. */
  readonly http2Code?: number;
  /** Whether GOAWAY excludes the call that triggers it, so that the client may retry it elsewhere. Default true. */
  readonly refuses?: boolean;
};

/**
 * Sends GOAWAY when a call begins. Over HTTP/1.1 it has no effect and is not counted.
 *
 * @throws {TypeError} naming the invalid option.
 */
export function goAway({ http2Code = ErrorCode.noError, refuses = true }: GoAwayOptions = {}): Fault {
  requireWhole('http2Code', http2Code, 0, 0xffff_ffff);
  return {
    name: 'go-away',
    hits: 'calls',
    directions: ['down'],
    apply: (context) => {
      if (callOf(context).goAway(http2Code, refuses)) context.countHit();
    },
  };
}

// A reset in the middle: RST_STREAM for one HTTP/2 call, a TCP reset for a whole connection.

import { type Fault, insertEverywhere } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { createPassingStage } from '../core/stage.ts';
import { createCut } from '../cut.ts';
import { ErrorCode } from '../http2/frame.ts';

/** When the reset comes, and what it breaks. */
export interface ResetOptions {
  /**
   * Lets so many bytes of body pass first. Default 0: the reset comes in place of
   * the first byte of all, the head's. A body that is not longer is left alone.
   */
  readonly afterBytes?: number;
  /** What a call breaks: only itself, where the protocol can (HTTP/2), or its connection. Default `call`. */
  readonly breaks?: 'call' | 'connection';
  /** The error code of RST_STREAM. Default 2, INTERNAL_ERROR. */
  readonly http2Code?: number;
}

/**
 * Resets what it hits, by default when the answer begins. With direction `up` it does so when the request begins, and the
 * upstream service does not see the call.
 *
 * @throws TypeError naming the option that cannot be used.
 */
export function reset(options: ResetOptions = {}): Fault {
  const { afterBytes = 0, breaks = 'call', http2Code = ErrorCode.internalError } = options;
  requireWhole('afterBytes', afterBytes, 0);
  requireWhole('http2Code', http2Code, 0, 0xffff_ffff);
  return {
    name: 'reset',
    hits: 'either',
    directions: ['down'],
    begin: (target) => {
      const breakOff = () => {
        target.hit();
        (breaks === 'connection' ? target.port.connection : target.port).reset(http2Code);
      };
      insertEverywhere(target, () =>
        afterBytes === 0 ? createPassingStage(breakOff) : createCut(afterBytes, breakOff),
      );
    },
  };
}

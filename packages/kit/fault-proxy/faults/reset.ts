// reset: the client gets RST_STREAM for one HTTP/2 call, or a TCP reset of the connection, in place of the rest of the answer.
//
//   sent:      head ████████|
//   received:  head ███ RST

import { createStatelessStage } from '../core/chunk.ts';
import { type Fault, insertStages } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { ErrorCode } from '../http2/frame.ts';
import { createTruncatingStage } from '../stages/truncating-stage.ts';

/** When `reset` resets, and what. */
export type ResetOptions = {
  /**
   * How many bytes of body pass first. Default 0: the reset comes in place of the whole answer, head included. A body that is
   * not longer passes unchanged.
   */
  readonly afterBytes?: number;
  /** Whether to reset only the call, where the protocol can (HTTP/2), or its whole connection. Default `call`. */
  readonly breaks?: 'call' | 'connection';
  /** Error code of RST_STREAM. Default 2, INTERNAL_ERROR. */
  readonly http2Code?: number;
};

/**
 * Resets calls or connections, by default when the answer begins. With direction `up` the reset comes when the request begins,
 * and the upstream service does not see the call.
 *
 * @throws {TypeError} naming the invalid option.
 */
export function reset(options: ResetOptions = {}): Fault {
  const { afterBytes = 0, breaks = 'call', http2Code = ErrorCode.internalError } = options;
  requireWhole('afterBytes', afterBytes, 0);
  requireWhole('http2Code', http2Code, 0, 0xffff_ffff);
  return {
    name: 'reset',
    hits: 'either',
    directions: ['down'],
    apply: (context) => {
      const resetTarget = () => {
        context.countHit();
        (breaks === 'connection' ? context.target.connection : context.target).reset(http2Code);
      };
      insertStages(context, () =>
        afterBytes === 0 ? createStatelessStage(resetTarget) : createTruncatingStage(afterBytes, resetTarget),
      );
    },
  };
}

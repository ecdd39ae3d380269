// latency: the client gets everything later, in the same order.
//
//   sent:      ██ ██   ██|
//   received:          ██ ██   ██|
//              ├delay─┤

import { type Fault, insertStages } from '../core/fault.ts';
import { requireNumber } from '../core/require-option.ts';
import { DelayingStage } from '../stages/delaying-stage.ts';

/** The delay of `latency`. */
export type LatencyOptions = {
  /** The delay of each chunk, in milliseconds. */
  readonly delayMs: number;
  /** A random extra delay of up to this much, drawn for each chunk, in milliseconds. Default 0. */
  readonly jitterMs?: number;
};

/**
 * Delays everything, by default the answers.
 *
 * @throws {TypeError} naming the invalid option.
 */
export function latency({ delayMs, jitterMs = 0 }: LatencyOptions): Fault {
  requireNumber('delayMs', delayMs);
  requireNumber('jitterMs', jitterMs);
  return {
    name: 'latency',
    hits: 'either',
    directions: ['down'],
    apply: (context) =>
      insertStages(
        context,
        () =>
          new DelayingStage({
            dueMs: (_, nowMs) => nowMs + delayMs + (jitterMs > 0 ? jitterMs * context.random() : 0),
            onHold: context.countHit,
          }),
      ),
  };
}

// Latency with jitter: everything arrives later, in the same order.

import { type Fault, insertEverywhere } from '../core/fault.ts';
import { requireNumber } from '../core/require-option.ts';
import { DelayLine } from '../delay-line.ts';

/** How much later everything arrives. */
export interface LatencyOptions {
  /** How much later, in milliseconds. */
  readonly delayMs: number;
  /** At most so much more, drawn anew for each piece, in milliseconds. Default 0. */
  readonly jitterMs?: number;
}

/**
 * Delays what passes; by default the answers.
 *
 * @throws TypeError naming the option that cannot be used.
 */
export function latency({ delayMs, jitterMs = 0 }: LatencyOptions): Fault {
  requireNumber('delayMs', delayMs);
  requireNumber('jitterMs', jitterMs);
  return {
    name: 'latency',
    hits: 'either',
    directions: ['down'],
    begin: (target) =>
      insertEverywhere(
        target,
        () =>
          new DelayLine({
            dueMs: (_, nowMs) => nowMs + delayMs + (jitterMs > 0 ? jitterMs * target.random() : 0),
            onHold: target.hit,
          }),
      ),
  };
}

// A slow close: everything arrives in time, but its end does not (FIN, END_STREAM, trailers, the last chunk).

import { type Fault, insertEverywhere } from '../core/fault.ts';
import { requireNumber } from '../core/require-option.ts';
import { cutPiece, type Piece } from '../core/stage.ts';
import { DelayLine } from '../delay-line.ts';

/** How late the end comes. */
export interface SlowCloseOptions {
  /** How much later than the rest the end arrives, in milliseconds. */
  readonly delayMs: number;
}

/**
 * Delays the end of what passes; by default of the answers.
 *
 * @throws TypeError naming the option that cannot be used.
 */
export function slowClose({ delayMs }: SlowCloseOptions): Fault {
  requireNumber('delayMs', delayMs);
  return {
    name: 'slow-close',
    hits: 'either',
    directions: ['down'],
    begin: (target) =>
      insertEverywhere(
        target,
        () =>
          new DelayLine({
            split: keepEndApart,
            dueMs: ({ isLast }, nowMs) => (isLast ? nowMs + delayMs : nowMs),
            onHold: target.hit,
          }),
      ),
  };
}

// The last byte stays with the end: an HTTP/1.1 answer is over for its reader when its length is reached.
function keepEndApart(piece: Piece): readonly Piece[] {
  return piece.isLast && piece.kind === 'body' && piece.payload.length > 1
    ? cutPiece(piece, piece.payload.length - 1)
    : [piece];
}

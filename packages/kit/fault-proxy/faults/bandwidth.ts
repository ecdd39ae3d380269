// A narrow pipe: payload passes at so many bytes a second, in small slices.

import { type Fault, insertEverywhere } from '../core/fault.ts';
import { requireNumber } from '../core/require-option.ts';
import { cutPiece, type Piece } from '../core/stage.ts';
import { DelayLine } from '../delay-line.ts';

/** How narrow the pipe is. */
export interface BandwidthOptions {
  /** Bytes of payload a second, for each connection or call by itself. */
  readonly bytesPerSecond: number;
}

const slicesPerSecond = 20;

/**
 * Slows down what passes; by default the answers.
 *
 * @throws TypeError naming the option that cannot be used.
 */
export function bandwidth({ bytesPerSecond }: BandwidthOptions): Fault {
  requireNumber('bytesPerSecond', bytesPerSecond, 1);
  const sliceBytes = Math.max(1, Math.floor(bytesPerSecond / slicesPerSecond));
  return {
    name: 'bandwidth',
    hits: 'either',
    directions: ['down'],
    begin: (target) =>
      insertEverywhere(target, () => {
        let freeMs = 0;
        return new DelayLine({
          split: (piece) => slice(piece, sliceBytes),
          dueMs: ({ payload }, nowMs) => {
            freeMs = Math.max(freeMs, nowMs) + (1000 * payload.length) / bytesPerSecond;
            return freeMs;
          },
          onHold: target.hit,
        });
      }),
  };
}

function slice(piece: Piece, bytes: number): Piece[] {
  const slices: Piece[] = [];
  let rest = piece;
  // A head goes as one: no protocol can send half of it.
  while (piece.kind === 'body' && rest.payload.length > bytes) {
    const [first, second] = cutPiece(rest, bytes);
    slices.push(first);
    rest = second;
  }
  return [...slices, rest];
}

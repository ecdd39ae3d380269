// Stages stand in the way of the bytes of one direction. They take a piece and pass it on now, later, changed or never.

/** A part of what one direction of a connection or a call carries, in order. */
export interface Piece {
  /** `abort` ends a direction by TCP reset or RST_STREAM; only the others have a payload. */
  readonly kind: 'head' | 'body' | 'abort';
  /** Bytes of the body; of an HTTP/1.1 head, its text; of a connection, whatever came. */
  readonly payload: Buffer;
  /** Whether the direction ends with it. */
  readonly isLast: boolean;
  /** What only the protocol that made the piece understands. */
  readonly detail?: unknown;
}

export type Pass = (piece: Piece) => void;

/** What a fault puts in the way of one direction: it passes pieces on, changed, later or not at all. */
export interface Stage {
  /** Takes the next piece. */
  take(piece: Piece, pass: Pass): void;
  /** Passes on at once all it holds: the fault was removed. */
  release(pass: Pass): void;
  /** Forgets all it holds: the lane is gone. */
  discard(): void;
  /** The bytes it holds. */
  readonly heldBytes: number;
}

/** Makes a stage that acts on pieces as they come and holds none. */
export function createPassingStage(take: (piece: Piece, pass: Pass) => void): Stage {
  const nothing = () => undefined;
  return { take, release: nothing, discard: nothing, heldBytes: 0 };
}

/** The end of a direction without a payload. */
export const lastPiece: Piece = { kind: 'body', payload: Buffer.alloc(0), isLast: true };

/** Cuts a piece in two after so many bytes of payload; the second keeps the end of the direction. */
export function cutPiece(piece: Piece, bytes: number): [Piece, Piece] {
  return [
    { ...piece, payload: piece.payload.subarray(0, bytes), isLast: false },
    { ...piece, payload: piece.payload.subarray(bytes) },
  ];
}

// Keeps empty pieces from counting as nothing.
const overheadBytes = 64;

/** What holding a piece costs. */
export function costOf({ payload }: Piece): number {
  return payload.length + overheadBytes;
}

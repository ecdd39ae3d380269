// Chunks and stages: what flows through a pipe, and what a fault inserts into it.

/** A run of bytes in one direction of a connection or call. Chunks stay in order. */
export type Chunk = {
  /** `abort` ends the direction with a TCP reset or RST_STREAM and has no payload. */
  readonly kind: 'head' | 'body' | 'abort';
  /** For an HTTP/1.1 head its text, for an HTTP body its bytes, for a connection all bytes. */
  readonly payload: Buffer;
  /** Whether the direction ends with this chunk. */
  readonly isLast: boolean;
  /** Data of the relay that made the chunk. Stages pass it on unread. */
  readonly detail?: unknown;
};

export type Pass = (chunk: Chunk) => void;

/** Passes chunks on: at once, later, changed or never. */
export interface Stage {
  /** Takes the next chunk. */
  take(chunk: Chunk, pass: Pass): void;
  /** Passes on every held chunk at once, because the fault was removed. */
  release(pass: Pass): void;
  /** Discards every held chunk, because the pipe was closed. */
  discard(): void;
  /** How many bytes it holds. */
  readonly heldBytes: number;
}

/** Creates a stage that handles each chunk as it arrives and holds none. */
export function createStatelessStage(take: (chunk: Chunk, pass: Pass) => void): Stage {
  const nothing = () => undefined;
  return { take, release: nothing, discard: nothing, heldBytes: 0 };
}

/** The end of a direction, without a payload. */
export const END_CHUNK: Chunk = { kind: 'body', payload: Buffer.alloc(0), isLast: true };

/** Splits a chunk in two after `bytes` bytes of payload; the second one keeps the end of the direction. */
export function splitChunk(chunk: Chunk, bytes: number): [Chunk, Chunk] {
  return [
    { ...chunk, payload: chunk.payload.subarray(0, bytes), isLast: false },
    { ...chunk, payload: chunk.payload.subarray(bytes) },
  ];
}

// Without this, an endless stream of empty chunks would never reach the limit on held bytes.
const CHUNK_OVERHEAD_BYTES = 64;

/** Returns how many bytes a held chunk counts for. */
export function heldBytesOf({ payload }: Chunk): number {
  return payload.length + CHUNK_OVERHEAD_BYTES;
}

// HTTP/2 frames (RFC 9113, sections 4 and 6): types, flags and functions that write them.

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  refusedStream: 7,
  cancel: 8,
  enhanceYourCalm: 11,
} as const;

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const FRAME_HEADER_BYTES = 9;
/** The largest payload that every peer must accept. */
const SAFE_PAYLOAD_BYTES = 16_384;
export const MAX_STREAM_ID = 0x7fff_ffff;

/** Thrown for bytes that are not valid HTTP/2. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

export type Frame = {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** The whole frame, header included. `payload` is a view of the same memory. */
  readonly bytes: Buffer;
};

/** Writes a frame. `length`, by default that of the payload, is the length in its header. */
export function writeFrame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array,
  length = payload.length,
): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  bytes.writeUIntBE(length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

export function writeWindowUpdate(streamId: number, credit: number): Buffer {
  return writeFrame(FrameType.windowUpdate, 0, streamId, wordsOf(credit));
}

export function writeReset(streamId: number, errorCode: number): Buffer {
  return writeFrame(FrameType.resetStream, 0, streamId, wordsOf(errorCode));
}

export function writeGoAway(lastStreamId: number, errorCode: number): Buffer {
  return writeFrame(FrameType.goAway, 0, 0, wordsOf(lastStreamId, errorCode));
}

/** Writes a HEADERS frame, and CONTINUATION frames if the block is longer than one frame may be. */
export function writeHeaders(streamId: number, block: Buffer, endsStream: boolean): Buffer {
  const frames: Buffer[] = [];
  for (let start = 0; start === 0 || start < block.length; start += SAFE_PAYLOAD_BYTES) {
    const end = start + SAFE_PAYLOAD_BYTES;
    const flags = (end >= block.length ? Flag.endHeaders : 0) | (start === 0 && endsStream ? Flag.endStream : 0);
    const type = start === 0 ? FrameType.headers : FrameType.continuation;
    frames.push(writeFrame(type, flags, streamId, block.subarray(start, end)));
  }
  return Buffer.concat(frames);
}

/** Changes the stream id of a frame, in place. */
export function renumber(frameBytes: Buffer, streamId: number): void {
  frameBytes.writeUInt32BE(streamId, 5);
}

/** Returns the payload of a DATA, HEADERS or PUSH_PROMISE frame without its padding. */
export function withoutPadding({ flags, payload }: Frame): Buffer {
  if ((flags & Flag.padded) === 0) return payload;
  return payload.subarray(1, Math.max(1, payload.length - (payload[0] ?? 0)));
}

/**
 * Returns the 32-bit number at the beginning of a payload.
 *
 * @throws {MalformedError} if the payload is too short.
 */
export function readWord(payload: Buffer): number {
  if (payload.length < 4) throw new MalformedError('a frame that is too short');
  return payload.readUInt32BE(0);
}

function wordsOf(...values: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}

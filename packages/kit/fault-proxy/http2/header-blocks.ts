// The header blocks of one direction: joins HEADERS or PUSH_PROMISE with their CONTINUATION frames and decodes each block.

import { Flag, type Frame, FrameType, MAX_STREAM_ID, MalformedError, readWord, withoutPadding } from './frame.ts';
import { type HeaderField, HpackDecoder } from './hpack.ts';

export type HeaderBlock = {
  readonly streamId: number;
  readonly fields: readonly HeaderField[];
  readonly endsStream: boolean;
  /** The stream that a PUSH_PROMISE announces. */
  readonly promisedId: number | undefined;
  /** The original frames. */
  readonly frames: readonly Buffer[];
  /** A new size of the compression table, announced in this block or in an earlier one that was not forwarded unchanged. */
  readonly sizeUpdate: number | undefined;
};

// Peers accept about 64 KiB. This limit only keeps a broken peer from exhausting the memory.
const MAX_BLOCK_BYTES = 1 << 20;
const PRIORITY_BYTES = 5;

export class HeaderBlocks {
  readonly #decoder = new HpackDecoder();
  #frames: Frame[] = [];
  #fragments: Buffer[] = [];
  #bytes = 0;

  /**
   * Takes the next of these frames and returns the block when it is complete.
   *
   * @throws {MalformedError} if the frames are out of order, or the block is malformed or too long.
   */
  add(frame: Frame): HeaderBlock | undefined {
    const [first] = this.#frames;
    if (
      (first === undefined) === (frame.type === FrameType.continuation) ||
      (first && first.streamId !== frame.streamId)
    ) {
      throw new MalformedError('header frames out of order');
    }
    this.#frames.push(frame);
    const fragment = fragmentOf(frame);
    this.#fragments.push(fragment);
    this.#bytes += fragment.length;
    if (this.#bytes > MAX_BLOCK_BYTES) throw new MalformedError(`a header block of more than ${MAX_BLOCK_BYTES} bytes`);
    return (frame.flags & Flag.endHeaders) === 0 ? undefined : this.#finish();
  }

  #finish(): HeaderBlock {
    const frames = this.#frames;
    const fields = this.#decoder.decode(Buffer.concat(this.#fragments));
    this.#frames = [];
    this.#fragments = [];
    this.#bytes = 0;
    const first = frames[0] as Frame;
    return {
      streamId: first.streamId,
      fields,
      endsStream: first.type === FrameType.headers && (first.flags & Flag.endStream) !== 0,
      promisedId: first.type === FrameType.pushPromise ? readWord(withoutPadding(first)) & MAX_STREAM_ID : undefined,
      frames: frames.map(({ bytes }) => bytes),
      sizeUpdate: this.#decoder.takeSizeUpdate(),
    };
  }
}

function fragmentOf(frame: Frame): Buffer {
  switch (frame.type) {
    case FrameType.headers:
      return withoutPadding(frame).subarray((frame.flags & Flag.priority) === 0 ? 0 : PRIORITY_BYTES);
    case FrameType.pushPromise:
      return withoutPadding(frame).subarray(4);
    default:
      return frame.payload;
  }
}

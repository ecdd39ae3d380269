// Puts HEADERS, PUSH_PROMISE and their CONTINUATION frames of one direction together, and decodes each block in its turn.

import { Flag, type Frame, FrameType, highestStreamId, MalformedError, readWord, withoutPadding } from './frame.ts';
import { type HeaderField, HpackDecoder } from './hpack.ts';

export interface HeaderBlock {
  readonly streamId: number;
  readonly fields: readonly HeaderField[];
  readonly endsStream: boolean;
  /** The stream a PUSH_PROMISE promises. */
  readonly promisedId: number | undefined;
  /** The frames it came in. */
  readonly frames: readonly Buffer[];
  /** A change of the compression table's size, announced in this block or in one that was not sent on as it came. */
  readonly sizeUpdate: number | undefined;
}

// What peers accept is about 64 KiB; this only keeps a broken one from filling the memory.
const longestBlockBytes = 1 << 20;
const priorityBytes = 5;

export class HeaderBlocks {
  readonly #decoder = new HpackDecoder();
  #frames: Frame[] = [];
  #fragments: Buffer[] = [];
  #bytes = 0;

  /**
   * Takes the next of these frames and returns the block when it is whole.
   *
   * @throws MalformedError when the frames are out of order, or the block is malformed or too long.
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
    if (this.#bytes > longestBlockBytes)
      throw new MalformedError(`a header block of more than ${longestBlockBytes} bytes`);
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
      promisedId: first.type === FrameType.pushPromise ? readWord(withoutPadding(first)) & highestStreamId : undefined,
      frames: frames.map(({ bytes }) => bytes),
      sizeUpdate: this.#decoder.takeSizeUpdate(),
    };
  }
}

function fragmentOf(frame: Frame): Buffer {
  switch (frame.type) {
    case FrameType.headers:
      return withoutPadding(frame).subarray((frame.flags & Flag.priority) === 0 ? 0 : priorityBytes);
    case FrameType.pushPromise:
      return withoutPadding(frame).subarray(4);
    default:
      return frame.payload;
  }
}

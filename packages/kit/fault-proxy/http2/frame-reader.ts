// The parser of one direction of an HTTP/2 connection: it splits the bytes into frames.

import { FRAME_HEADER_BYTES, type Frame } from './frame.ts';

/** Holds at most one incomplete frame: up to 16 MiB by the format, 16 KiB unless the peers agreed on more. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #available = 0;
  #needed = FRAME_HEADER_BYTES;

  /** Takes the next bytes and returns the frames they complete. */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#available += chunk.length;
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  /** How many bytes of an incomplete frame it holds. */
  get heldBytes(): number {
    return this.#available;
  }

  /** Returns and forgets the held bytes, because they will not be parsed as frames. */
  takeRest(): Buffer {
    const rest = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#available = 0;
    return rest;
  }

  #next(): Frame | undefined {
    if (this.#available < this.#needed) return undefined;
    const all = this.#joined();
    const length = FRAME_HEADER_BYTES + all.readUIntBE(0, 3);
    if (all.length < length) {
      this.#needed = length;
      return undefined;
    }
    const bytes = all.subarray(0, length);
    this.#chunks = all.length > length ? [all.subarray(length)] : [];
    this.#available -= length;
    this.#needed = FRAME_HEADER_BYTES;
    return {
      type: bytes[3] ?? 0,
      flags: bytes[4] ?? 0,
      streamId: bytes.readUInt32BE(5) & 0x7fff_ffff,
      payload: bytes.subarray(FRAME_HEADER_BYTES),
      bytes,
    };
  }

  #joined(): Buffer {
    const [first, second] = this.#chunks;
    if (first !== undefined && second === undefined) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

// Cuts the bytes of one direction of an HTTP/2 connection into frames, however they arrive.

import { type Frame, frameHeaderBytes } from './frame.ts';

/** Keeps at most the one frame that is not whole yet: 16 MiB by the format, 16 KiB unless the peers agreed on more. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #available = 0;
  #needed = frameHeaderBytes;

  /** Takes the next bytes and returns the frames they complete. */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#available += chunk.length;
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  /** How many bytes wait for the rest of their frame. */
  get heldBytes(): number {
    return this.#available;
  }

  /** Takes back the bytes that wait, because they will not be read as frames. */
  takeRest(): Buffer {
    const rest = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#available = 0;
    return rest;
  }

  #next(): Frame | undefined {
    if (this.#available < this.#needed) return undefined;
    const all = this.#joined();
    const length = frameHeaderBytes + all.readUIntBE(0, 3);
    if (all.length < length) {
      this.#needed = length;
      return undefined;
    }
    const bytes = all.subarray(0, length);
    this.#chunks = all.length > length ? [all.subarray(length)] : [];
    this.#available -= length;
    this.#needed = frameHeaderBytes;
    return {
      type: bytes[3] ?? 0,
      flags: bytes[4] ?? 0,
      streamId: bytes.readUInt32BE(5) & 0x7fff_ffff,
      payload: bytes.subarray(frameHeaderBytes),
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

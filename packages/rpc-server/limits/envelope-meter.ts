// Follows the envelopes of gRPC, gRPC-Web and Connect streams, without copying them: 1 byte of flags, 4 bytes of length, the message.

const HEADER_BYTES = 5;

/** Measures the message that is incomplete. */
export class EnvelopeMeter {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #missingBytes = 0;
  #heldBytes = 0;

  /** The bytes of the incomplete message that have arrived, its envelope's header included; 0 between messages. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Follows the next bytes. Returns the length of the longest message that began in them or before and is not complete; 0 when there
   * is none.
   */
  add(chunk: Uint8Array): number {
    let offset = 0;
    let announcedBytes = 0;
    while (offset < chunk.length) {
      if (this.#headerBytes < HEADER_BYTES) {
        this.#header[this.#headerBytes] = chunk[offset] ?? 0;
        this.#headerBytes += 1;
        this.#heldBytes += 1;
        offset += 1;
        if (this.#headerBytes < HEADER_BYTES) continue;
        this.#missingBytes = this.#header.readUInt32BE(1);
        announcedBytes = Math.max(announcedBytes, this.#missingBytes);
      }
      const taken = Math.min(this.#missingBytes, chunk.length - offset);
      this.#missingBytes -= taken;
      this.#heldBytes += taken;
      offset += taken;
      if (this.#missingBytes > 0) continue;
      this.#headerBytes = 0;
      this.#heldBytes = 0;
    }
    return announcedBytes;
  }
}

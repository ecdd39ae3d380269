// HPACK header compression (RFC 7541). The decoder maintains the dynamic table. The encoder never uses one, so that blocks which
// are held back, discarded or reordered cannot corrupt the peer's table.

import { MalformedError } from './frame.ts';
import { decodeHuffman } from './huffman.ts';
import { STATIC_TABLE } from './static-table.ts';

export type HeaderField = {
  readonly name: string;
  readonly value: string;
  /** The sender asks intermediaries never to index it (RFC 7541, section 6.2.3). */
  readonly isSensitive: boolean;
};

const DEFAULT_TABLE_BYTES = 4096;
const MAX_TABLE_BYTES = 1 << 24;
const ENTRY_OVERHEAD_BYTES = 32;

export class HpackDecoder {
  // Oldest first.
  readonly #entries: HeaderField[] = [];
  #tableBytes = 0;
  #limitBytes = DEFAULT_TABLE_BYTES;
  #sizeUpdate: number | undefined;

  /**
   * Decodes one header block. Blocks must come in the order they were sent, without a gap.
   *
   * @throws {MalformedError} if the block is malformed.
   */
  decode(block: Buffer): HeaderField[] {
    const cursor = new Cursor(block);
    const fields: HeaderField[] = [];
    while (!cursor.isAtEnd) {
      const byte = cursor.peek();
      if (byte & 0x80) fields.push(this.#at(cursor.readInteger(7)));
      else if (byte & 0x40) fields.push(this.#index(this.#readLiteral(cursor, 6, false)));
      else if (byte & 0x20) this.#resize(cursor.readInteger(5));
      else fields.push(this.#readLiteral(cursor, 4, (byte & 0x10) !== 0));
    }
    return fields;
  }

  /** Returns the latest table size that blocks announced since the previous call. A re-encoded block has to announce it again. */
  takeSizeUpdate(): number | undefined {
    const update = this.#sizeUpdate;
    this.#sizeUpdate = undefined;
    return update;
  }

  #readLiteral(cursor: Cursor, prefixBits: number, isSensitive: boolean): HeaderField {
    const nameIndex = cursor.readInteger(prefixBits);
    const name = nameIndex === 0 ? cursor.readString() : this.#at(nameIndex).name;
    return { name, value: cursor.readString(), isSensitive };
  }

  #at(index: number): HeaderField {
    const field =
      index <= STATIC_TABLE.length
        ? STATIC_TABLE[index - 1]
        : this.#entries[this.#entries.length - (index - STATIC_TABLE.length)];
    if (field === undefined) throw new MalformedError(`a header field refers to entry ${index}, which no table has`);
    return field;
  }

  #index(field: HeaderField): HeaderField {
    this.#entries.push(field);
    this.#tableBytes += sizeOf(field);
    this.#evict();
    return field;
  }

  #resize(limitBytes: number): void {
    if (limitBytes > MAX_TABLE_BYTES) throw new MalformedError(`a header table of ${limitBytes} bytes`);
    this.#limitBytes = limitBytes;
    this.#sizeUpdate = limitBytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#tableBytes > this.#limitBytes) this.#tableBytes -= sizeOf(this.#entries.shift() as HeaderField);
  }
}

/** Encodes a header block without using any table. `sizeUpdate` is a new table size to announce first. */
export function encodeFields(fields: readonly HeaderField[], sizeUpdate?: number): Buffer {
  const parts: Buffer[] = sizeUpdate === undefined ? [] : [encodeInteger(sizeUpdate, 5, 0x20)];
  for (const { name, value, isSensitive } of fields) {
    parts.push(Buffer.of(isSensitive ? 0x10 : 0), ...encodeString(name), ...encodeString(value));
  }
  return Buffer.concat(parts);
}

/** Returns the value of the first field of that name. */
export function fieldValue(fields: readonly HeaderField[], name: string): string | undefined {
  return fields.find((field) => field.name === name)?.value;
}

function encodeString(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  return [encodeInteger(bytes.length, 7, 0), bytes];
}

function encodeInteger(value: number, prefixBits: number, pattern: number): Buffer {
  const highest = 2 ** prefixBits - 1;
  if (value < highest) return Buffer.of(pattern | value);
  const bytes = [pattern | highest];
  let rest = value - highest;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function sizeOf({ name, value }: HeaderField): number {
  return name.length + value.length + ENTRY_OVERHEAD_BYTES;
}

class Cursor {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#bytes.length;
  }

  peek(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw new MalformedError('a header block ends in the middle of a field');
    return byte;
  }

  readInteger(prefixBits: number): number {
    const highest = 2 ** prefixBits - 1;
    let value = this.#read() & highest;
    if (value < highest) return value;
    for (let shift = 0; ; shift += 7) {
      if (shift > 28) throw new MalformedError('a header block with an integer out of range');
      const byte = this.#read();
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) return value;
    }
  }

  readString(): string {
    const isHuffman = (this.peek() & 0x80) !== 0;
    const length = this.readInteger(7);
    const end = this.#position + length;
    if (end > this.#bytes.length) throw new MalformedError('a header block ends in the middle of a string');
    const bytes = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return isHuffman ? decodeHuffman(bytes) : bytes.toString('latin1');
  }

  #read(): number {
    const byte = this.peek();
    this.#position += 1;
    return byte;
  }
}

// Which fields a message has on the wire. A consumer may expect a default value, which a decoded message does not tell from an unset field.

import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** The numbers of the fields that are there, with the bytes of each value that has a length. */
export type WireFields = ReadonlyMap<number, readonly Uint8Array[]>;

/** @throws {Error} if the bytes are no message. */
export function readWireFields(bytes: Uint8Array): WireFields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, Uint8Array[]>();
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const values = fields.get(number) ?? [];
    fields.set(number, values);
    if (wireType === WireType.LengthDelimited) values.push(reader.bytes());
    else reader.skip(wireType, number);
  }
  return fields;
}

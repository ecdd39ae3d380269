// The fields of protobuf messages by their numbers, without a schema: enough to read OTLP.
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** Bytes for length-delimited fields, numbers for varints, and doubles and integers of 64 bits both as read from their eight bytes. */
export type Fields = ReadonlyMap<number, readonly (Uint8Array | number)[]>;

/** The fields of one message. */
export function readFields(bytes: Uint8Array): Fields {
  const fields = new Map<number, (Uint8Array | number)[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const values = fields.get(field) ?? [];
    fields.set(field, values);
    if (wireType === WireType.LengthDelimited) values.push(reader.bytes());
    else if (wireType === WireType.Varint) values.push(Number(reader.int64()));
    else if (wireType === WireType.Bit64) values.push(bytesOfFixed(reader));
    else reader.skip(wireType, field);
  }
  return fields;
}

function bytesOfFixed(reader: BinaryReader): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(reader.fixed64()));
  return bytes;
}

export const messages = (fields: Fields | undefined, field: number): Fields[] =>
  (fields?.get(field) ?? []).flatMap((value) => (typeof value === 'number' ? [] : [readFields(value)]));

export const bytesOf = (fields: Fields | undefined, field: number): Buffer => {
  const value = fields?.get(field)?.at(-1);
  return Buffer.from(typeof value === 'object' ? value : []);
};

export const textOf = (fields: Fields | undefined, field: number): string => bytesOf(fields, field).toString('utf8');

export const numberOf = (fields: Fields | undefined, field: number): number => {
  const value = fields?.get(field)?.at(-1);
  return typeof value === 'number' ? value : 0;
};

/** The doubles of a field: one, or several packed into one. */
export const doublesOf = (fields: Fields | undefined, field: number): number[] =>
  eightByEight(fields, field).map((bytes) => bytes.readDoubleLE());

/** The same for integers of a fixed size. */
export const fixedOf = (fields: Fields | undefined, field: number): number[] =>
  eightByEight(fields, field).map((bytes) => Number(bytes.readBigInt64LE()));

function eightByEight(fields: Fields | undefined, field: number): Buffer[] {
  const bytes = Buffer.concat((fields?.get(field) ?? []).filter((value) => typeof value !== 'number'));
  return Array.from({ length: bytes.length / 8 }, (_, index) => bytes.subarray(index * 8, index * 8 + 8));
}

/** Attributes as text; AnyValue has text in field 1, a truth value in 2, a whole number in 3. */
export function readAttributes(fields: Fields | undefined, field: number): Record<string, string> {
  return Object.fromEntries(
    messages(fields, field).map((pair) => {
      const [value] = messages(pair, 2);
      const isText = value?.has(1) === true;
      return [textOf(pair, 1), isText ? textOf(value, 1) : String(numberOf(value, value?.has(2) ? 2 : 3))];
    }),
  );
}

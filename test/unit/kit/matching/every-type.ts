// A message with a field of every scalar type, every wrapper type, every type of map key and every message that protobuf gives a
// meaning as a whole, built at run time: the kit's example service has no use for most of them.
import { create, createFileRegistry, type DescMessage, type JsonValue, ScalarType } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';

type ScalarName = keyof typeof ScalarType;

/** A value of a scalar type, another one that is near it, and the default. */
export type Sample = {
  readonly type: ScalarName;
  readonly value: string | number | bigint | boolean | Uint8Array;
  readonly near: string | number | bigint | boolean | Uint8Array;
  readonly unset: string | number | bigint | boolean | Uint8Array;
};

const int64 = 9_007_199_254_740_993n;

/** One sample a type. Numbers of 64 bits are so large that a `number` cannot tell one from the next. */
export const SAMPLES: readonly Sample[] = [
  { type: 'DOUBLE', value: 0.1, near: 0.1 + Number.EPSILON, unset: 0 },
  { type: 'FLOAT', value: 4.1, near: 4.1 + 2 ** -21, unset: 0 },
  { type: 'INT64', value: -int64, near: 1n - int64, unset: 0n },
  { type: 'UINT64', value: 2n ** 64n - 1n, near: 2n ** 64n - 2n, unset: 0n },
  { type: 'INT32', value: -(2 ** 31), near: 1 - 2 ** 31, unset: 0 },
  { type: 'FIXED64', value: 2n ** 64n - 1n, near: 2n ** 64n - 2n, unset: 0n },
  { type: 'FIXED32', value: 2 ** 32 - 1, near: 2 ** 32 - 2, unset: 0 },
  { type: 'BOOL', value: true, near: false, unset: false },
  { type: 'STRING', value: 'Emma', near: 'Emma ', unset: '' },
  { type: 'BYTES', value: Uint8Array.of(1, 2), near: Uint8Array.of(1, 2, 3), unset: new Uint8Array() },
  { type: 'UINT32', value: 2 ** 32 - 1, near: 2 ** 32 - 2, unset: 0 },
  { type: 'SFIXED32', value: -(2 ** 31), near: 1 - 2 ** 31, unset: 0 },
  { type: 'SFIXED64', value: -int64, near: 1n - int64, unset: 0n },
  { type: 'SINT32', value: -(2 ** 31), near: 1 - 2 ** 31, unset: 0 },
  { type: 'SINT64', value: -int64, near: 1n - int64, unset: 0n },
];

const KEY_TYPES = SAMPLES.filter(({ type }) => !['DOUBLE', 'FLOAT', 'BYTES'].includes(type));

/** Keys of a map, as a literal has them, one sample a type: a key, and another one that is near it. */
export const KEYS = KEY_TYPES.map(({ type, value, near }) => ({ type, key: String(value), near: String(near) }));

/** The wrapper types by the scalar type of their values. */
export const WRAPPERS: Readonly<Partial<Record<ScalarName, string>>> = {
  DOUBLE: 'DoubleValue',
  FLOAT: 'FloatValue',
  INT64: 'Int64Value',
  UINT64: 'UInt64Value',
  INT32: 'Int32Value',
  UINT32: 'UInt32Value',
  BOOL: 'BoolValue',
  STRING: 'StringValue',
  BYTES: 'BytesValue',
};

/** Messages that protobuf gives a meaning as a whole, in proto3 JSON: a value and another one. */
export const ATOMS: readonly { readonly type: string; readonly json: JsonValue; readonly other: JsonValue }[] = [
  { type: 'Timestamp', json: '2024-02-29T12:00:00Z', other: '2024-02-29T12:00:00.000000001Z' },
  { type: 'Duration', json: '60s', other: '60.000000001s' },
  { type: 'FieldMask', json: 'title,bookId', other: 'title' },
  { type: 'Struct', json: { a: [1, null] }, other: { a: [1, null], b: 2 } },
  { type: 'Value', json: ['a', 1], other: ['a', 2] },
  { type: 'ListValue', json: ['a', 1], other: ['a'] },
];

const IMPORTS = [
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
];

const { OPTIONAL, REPEATED } = FieldDescriptorProto_Label;

function fieldOf(name: string, number: number, type: FieldDescriptorProto_Type, typeName?: string, label = OPTIONAL) {
  return { name, jsonName: name, number, type, label, ...(typeName !== undefined && { typeName }) };
}

// The numbers of protobuf's scalar types are those of its field types.
const typeOf = (name: ScalarName) => ScalarType[name] as number as FieldDescriptorProto_Type;
const { MESSAGE, INT32, STRING } = FieldDescriptorProto_Type;
const entryOf = (name: string) => `${name.charAt(0)}${name.slice(1).toLowerCase()}KeysEntry`;

const file = create(FileDescriptorProtoSchema, {
  name: 'types/v1/types.proto',
  package: 'types.v1',
  syntax: 'proto3',
  dependency: IMPORTS.map(({ proto }) => proto.name),
  messageType: [
    {
      name: 'Values',
      field: [
        ...SAMPLES.map(({ type }, index) => fieldOf(`a${type}`, 100 + index, typeOf(type))),
        ...SAMPLES.map(({ type }, index) => fieldOf(`all${type}`, 200 + index, typeOf(type), undefined, REPEATED)),
        ...Object.entries(WRAPPERS).map(([type, wrapper], index) =>
          fieldOf(`wrapped${type}`, 300 + index, MESSAGE, `.google.protobuf.${wrapper}`),
        ),
        ...KEYS.map(({ type }, index) =>
          fieldOf(`by${type}`, 400 + index, MESSAGE, `.types.v1.Values.${entryOf(type)}`, REPEATED),
        ),
        ...ATOMS.map(({ type }, index) => fieldOf(`the${type}`, 500 + index, MESSAGE, `.google.protobuf.${type}`)),
        fieldOf('parts', 600, MESSAGE, '.types.v1.Values.Part', REPEATED),
        fieldOf('part', 601, MESSAGE, '.types.v1.Values.Part'),
      ],
      nestedType: [
        ...KEYS.map(({ type }) => ({
          name: entryOf(type),
          options: { mapEntry: true },
          field: [fieldOf('key', 1, typeOf(type)), fieldOf('value', 2, INT32)],
        })),
        {
          name: 'Part',
          field: [
            { ...fieldOf('text', 1, STRING), oneofIndex: 0 },
            { ...fieldOf('number', 2, INT32), oneofIndex: 0 },
            fieldOf('note', 3, STRING),
          ],
          oneofDecl: [{ name: 'content' }],
        },
      ],
    },
  ],
});

/** Knows the type of the message. */
export const registry = createFileRegistry(file, (name) => IMPORTS.find(({ proto }) => proto.name === name));

/**
 * Has `aINT64`, `allINT64`, `wrappedINT64` and `byINT64`, a map, and so on for each type; `theTimestamp` and so on; and `part` and
 * `parts`, a nested type with a oneof.
 */
export const ValuesSchema = registry.getMessage('types.v1.Values') as DescMessage;

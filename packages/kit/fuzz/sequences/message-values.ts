// The texts and integers in a message, each with its path: what an id, a token or a name can be.

import { clone, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMap, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { elementPath, entryPath, fieldPath } from '../../matching/difference.ts';

type Step = { readonly field: DescField; readonly at?: number | string };

/** A text or an integer in a message. */
export type MessageValue = {
  /** Such as `order.items[0].sku`, in the names of the schema. */
  readonly path: string;
  readonly steps: readonly Step[];
  /** The field that has it; of a wrapper, the field that has the wrapper. */
  readonly field: DescField;
  /** Integers of all types are `bigint` here. */
  readonly value: string | bigint;
};

const INTEGERS_64: readonly ScalarType[] = [
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
];

const INTEGERS_32: readonly ScalarType[] = [
  ScalarType.INT32,
  ScalarType.UINT32,
  ScalarType.SINT32,
  ScalarType.FIXED32,
  ScalarType.SFIXED32,
];

/** Returns the texts and integers of a message that are set. Contents of `Any`, `Struct` and timestamps are not among them. */
export function valuesOf(desc: DescMessage, message: Message): MessageValue[] {
  return valuesWithin(reflect(desc, message), [], '');
}

/** Returns the copy of a message in which a value is replaced. The value is kept where the field cannot have the new one. */
export function withValue(
  desc: DescMessage,
  message: Message,
  { steps }: MessageValue,
  value: string | bigint,
): Message {
  const copy = reflect(desc, clone(desc, message));
  put(copy, steps, value);
  return copy.message;
}

function valuesWithin(message: ReflectMessage, before: readonly Step[], prefix: string): MessageValue[] {
  return message.fields.flatMap((field) => {
    if (!message.isSet(field)) return [];
    const path = fieldPath(prefix, field.name);
    if (field.fieldKind === 'list') {
      return [...(message.get(field) as ReflectList)].flatMap((value, at) =>
        readValue(field, value, [...before, { field, at }], elementPath(path, at)),
      );
    }
    if (field.fieldKind === 'map') {
      return [...(message.get(field) as ReflectMap)].flatMap(([at, value]) =>
        readValue(field, value, [...before, { field, at: at as string | number }], entryPath(path, String(at))),
      );
    }
    return readValue(field, message.get(field), [...before, { field }], path);
  });
}

function readValue(field: DescField, value: unknown, steps: readonly Step[], path: string): MessageValue[] {
  if (field.message) {
    const inner = value as ReflectMessage;
    if (isWrapperDesc(field.message)) {
      const [content] = valuesWithin(inner, steps, path);
      return content ? [{ ...content, path, field }] : [];
    }
    return field.message.typeName.startsWith('google.protobuf.') ? [] : valuesWithin(inner, steps, path);
  }
  if (field.scalar === undefined || field.enum) return [];
  if (field.scalar === ScalarType.STRING) return [{ path, steps, field, value: value as string }];
  const isInteger = INTEGERS_64.includes(field.scalar) || INTEGERS_32.includes(field.scalar);
  return isInteger ? [{ path, steps, field, value: BigInt(value as number | bigint) }] : [];
}

// What is read of a wrapper is a copy, so each inner message is set again.
function put(message: ReflectMessage, [step, ...rest]: readonly Step[], value: string | bigint): void {
  if (!step) return;
  const { field, at } = step;
  const { parent, key } = placeOf(message, field, at);
  const given = rest.length === 0 ? convert(field, value) : enter(parent.get(key), rest, value);
  if (given !== undefined) parent.set(key, given);
}

function enter(inner: unknown, rest: readonly Step[], value: string | bigint): unknown {
  put(inner as ReflectMessage, rest, value);
  return inner;
}

// Lists, maps and messages are read and written in the same way.
type Place = { get(key: unknown): unknown; set(key: unknown, value: unknown): unknown };

function placeOf(message: ReflectMessage, field: DescField, at: number | string | undefined) {
  return at === undefined
    ? { parent: message as unknown as Place, key: field as unknown }
    : { parent: message.get(field) as unknown as Place, key: at as unknown };
}

function convert({ scalar }: DescField, value: string | bigint): string | bigint | number | undefined {
  if (scalar === undefined) return undefined;
  if (scalar === ScalarType.STRING) return String(value);
  if (typeof value === 'string') return undefined;
  const isSigned = ![ScalarType.UINT32, ScalarType.UINT64, ScalarType.FIXED32, ScalarType.FIXED64].includes(scalar);
  const bits = INTEGERS_64.includes(scalar) ? 64 : 32;
  const isKept = (isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)) === value;
  if (!isKept) return undefined;
  return bits === 64 ? value : Number(value);
}

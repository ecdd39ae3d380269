// The values of a literal that hold no further literals: each is checked against its field's type. And the error that a
// literal which its message type does not allow ends with.

import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type Message,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { formatValue, shorten } from '../base/format-value.ts';
import { fieldPath } from './difference.ts';
import type { Leaf } from './pattern.ts';
import { isLong, type MapField, put, type ValueType, valueTypeOf } from './value-type.ts';

/** A literal that its message type does not allow: names the path, the type and the fault. */
export class LiteralError extends TypeError {}

/** Returns a fault with the path where it is. */
export function faultAt(path: string, fault: string): string {
  return path === '' ? fault : `${path}: ${fault}`;
}

/** Where a literal's value stands. */
export type Place = {
  readonly path: string;
  /** Inside `like`: plain values are examples of what is accepted. */
  readonly isLoose: boolean;
};

/**
 * Returns a plain value as a leaf.
 *
 * @throws {LiteralError} when it is none of the field's type.
 */
export function checkLeaf(field: DescField, value: unknown, place: Place): Leaf {
  const type = valueTypeOf(field);
  const leaf = toGivenLeaf(type, value, place);
  if (type.kind === 'enum' && typeof leaf === 'number' && !type.enum.value[leaf]) {
    const names = type.enum.values.map(({ name, number }) => `${name} = ${number}`).join(', ');
    throw new LiteralError(faultAt(place.path, `${type.enum.typeName} has no value ${leaf}; it has ${names}`));
  }
  try {
    const message = reflect(field.parent, create(field.parent));
    put(message, field, leaf, field.fieldKind === 'map' ? anyKeyOf(field) : undefined);
    // Reflection looks at a message's type, not into it.
    if (type.kind === 'atom' || type.kind === 'any') return normalizeMessage(type.desc, leaf as Message);
    return type.kind === 'scalar' || type.kind === 'wrapper' ? normalizeScalar(type.scalar, leaf) : leaf;
  } catch (error) {
    const kind = type.kind === 'enum' ? `a value of ${type.enum.typeName}` : `a value of ${field}`;
    throw new LiteralError(faultAt(place.path, `expected ${kind}, got ${describeValue(value)}`), { cause: error });
  }
}

// protobuf-es accepts a number and a text for a number of 64 bits. Messages have a bigint, which is equal to neither.
function normalizeScalar(scalar: ScalarType, leaf: Leaf): Leaf {
  if (!isLong(scalar)) return leaf;
  if (typeof leaf === 'number' && !Number.isSafeInteger(leaf)) {
    throw new Error(`${leaf} is rounded as a number: write it as a bigint`);
  }
  return BigInt(leaf as number | string | bigint);
}

function normalizeMessage(desc: DescMessage, message: Message): Message {
  const checked = reflect(desc, create(desc));
  for (const field of desc.fields) {
    const value = (message as unknown as Record<string, unknown>)[field.localName];
    if (value === undefined || field.message) continue;
    if (field.fieldKind === 'list') {
      for (const element of value as Leaf[]) put(checked, field, element);
    } else {
      put(checked, field, value as Leaf);
      normalizeScalar(field.scalar as ScalarType, value as Leaf);
    }
  }
  return fromBinary(desc, toBinary(desc, message));
}

function anyKeyOf({ mapKey }: MapField): string {
  return mapKey === ScalarType.BOOL ? 'true' : '0';
}

function toGivenLeaf(type: ValueType, value: unknown, place: Place): Leaf {
  if (type.kind === 'scalar' || type.kind === 'enum') return value as Leaf;
  if (type.kind === 'wrapper') {
    const isMessage = typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
    return (isMessage ? (value as { value?: unknown }).value : value) as Leaf;
  }
  assertObject(value, place, `a ${type.desc.typeName}`);
  if (type.desc.typeName === 'google.protobuf.Struct' && !('$typeName' in value)) {
    return fromJson(type.desc, value as JsonValue);
  }
  assertNames(type.desc, value, place);
  return create(type.desc, value as never);
}

function assertNames(desc: DescMessage, literal: object, { path }: Place): void {
  const known = new Set(['$typeName', '$unknown', ...desc.members.map(({ localName }) => localName)]);
  const unknown = Object.keys(literal).find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new LiteralError(faultAt(fieldPath(path, unknown), explainUnknownField(desc, unknown)));
}

/** @throws {LiteralError} when `value` is no object. */
export function assertObject(value: unknown, { path }: Pick<Place, 'path'>, what: string): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new LiteralError(faultAt(path, `expected ${what}, got ${describeValue(value)}`));
}

/** Says that a message type has no such field, and which it has. */
export function explainUnknownField(desc: DescMessage, name: string): string {
  const names = desc.members.map(({ localName }) => localName).join(', ');
  return `${desc.typeName} has no field "${name}"${names === '' ? '' : `; it has ${names}`}`;
}

/** Returns a value of a literal as text. */
export function describeValue(value: unknown): string {
  return shorten(formatValue(value));
}

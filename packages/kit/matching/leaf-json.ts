// One value of a message in proto3 JSON: written and read as the only one in an otherwise empty message, because
// protobuf-es knows how for messages only.

import {
  create,
  type DescField,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Registry,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMap, reflect } from '@bufbuild/protobuf/reflect';
import type { Leaf } from './pattern.ts';
import { fillRequired } from './required-fields.ts';
import { isLong, put, toLeaf, toMapKey, valueTypeOf } from './value-type.ts';

/** The key of the one entry that a map's value is written with. */
const onlyKey = (field: DescField) => (field.fieldKind === 'map' && field.mapKey === ScalarType.BOOL ? 'true' : '0');

/**
 * Returns a value of a field (of a list or a map: one of its values) in proto3 JSON.
 *
 * @throws {Error} when JSON cannot hold it, such as an Any of a type that `registry` does not know.
 */
export function leafToJson(field: DescField, leaf: Leaf, registry: Registry): JsonValue {
  const message = reflect(field.parent, create(field.parent));
  put(message, field, leaf, onlyKey(field));
  fillRequired(message);
  const { kind } = valueTypeOf(field);
  // A stated default is written; a whole message is no longer for that.
  const alwaysEmitImplicit = kind === 'scalar' || kind === 'enum';
  const json = toJson(field.parent, message.message, { registry, alwaysEmitImplicit });
  const value = (json as JsonObject)[field.jsonName] as JsonValue;
  if (field.fieldKind === 'list') return (value as JsonValue[])[0] as JsonValue;
  return field.fieldKind === 'map' ? ((value as JsonObject)[onlyKey(field)] as JsonValue) : value;
}

/**
 * Returns the value that `leafToJson` wrote.
 *
 * @throws {Error} naming the path when it is none of the field's type.
 */
export function leafFromJson(field: DescField, json: JsonValue | undefined, registry: Registry, path: string): Leaf {
  if (json === undefined) throw new Error(`${path}: has a rule, but no example`);
  if (!isExact(field, json)) {
    throw new Error(`${path}: ${json} is rounded as a number: write it as a text or a bigint`);
  }
  const key = onlyKey(field);
  const wrapped = { list: [json], map: { [key]: json } }[field.fieldKind as string] ?? json;
  try {
    const message = reflect(field.parent, fromJson(field.parent, { [field.jsonName]: wrapped }, { registry }));
    const value = message.get(field);
    if (field.fieldKind === 'list') return toLeaf(valueTypeOf(field), (value as ReflectList).get(0));
    if (field.fieldKind === 'map') return toLeaf(valueTypeOf(field), (value as ReflectMap).get(toMapKey(field, key)));
    return toLeaf(valueTypeOf(field), value);
  } catch (error) {
    throw new Error(`${path}: ${JSON.stringify(json)} is no value of ${field}`, { cause: error });
  }
}

// A larger number may already be another one than was written.
function isExact(field: DescField, json: JsonValue): boolean {
  const type = valueTypeOf(field);
  const hasLongs = 'scalar' in type && isLong(type.scalar);
  return !hasLongs || !Number.isInteger(json) || Number.isSafeInteger(json);
}

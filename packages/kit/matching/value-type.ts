// What can be at one place of a message, and how it is read from there and put there: the one view that writing,
// matching and printing share of fields, list elements and map values.

import { create, type DescEnum, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMap, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { FeatureSet_FieldPresence, isWrapperDesc } from '@bufbuild/protobuf/wkt';
import type { Leaf } from './pattern.ts';

export type ListField = DescField & { fieldKind: 'list' };
export type MapField = DescField & { fieldKind: 'map' };

/** The type of one value. An `atom` is a message that protobuf gives a meaning as a whole, such as a timestamp. */
export type ValueType =
  | { readonly kind: 'scalar'; readonly scalar: ScalarType }
  | { readonly kind: 'enum'; readonly enum: DescEnum }
  | { readonly kind: 'wrapper'; readonly desc: DescMessage; readonly scalar: ScalarType }
  | { readonly kind: 'message' | 'atom' | 'any'; readonly desc: DescMessage };

const atoms = new Set(
  ['Timestamp', 'Duration', 'FieldMask', 'Struct', 'Value', 'ListValue'].map((name) => `google.protobuf.${name}`),
);

/** Returns the type of a field's value; for a list or a map, of each of its values. */
export function valueTypeOf(field: DescField): ValueType {
  if (field.enum) return { kind: 'enum', enum: field.enum };
  if (!field.message) return { kind: 'scalar', scalar: field.scalar as ScalarType };
  const desc = field.message;
  const [content] = desc.fields;
  if (isWrapperDesc(desc) && content?.scalar !== undefined) return { kind: 'wrapper', desc, scalar: content.scalar };
  if (desc.typeName === 'google.protobuf.Any') return { kind: 'any', desc };
  return { kind: atoms.has(desc.typeName) ? 'atom' : 'message', desc };
}

/** Turns what reflection gives into a leaf, or leaves it a message to look into. */
export function toLeaf(type: ValueType, value: unknown): Leaf {
  if (type.kind === 'scalar' || type.kind === 'enum') return value as Leaf;
  const { message } = value as ReflectMessage;
  return type.kind === 'wrapper' ? (message as Message & { value: Leaf }).value : message;
}

function fromLeaf(type: ValueType, leaf: Leaf): unknown {
  if (type.kind === 'scalar' || type.kind === 'enum') return leaf;
  if (type.kind !== 'wrapper') return reflect(type.desc, leaf as Message);
  const wrapper = reflect(type.desc, create(type.desc));
  // Set, not made with the value in it: only this way it is checked.
  for (const content of type.desc.fields) wrapper.set(content, leaf);
  return wrapper;
}

/** Sets a field, or adds to it where it is a list or, under `key`, a map. @throws {FieldError} when protobuf refuses. */
export function put(message: ReflectMessage, field: DescField, leaf: Leaf, key?: string): void {
  const value = fromLeaf(valueTypeOf(field), leaf);
  if (field.fieldKind === 'list') (message.get(field) as ReflectList).add(value);
  else if (field.fieldKind === 'map') (message.get(field) as ReflectMap).set(toMapKey(field, key ?? ''), value);
  else message.set(field, value);
}

/** Returns a map's key in the form reflection has it; what is no such key stays a text, which protobuf then refuses. */
export function toMapKey({ mapKey }: MapField, key: string): string | number | bigint | boolean {
  if (mapKey === ScalarType.STRING) return key;
  if (mapKey === ScalarType.BOOL) return key === 'true' || (key === 'false' ? false : key);
  if (!/^-?\d+$/.test(key)) return key;
  const exact = BigInt(key);
  // `007` would match an entry `7`, and then be looked for in vain.
  if (String(exact) !== key || !isInRange(mapKey, exact)) return key;
  return isLong(mapKey) ? exact : Number(key);
}

function isInRange(scalar: ScalarType, value: bigint): boolean {
  const { UINT32, FIXED32, UINT64, FIXED64 } = ScalarType;
  const isUnsigned = [UINT32, FIXED32, UINT64, FIXED64].includes(scalar as never);
  return (isUnsigned ? BigInt.asUintN : BigInt.asIntN)(isLong(scalar) ? 64 : 32, value) === value;
}

/** Whether protobuf-es has a wrapper in this field as its message: in a list, a map or a oneof. Elsewhere it has the value alone. */
export function isKeptAsMessage({ fieldKind, oneof }: DescField): boolean {
  return fieldKind !== 'message' || oneof !== undefined;
}

/** Whether protobuf-es has values of this type as bigint. */
export function isLong(scalar: ScalarType): boolean {
  const { INT64, UINT64, FIXED64, SFIXED64, SINT64 } = ScalarType;
  return [INT64, UINT64, FIXED64, SFIXED64, SINT64].includes(scalar as never);
}

/** Whether an unset field of this type without presence reads as this value. */
export function isDefault(leaf: Leaf): boolean {
  return (
    leaf === '' || leaf === 0 || leaf === 0n || leaf === false || (leaf instanceof Uint8Array && leaf.length === 0)
  );
}

/** Whether it can be seen that a field was not set; where not, an unset field reads as its default. */
export function hasPresence(field: DescField): boolean {
  return field.presence !== FeatureSet_FieldPresence.IMPLICIT;
}

// Required fields of proto2, and of editions with `field_presence = LEGACY_REQUIRED`: protobuf writes no message that lacks one.

import { create, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMap, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { elementPath, entryPath, fieldPath } from './difference.ts';

/** Whether a message of this field's type has to have it. */
export const isRequired = ({ presence }: DescField) => presence === FeatureSet_FieldPresence.LEGACY_REQUIRED;

/** Sets the required fields that a message lacks itself to their zero value. */
export function fillRequired(message: ReflectMessage): void {
  for (const field of message.desc.fields) {
    if (isRequired(field) && !message.isSet(field)) message.set(field, zeroOf(field));
  }
}

function zeroOf(field: DescField): unknown {
  if (field.enum) return field.enum.values[0]?.number;
  if (field.message) {
    const message = reflect(field.message, create(field.message));
    fillRequired(message);
    return message;
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      return '';
    case ScalarType.BYTES:
      return new Uint8Array();
    case ScalarType.BOOL:
      return false;
    default:
      // Of 64 bits too: protobuf-es turns a number into a bigint.
      return 0;
  }
}

/** Returns the path of the first required field that a message lacks, itself or in a message that it holds. */
export function findMissing(desc: DescMessage, message: Message): string | undefined {
  return mayLack(desc) ? search(reflect(desc, message), '') : undefined;
}

function search(message: ReflectMessage, path: string): string | undefined {
  for (const field of message.desc.fields) {
    const within = fieldPath(path, field.localName);
    if (!message.isSet(field)) {
      if (isRequired(field)) return within;
      continue;
    }
    if (field.message === undefined || !mayLack(field.message)) continue;
    for (const [at, held] of messagesIn(message, field, within)) {
      const found = search(held, at);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function messagesIn(message: ReflectMessage, field: DescField, path: string): [string, ReflectMessage][] {
  const value = message.get(field);
  if (field.fieldKind === 'list') {
    return [...(value as ReflectList)].map((held, index) => [elementPath(path, index), held as ReflectMessage]);
  }
  if (field.fieldKind === 'map') {
    return [...(value as ReflectMap)].map(([key, held]) => [entryPath(path, String(key)), held as ReflectMessage]);
  }
  return [[path, value as ReflectMessage]];
}

const known = new WeakMap<DescMessage, boolean>();

// Whether a message of this type has a required field, or can hold one that has. Most have none, and are not searched.
function mayLack(desc: DescMessage): boolean {
  const before = known.get(desc);
  if (before !== undefined) return before;
  const reached = new Set([desc]);
  for (const type of reached) for (const { message } of type.fields) if (message) reached.add(message);
  const result = [...reached].some(({ fields }) => fields.some(isRequired));
  known.set(desc, result);
  return result;
}

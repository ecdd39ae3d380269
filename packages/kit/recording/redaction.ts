// Takes a message to the form in which a recording keeps it. What is redacted is left out while the message is copied:
// the copy never holds it, and nothing but the copy is kept.

import { create, type DescMessage, type Message, type Registry, toJson } from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMap, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { type Any, AnySchema, anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { elementPath, entryPath, fieldPath } from '../matching/difference.ts';
import { valueTypeOf } from '../matching/value-type.ts';
import type { RecordedMessage } from './exchange.ts';
import type { FieldRules, Track } from './field-rules.ts';

interface Copying {
  readonly rules: FieldRules;
  readonly registry: Registry;
  readonly redacted: string[];
  readonly lost: string[];
}

/**
 * Returns a message as a recording keeps it. Fields that the rules name are left out and so are those with the option
 * `debug_redact`; their paths are told, and so is what the registry does not know.
 *
 * @throws Error when proto3 JSON cannot hold a value, such as a timestamp after the year 9999.
 */
export function recordMessage(
  desc: DescMessage,
  message: Message,
  rules: FieldRules,
  registry: Registry,
): RecordedMessage {
  const copying: Copying = { rules, registry, redacted: [], lost: [] };
  const copy = copyWhole(desc, message, '', copying);
  const { redacted, lost } = copying;
  return {
    message: toJson(desc, copy, { registry }),
    ...(redacted.length > 0 && { redacted }),
    ...(lost.length > 0 && { lost }),
  };
}

// A message that no field leads to: it may be an Any itself.
function copyWhole(desc: DescMessage, message: Message, path: string, copying: Copying): Message {
  if (desc.typeName === AnySchema.typeName) return copyAny(message as Any, path, copying);
  return copyMessage(reflect(desc, message), [], path, copying);
}

function copyMessage(source: ReflectMessage, tracks: readonly Track[], path: string, copying: Copying): Message {
  const { desc } = source;
  const target = reflect(desc, create(desc));
  // A field without a name cannot be redacted by its name, and might have to be.
  for (const { no } of source.getUnknown() ?? []) {
    copying.lost.push(`${fieldPath(path, `#${no}`)}: an unknown field of ${desc.typeName}`);
  }
  for (const field of source.sortedFields) {
    if (!source.isSet(field)) continue;
    const within = fieldPath(path, field.jsonName);
    const step = copying.rules.follow(field, tracks);
    if (step.isHit || field.proto.options?.debugRedact) {
      copying.redacted.push(within);
      continue;
    }
    const type = valueTypeOf(field);
    const copyValue = (value: unknown, at: string): unknown => {
      if (type.kind === 'message') {
        return reflect(type.desc, copyMessage(value as ReflectMessage, step.tracks, at, copying));
      }
      if (type.kind === 'any')
        return reflect(AnySchema, copyAny((value as ReflectMessage).message as Any, at, copying));
      return value;
    };
    if (field.fieldKind === 'list') {
      const list = target.get(field) as ReflectList;
      for (const [index, value] of [...(source.get(field) as ReflectList)].entries()) {
        list.add(copyValue(value, elementPath(within, index)));
      }
    } else if (field.fieldKind === 'map') {
      const map = target.get(field) as ReflectMap;
      for (const [key, value] of source.get(field) as ReflectMap) {
        map.set(key, copyValue(value, entryPath(within, String(key))));
      }
    } else target.set(field, copyValue(source.get(field), within));
  }
  return target.message;
}

function copyAny(any: Any, path: string, copying: Copying): Any {
  if (any.typeUrl === '') return create(AnySchema);
  const typeName = any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1);
  const desc = copying.registry.getMessage(typeName);
  const content = desc && unpack(any, desc);
  if (desc && content) return anyPack(desc, copyWhole(desc, content, path, copying));
  copying.redacted.push(path);
  copying.lost.push(`${path}: ${desc ? `bytes that are no ${typeName}` : `a ${typeName}, which is not in "types"`}`);
  return create(AnySchema);
}

function unpack(any: Any, desc: DescMessage): Message | undefined {
  try {
    return anyUnpack(any, desc);
  } catch {
    // It cannot be looked into, and so not be redacted: it is told as lost.
    return undefined;
  }
}

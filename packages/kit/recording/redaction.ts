// Redaction: the conversion of a message to its recorded form. Redacted values are left out while the message is copied, and only
// the copy is kept.

import { create, type DescMessage, type Message, type Registry, toJson } from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMap, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { type Any, AnySchema, anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { elementPath, entryPath, fieldPath } from '../matching/difference.ts';
import { valueTypeOf } from '../matching/value-type.ts';
import type { RecordedMessage } from './exchange.ts';
import type { FieldRules, RemainingPath } from './field-rules.ts';
import { isMarked, isSensitiveName } from './sensitive-fields.ts';

type Copying = {
  readonly rules: FieldRules;
  readonly keeps: FieldRules | undefined;
  readonly registry: Registry;
  readonly redacted: string[];
  readonly lost: string[];
};

/**
 * Returns the recorded form of a message. It has the paths of redacted values (fields that the rules name, and sensitive
 * ones) and of values that the registry does not know.
 *
 * @param keeps the fields that are recorded although their names are sensitive.
 * @throws {Error} if proto3 JSON cannot represent a value, such as a timestamp after the year 9999.
 */
export function recordMessage(
  desc: DescMessage,
  message: Message,
  rules: FieldRules,
  registry: Registry,
  keeps?: FieldRules,
): RecordedMessage {
  const copying: Copying = { rules, keeps, registry, redacted: [], lost: [] };
  const copy = copyRoot(desc, message, '', copying);
  const { redacted, lost } = copying;
  return {
    message: toJson(desc, copy, { registry }),
    ...(redacted.length > 0 && { redacted }),
    ...(lost.length > 0 && { lost }),
  };
}

// Copies a message that is not the value of a field. It may be an Any itself.
function copyRoot(desc: DescMessage, message: Message, path: string, copying: Copying): Message {
  if (desc.typeName === AnySchema.typeName) return copyAny(message as Any, path, copying);
  return copyMessage(reflect(desc, message), [], path, copying);
}

function copyMessage(
  source: ReflectMessage,
  remaining: readonly RemainingPath[],
  path: string,
  copying: Copying,
): Message {
  const { desc } = source;
  const target = reflect(desc, create(desc));
  // An unknown field has no name, so rules cannot tell whether it has to be redacted. It is left out, as extensions are.
  for (const no of new Set(source.getUnknown()?.map((field) => field.no))) {
    const extension = copying.registry.getExtensionFor(desc, no);
    copying.lost.push(
      extension
        ? `${fieldPath(path, `[${extension.typeName}]`)}: an extension of ${desc.typeName}`
        : `${fieldPath(path, `#${no}`)}: an unknown field of ${desc.typeName}`,
    );
  }
  for (const field of source.sortedFields) {
    if (!source.isSet(field)) continue;
    const within = fieldPath(path, field.jsonName);
    const step = copying.rules.follow(field, remaining);
    const isSensitive = isSensitiveName(field) && !copying.keeps?.follow(field, []).isNamed;
    if (step.isNamed || isMarked(field) || isSensitive) {
      copying.redacted.push(within);
      continue;
    }
    const type = valueTypeOf(field);
    const copyValue = (value: unknown, at: string): unknown => {
      if (type.kind === 'message') {
        return reflect(type.desc, copyMessage(value as ReflectMessage, step.remaining, at, copying));
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
  if (desc && content) return anyPack(desc, copyRoot(desc, content, path, copying));
  copying.redacted.push(path);
  copying.lost.push(`${path}: ${desc ? `bytes that are not a ${typeName}` : `a ${typeName}, which is not in "types"`}`);
  return create(AnySchema);
}

function unpack(any: Any, desc: DescMessage): Message | undefined {
  try {
    return anyUnpack(any, desc);
  } catch {
    // Content that cannot be read cannot be redacted, so it is left out.
    return undefined;
  }
}

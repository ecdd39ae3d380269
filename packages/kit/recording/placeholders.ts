// Placeholders: the values used for redacted ones where a value is needed, in the answers of a replay and the examples of a contract.

import { create, type DescField, fromJson, type JsonValue, type Registry, ScalarType } from '@bufbuild/protobuf';
import { leafFromJson } from '../matching/leaf-json.ts';
import type { Leaf, Pattern } from '../matching/pattern.ts';
import { valueTypeOf } from '../matching/value-type.ts';
import { RecordingError } from './recording-error.ts';

/** Values by field, such as `library.v1.Loan.member_id`. */
export type Placeholders = ReadonlyMap<string, Leaf>;

/**
 * Reads placeholders in proto3 JSON.
 *
 * @throws {RecordingError} naming a field that does not exist, has more than one value, or does not accept the value.
 */
export function readPlaceholders(values: Readonly<Record<string, JsonValue>>, registry: Registry): Placeholders {
  const entries = Object.entries(values).map(([name, value]): [string, Leaf] => {
    const dot = name.lastIndexOf('.');
    const desc = registry.getMessage(name.slice(0, dot));
    const field = desc?.fields.find((candidate) => [candidate.name, candidate.jsonName].includes(name.slice(dot + 1)));
    if (!field) throw new RecordingError(`placeholders: there is no field "${name}"`);
    if (!isSingle(field)) throw new RecordingError(`placeholders: "${name}" is a list, a map or a message`);
    try {
      return [keyOf(field), leafFromJson(field, value, registry, name)];
    } catch (error) {
      throw new RecordingError(`placeholders: ${(error as Error).message}`, { cause: error });
    }
  });
  return new Map(entries);
}

/** Returns the placeholder of a field as a pattern: the configured one, or one of its type. */
export function placeholderOf(field: DescField, placeholders: Placeholders): Pattern {
  const given = placeholders.get(keyOf(field));
  if (given !== undefined) return { kind: 'equal', example: given };
  const value = placeholderValue(field);
  if (field.fieldKind === 'list') return { kind: 'list', elements: [value], isOrdered: true };
  if (field.fieldKind !== 'map') return value;
  const keys: Partial<Record<ScalarType, string>> = { [ScalarType.STRING]: 'redacted', [ScalarType.BOOL]: 'true' };
  return { kind: 'map', entries: [{ key: keys[field.mapKey] ?? '1', pattern: value }] };
}

function placeholderValue(field: DescField): Pattern {
  const type = valueTypeOf(field);
  switch (type.kind) {
    case 'scalar':
    case 'wrapper':
      return { kind: 'equal', example: placeholderScalar(type.scalar) };
    case 'enum': {
      const named = type.enum.values.find(({ number }) => number !== 0) ?? type.enum.values[0];
      return { kind: 'equal', example: named?.number ?? 0 };
    }
    case 'message':
      return { kind: 'message', fields: [] };
    default:
      // Unlike other well-known types, an empty Value is not valid.
      if (type.desc.typeName === 'google.protobuf.Value')
        return { kind: 'equal', example: fromJson(type.desc, 'redacted') };
      return { kind: 'equal', example: create(type.desc) };
  }
}

// No placeholder is a default value, because a field without presence would then count as unset.
function placeholderScalar(scalar: ScalarType): Leaf {
  switch (scalar) {
    case ScalarType.STRING:
      return 'redacted';
    case ScalarType.BYTES:
      return new TextEncoder().encode('redacted');
    case ScalarType.BOOL:
      return true;
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
    case ScalarType.SINT64:
      return 1n;
    default:
      return 1;
  }
}

function isSingle(field: DescField): boolean {
  return field.fieldKind !== 'list' && field.fieldKind !== 'map' && valueTypeOf(field).kind !== 'message';
}

function keyOf(field: DescField): string {
  return `${field.parent.typeName}.${field.name}`;
}

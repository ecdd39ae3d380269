// The conversion of a recorded message to a pattern: recorded values must be equal, redacted values match anything, and loosened
// values match any value of their type.

import { type DescField, type DescMessage, fromJson, type Registry } from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMap, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { type Any, anyUnpack } from '@bufbuild/protobuf/wkt';
import { elementPath, entryPath, fieldPath } from '../matching/difference.ts';
import { assertExact } from '../matching/exact-json.ts';
import type { FieldPattern, Leaf, MessagePattern, Pattern } from '../matching/pattern.ts';
import { hasPresence, toLeaf, valueTypeOf } from '../matching/value-type.ts';
import type { RecordedMessage } from './exchange.ts';
import type { FieldRules, RemainingPath } from './field-rules.ts';
import { type Placeholders, placeholderOf } from './placeholders.ts';

export type PatternChoices = {
  readonly registry: Registry;
  /** With `anything` a redacted field may be unset, with `like` it must be set. */
  readonly redactedAs: 'anything' | 'like';
  readonly placeholders: Placeholders;
  /** The fields that match any value of their type. */
  readonly loosened: FieldRules | 'all' | 'none';
  /** Whether unset fields must keep their default. Without this, a value in a field that was unset would not be a difference. */
  readonly includesDefaults: boolean;
};

type Reading = PatternChoices & {
  readonly redacted: ReadonlySet<string>;
};

/** The position of a value in the message, and the rules that apply there. */
type Place = {
  readonly path: string;
  readonly remaining: readonly RemainingPath[];
  readonly isLoose: boolean;
};

/**
 * Returns the pattern of a recorded message.
 *
 * @throws {Error} naming a field or value that the message type does not have.
 */
export function patternOf(desc: DescMessage, recorded: RecordedMessage, choices: PatternChoices): MessagePattern {
  assertExact(desc, recorded.message, choices.registry);
  const message = fromJson(desc, recorded.message, { registry: choices.registry });
  const reading = { ...choices, redacted: new Set(recorded.redacted) };
  return readMessage(reflect(desc, message), { path: '', remaining: [], isLoose: choices.loosened === 'all' }, reading);
}

function readMessage(message: ReflectMessage, place: Place, reading: Reading): MessagePattern {
  const fields = message.fields.flatMap((field): FieldPattern[] => {
    const path = fieldPath(place.path, field.jsonName);
    if (reading.redacted.has(path)) return [{ field, pattern: readRedacted(field, reading) }];
    const within = enter(field, path, place, reading);
    const isIncluded = message.isSet(field) || (reading.includesDefaults && !within.isLoose && !hasPresence(field));
    return isIncluded ? [{ field, pattern: readField(field, message.get(field), within, reading) }] : [];
  });
  return { kind: 'message', fields };
}

function enter(field: DescField, path: string, { remaining, isLoose }: Place, { loosened }: Reading): Place {
  if (typeof loosened === 'string') return { path, remaining, isLoose };
  const step = loosened.follow(field, remaining);
  return { path, remaining: step.remaining, isLoose: isLoose || step.isNamed };
}

function readRedacted(field: DescField, { redactedAs, placeholders }: Reading): Pattern {
  const example = placeholderOf(field, placeholders);
  if (redactedAs === 'anything') return { kind: 'anything', example };
  return example.kind === 'equal' && valueTypeOf(field).kind !== 'any'
    ? { kind: 'like', example: example.example }
    : { kind: 'present', example };
}

function readField(field: DescField, value: unknown, place: Place, reading: Reading): Pattern {
  const read = (element: unknown, path: string) => readValue(field, element, { ...place, path }, reading);
  if (field.fieldKind === 'list') {
    const elements = [...(value as ReflectList)].map((element, index) => read(element, elementPath(place.path, index)));
    const [first] = elements;
    return place.isLoose && first
      ? { kind: 'each', element: first, least: 1, most: undefined }
      : { kind: 'list', elements, isOrdered: true };
  }
  if (field.fieldKind === 'map') {
    const entries = [...(value as ReflectMap)].map(([key, element]) => ({
      key: String(key),
      pattern: read(element, entryPath(place.path, String(key))),
    }));
    const [first] = entries;
    return place.isLoose && first ? { kind: 'eachEntry', example: first } : { kind: 'map', entries };
  }
  return read(value, place.path);
}

function readValue(field: DescField, value: unknown, place: Place, reading: Reading): Pattern {
  const type = valueTypeOf(field);
  // An element of a list or map is redacted only if its type is unknown to the schema.
  if (reading.redacted.has(place.path))
    return { kind: 'anything', example: { kind: 'equal', example: toLeaf(type, value) } };
  if (type.kind === 'message') return readMessage(value as ReflectMessage, place, reading);
  const leaf: Leaf = toLeaf(type, value);
  if (type.kind === 'any') return readAny(leaf as Any, place, reading);
  return { kind: place.isLoose ? 'like' : 'equal', example: leaf };
}

function readAny(any: Any, place: Place, reading: Reading): Pattern {
  const content = anyUnpack(any, reading.registry);
  const desc = content && reading.registry.getMessage(content.$typeName);
  if (!desc) return { kind: 'equal', example: any };
  const inner = readMessage(reflect(desc, content), { ...place, remaining: [] }, reading);
  return { kind: 'packed', desc, content: inner };
}

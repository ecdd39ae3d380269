// Reads a pattern back from a contract file, against the message type as it is now: what the type no longer has is named.

import type { DescField, DescMessage, JsonObject, JsonValue, Registry } from '@bufbuild/protobuf';
import { elementPath, entryPath, fieldPath } from './difference.ts';
import { leafFromJson } from './leaf-json.ts';
import type { FieldPattern, MessagePattern, Pattern } from './pattern.ts';
import { valueTypeOf } from './value-type.ts';
import type { JsonRule, PatternJson } from './write-pattern.ts';

/**
 * Returns the pattern that `writePattern` wrote.
 *
 * @throws {Error} naming the path when the message type has no such field any more, or JSON or a rule cannot be read.
 */
export function readPattern(desc: DescMessage, json: PatternJson, registry: Registry): MessagePattern {
  const reading = { rules: json.rules, registry };
  return readFields(desc, json.message, reading, '');
}

type Reading = { readonly rules: PatternJson['rules']; readonly registry: Registry };

// A field may have the name of what every object has, such as `constructor`.
function ownValue<T>(object: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function ruleAt({ rules }: Reading, path: string): JsonRule | undefined {
  return ownValue(rules, path);
}

function readFields(desc: DescMessage, json: JsonObject, reading: Reading, path: string): MessagePattern {
  const unknown = Object.keys(json).find((name) => !desc.fields.some(({ jsonName }) => jsonName === name));
  if (unknown !== undefined) throw new Error(`${fieldPath(path, unknown)}: ${desc.typeName} has no field "${unknown}"`);
  const fields = desc.fields.flatMap((field): FieldPattern[] => {
    const within = fieldPath(path, field.jsonName);
    const value = ownValue(json, field.jsonName);
    if (value === undefined && !ruleAt(reading, within)) return [];
    return [{ field, pattern: readWhole(field, value, reading, within) }];
  });
  return { kind: 'message', fields };
}

// A whole field: where it is a list or a map, all of it.
function readWhole(field: DescField, json: JsonValue | undefined, reading: Reading, path: string): Pattern {
  const rule = ruleAt(reading, path);
  const bare = { ...reading, rules: {} };
  switch (rule?.match) {
    case 'absent':
      return { kind: 'absent' };
    case 'anything':
      return { kind: 'anything', example: json === undefined ? undefined : readWhole(field, json, bare, path) };
    case 'present':
      return { kind: 'present', example: readWhole(field, json, bare, path) };
    default:
      return readContent(field, json, reading, path);
  }
}

function readContent(field: DescField, json: JsonValue | undefined, reading: Reading, path: string): Pattern {
  if (field.fieldKind === 'list') return readList(field, json as JsonValue[], reading, path);
  if (field.fieldKind === 'map') return readMap(field, json as JsonObject, reading, path);
  return readValue(field, json, reading, path);
}

function readList(field: DescField, json: readonly JsonValue[], reading: Reading, path: string): Pattern {
  const rule = ruleAt(reading, path);
  if (rule?.match === 'each') {
    const most = rule.most === undefined ? undefined : Number(rule.most);
    const element = readValue(field, json[0], reading, elementPath(path, '*'));
    return { kind: 'each', element, least: Number(rule.least), most };
  }
  const elements = json.map((value, index) => readValue(field, value, reading, elementPath(path, index)));
  return { kind: 'list', elements, isOrdered: rule?.match !== 'unordered' };
}

function readMap(field: DescField, json: JsonObject, reading: Reading, path: string): Pattern {
  const isEach = ruleAt(reading, path)?.match === 'each';
  const entries = Object.entries(json).map(([key, value]) => ({
    key,
    pattern: readValue(field, value, reading, isEach ? elementPath(path, '*') : entryPath(path, key)),
  }));
  const [example] = entries;
  return isEach && example ? { kind: 'eachEntry', example } : { kind: 'map', entries };
}

function readValue(field: DescField, json: JsonValue | undefined, reading: Reading, path: string): Pattern {
  const type = valueTypeOf(field);
  const rule = ruleAt(reading, path);
  const leaf = (value: JsonValue | undefined) => leafFromJson(field, value, reading.registry, path);
  switch (rule?.match) {
    case undefined:
      if (type.kind === 'message') return readFields(type.desc, json as JsonObject, reading, path);
      return { kind: 'equal', example: leaf(json) };
    case 'fromState':
      return { kind: 'equal', example: leaf(json), fromState: String(rule.name) };
    case 'like':
      return { kind: 'like', example: leaf(json) };
    case 'regex':
      return {
        kind: 'regex',
        expression: new RegExp(String(rule.regex), String(rule.flags)),
        example: String(leaf(json)),
      };
    case 'anyOf':
      return { kind: 'anyOf', values: (rule.values as JsonValue[]).map(leaf) };
    case 'range': {
      const [least, most, example] = [rule.least, rule.most, json].map((value) => leaf(value) as number | bigint);
      return { kind: 'range', least: least ?? 0, most: most ?? 0, example: example ?? 0 };
    }
    case 'anything':
    case 'present':
      return { kind: rule.match, example: readValue(field, json, { ...reading, rules: {} }, path) };
    case 'packed':
      return readPacked(json as JsonObject, reading, path);
    default:
      throw new Error(`${path}: this version knows no rule "${rule?.match}"`);
  }
}

function readPacked({ '@type': typeUrl, ...content }: JsonObject, reading: Reading, path: string): Pattern {
  const typeName = String(typeUrl).slice(String(typeUrl).lastIndexOf('/') + 1);
  const desc = reading.registry.getMessage(typeName);
  if (!desc) throw new Error(`${path}: ${typeName} is not known here; name it in "types"`);
  return { kind: 'packed', desc, content: readFields(desc, content, reading, path) };
}

// A pattern as a contract file keeps it: an example in proto3 JSON with every field that is spoken of, defaults
// included, and beside it a rule for each path where more than the example is accepted.

import type { DescField, JsonObject, JsonValue, Registry } from '@bufbuild/protobuf';
import { elementPath, entryPath, fieldPath } from './difference.ts';
import { leafToJson } from './leaf-json.ts';
import type { CollectionPattern, EntryPattern, Leaf, MessagePattern, Pattern } from './pattern.ts';

/** A rule of a contract file: `match` names it, the rest depends on it. */
export type JsonRule = Readonly<Record<string, JsonValue>> & { readonly match: string };

/** A pattern in a contract file. */
export type PatternJson = {
  readonly message: JsonObject;
  /** By path. */
  readonly rules: Readonly<Record<string, JsonRule>>;
};

/**
 * Returns a pattern as JSON.
 *
 * @param registry knows the messages in a `google.protobuf.Any`.
 * @throws {Error} when such a message is unknown, or a value cannot be written as JSON.
 */
export function writePattern(pattern: MessagePattern, registry: Registry): PatternJson {
  const rules: Record<string, JsonRule> = {};
  const message = writeFields(pattern, { rules, registry }, '');
  return { message, rules: Object.fromEntries(Object.entries(rules).sort(([a], [b]) => (a < b ? -1 : 1))) };
}

type Writing = {
  readonly rules: Record<string, JsonRule>;
  readonly registry: Registry;
};

function writeFields(pattern: MessagePattern, writing: Writing, path: string): JsonObject {
  const byNumber = pattern.fields.toSorted((a, b) => a.field.number - b.field.number);
  const fields = byNumber.flatMap(({ field, pattern: ofField }): [string, JsonValue][] => {
    const value = writeValue(field, ofField, writing, fieldPath(path, field.jsonName));
    return value === undefined ? [] : [[field.jsonName, value]];
  });
  return Object.fromEntries(fields);
}

function writeValue(field: DescField, pattern: Pattern, writing: Writing, path: string): JsonValue | undefined {
  const rule = (match: string, more: Record<string, JsonValue> = {}) => {
    writing.rules[path] = { match, ...more };
  };
  const leaf = (value: Leaf) => leafToJson(field, value, writing.registry);
  switch (pattern.kind) {
    case 'equal':
      if (pattern.fromState !== undefined) rule('fromState', { name: pattern.fromState });
      return leaf(pattern.example);
    case 'like':
      rule('like');
      return leaf(pattern.example);
    case 'regex':
      rule('regex', { regex: pattern.expression.source, flags: pattern.expression.flags });
      return leaf(pattern.example);
    case 'anyOf':
      rule('anyOf', { values: pattern.values.map(leaf) });
      return leaf(pattern.values[0] ?? '');
    case 'range':
      rule('range', { least: leaf(pattern.least), most: leaf(pattern.most) });
      return leaf(pattern.example);
    case 'anything':
      rule('anything');
      return pattern.example && writeValue(field, pattern.example, { ...writing, rules: {} }, path);
    case 'present':
      rule('present');
      return writeValue(field, pattern.example, { ...writing, rules: {} }, path);
    case 'absent':
      rule('absent');
      return undefined;
    case 'message':
      return writeFields(pattern, writing, path);
    case 'packed':
      rule('packed');
      return {
        '@type': `type.googleapis.com/${pattern.desc.typeName}`,
        ...writeFields(pattern.content, writing, path),
      };
    default:
      return writeCollection(field, pattern, writing, path, rule);
  }
}

function writeCollection(
  field: DescField,
  pattern: CollectionPattern,
  writing: Writing,
  path: string,
  rule: (match: string, more?: Record<string, JsonValue>) => void,
): JsonValue {
  const element = (value: Pattern, within: string) => writeValue(field, value, writing, within) ?? null;
  const entries = (patterns: readonly EntryPattern[], key?: '*') =>
    Object.fromEntries(
      patterns.map((entry) => [
        entry.key,
        element(entry.pattern, key ? elementPath(path, key) : entryPath(path, entry.key)),
      ]),
    );
  switch (pattern.kind) {
    case 'list':
      if (!pattern.isOrdered) rule('unordered');
      return pattern.elements.map((value, index) => element(value, elementPath(path, index)));
    case 'each': {
      rule('each', { least: pattern.least, ...(pattern.most !== undefined && { most: pattern.most }) });
      const example = element(pattern.element, elementPath(path, '*'));
      return Array.from({ length: Math.max(pattern.least, 1) }, () => example);
    }
    case 'map':
      return entries(pattern.entries);
    case 'eachEntry':
      rule('each');
      return entries([pattern.example], '*');
  }
}

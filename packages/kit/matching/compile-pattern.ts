// Checks a message literal against its message type and makes a pattern of it. protobuf-es ignores names it does not
// know; here they are errors, because a contract with a misspelt field promises nothing.

import { type DescField, type DescMessage, type DescOneof, ScalarType } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import {
  assertObject,
  checkLeaf,
  describeValue,
  explainUnknownField,
  faultAt,
  LiteralError,
  type Place,
} from './check-leaf.ts';
import { elementPath, entryPath, fieldPath } from './difference.ts';
import { Matcher, type MatcherRule, type ValueRule } from './matchers.ts';
import type { EntryPattern, FieldPattern, MessagePattern, Pattern } from './pattern.ts';
import { type MapField, toMapKey, valueTypeOf } from './value-type.ts';

const ROOT: Place = { path: '', isLoose: false };

/**
 * Returns the pattern of a literal. What it leaves out, the pattern does not speak of.
 *
 * @throws {LiteralError} for a field, a oneof case or an enum value that does not exist, and for a value of a wrong type.
 */
export function compilePattern(desc: DescMessage, literal: object, place: Place = ROOT): MessagePattern {
  assertObject(literal, place, `a ${desc.typeName}`);
  const fields = statedNames(desc, literal, place).flatMap((name) => {
    const value = (literal as Record<string, unknown>)[name];
    const member = desc.members.find(({ localName }) => localName === name);
    if (!member) throw new LiteralError(faultAt(fieldPath(place.path, name), explainUnknownField(desc, name)));
    return member.kind === 'oneof' ? compileOneof(member, value, place) : [compileField(member, value, place)];
  });
  return { kind: 'message', fields };
}

// A whole message mentions only the fields that are set: a default cannot be distinguished from an omission.
function statedNames(desc: DescMessage, literal: object, place: Place): string[] {
  const names = Object.entries(literal).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (!('$typeName' in literal)) return names;
  if (literal.$typeName !== desc.typeName) {
    throw new LiteralError(faultAt(place.path, `expected a ${desc.typeName}, got a ${literal.$typeName}`));
  }
  const message = reflect(desc, literal as never);
  return desc.members.flatMap((member) => {
    const isSet = member.kind === 'oneof' ? message.oneofCase(member) !== undefined : message.isSet(member);
    return isSet ? [member.localName] : [];
  });
}

function compileOneof(oneof: DescOneof, literal: unknown, place: Place): FieldPattern[] {
  if (literal instanceof Matcher) return compileOneofMatcher(oneof, literal.rule, place);
  const path = fieldPath(place.path, oneof.localName);
  assertObject(literal, { ...place, path }, '{ case, value }');
  const { case: chosen, value } = literal as { case?: unknown; value?: unknown };
  if (chosen === undefined) return oneof.fields.map((field) => ({ field, pattern: { kind: 'absent' } }));
  const field = oneof.fields.find(({ localName }) => localName === chosen);
  const cases = oneof.fields.map(({ localName }) => localName).join(', ');
  if (!field) {
    throw new LiteralError(
      faultAt(path, `${oneof.parent.typeName}.${oneof.name} has no case "${chosen}"; it has ${cases}`),
    );
  }
  if (value === undefined) throw new LiteralError(faultAt(path, `the case "${chosen}" has no value`));
  return [compileField(field, value, place)];
}

// The matchers that can stand for a whole oneof; the others stand for the value of a case.
function compileOneofMatcher(oneof: DescOneof, rule: MatcherRule, place: Place): FieldPattern[] {
  switch (rule.kind) {
    case 'absent':
      return oneof.fields.map((field) => ({ field, pattern: rule }));
    case 'like':
      return compileOneof(oneof, rule.example, { ...place, isLoose: true });
    case 'anything': {
      const [chosen] = rule.example === undefined ? [] : compileOneof(oneof, rule.example, place);
      return oneof.fields.map((field) => {
        const example = field === chosen?.field ? chosen.pattern : undefined;
        return { field, pattern: { kind: 'anything', example } };
      });
    }
    default: {
      const path = fieldPath(place.path, oneof.localName);
      throw new LiteralError(faultAt(path, `${rule.kind} stands for the value of a case, not for a oneof`));
    }
  }
}

function compileField(field: DescField, value: unknown, parent: Place): FieldPattern {
  const place = { ...parent, path: fieldPath(parent.path, field.jsonName) };
  if (value instanceof Matcher) return { field, pattern: compileMatcher(field, value.rule, place, 'field') };
  if (field.fieldKind === 'list') return { field, pattern: compileList(field, value, place) };
  if (field.fieldKind === 'map') return { field, pattern: compileMap(field, value, place) };
  return { field, pattern: compileValue(field, value, place) };
}

function compileList(field: DescField, values: unknown, place: Place): Pattern {
  if (!Array.isArray(values))
    throw new LiteralError(faultAt(place.path, `expected a list, got ${describeValue(values)}`));
  const elements = values.map((value, index) =>
    compileValue(field, value, { ...place, path: elementPath(place.path, index) }),
  );
  if (!place.isLoose) return { kind: 'list', elements, isOrdered: true };
  const [element] = elements;
  return element ? { kind: 'each', element, least: 1, most: undefined } : { kind: 'anything', example: undefined };
}

function compileMap(field: DescField, values: unknown, place: Place): Pattern {
  assertObject(values, place, 'a map');
  const entries = Object.entries(values as object).map(([key, value]): EntryPattern => {
    const within = { ...place, path: entryPath(place.path, key) };
    if (field.fieldKind === 'map' && !isKeyOf(field, key))
      throw new LiteralError(faultAt(within.path, 'is no key of this map'));
    return { key, pattern: compileValue(field, value, within) };
  });
  if (!place.isLoose) return { kind: 'map', entries };
  const [example] = entries;
  return example ? { kind: 'eachEntry', example } : { kind: 'anything', example: undefined };
}

function isKeyOf(field: MapField, key: string): boolean {
  return field.mapKey === ScalarType.STRING || typeof toMapKey(field, key) !== 'string';
}

// One value: of a field, of an element of a list or of an entry of a map.
function compileValue(field: DescField, value: unknown, place: Place): Pattern {
  if (value instanceof Matcher) return compileMatcher(field, value.rule, place, 'value');
  const type = valueTypeOf(field);
  if (type.kind === 'message') return compilePattern(type.desc, value as object, place);
  return { kind: place.isLoose ? 'like' : 'equal', example: checkLeaf(field, value, place) };
}

// A matcher stands for a whole field, or for one value in a list or a map, and not every one fits either.
function compileMatcher(field: DescField, rule: MatcherRule, place: Place, position: 'field' | 'value'): Pattern {
  const isWhole = position === 'field';
  const ofExample = (example: unknown, isLoose: boolean) =>
    compileExample(field, example, { ...place, isLoose }, isWhole);
  switch (rule.kind) {
    case 'like':
      return ofExample(rule.example, true);
    case 'present':
      return { kind: 'present', example: ofExample(rule.example, false) };
    case 'anything':
      assertFits(isWhole || rule.example !== undefined, 'anything() in a list or a map needs an example', place);
      return {
        kind: 'anything',
        example: rule.example === undefined ? undefined : ofExample(rule.example, false),
      };
    case 'absent':
      assertFits(isWhole, 'absent() stands for a field, not for a value in it', place);
      return rule;
    case 'each':
      assertFits(isWhole && field.fieldKind === 'list', 'eachLike() stands for a list', place);
      return {
        ...rule,
        element: compileValue(field, rule.element, { ...place, path: `${place.path}[*]` }),
      };
    case 'unordered': {
      assertFits(isWhole && field.fieldKind === 'list', 'unordered() stands for a list', place);
      const list = compileList(field, rule.elements, { ...place, isLoose: false });
      return { ...list, isOrdered: false } as Pattern;
    }
    default:
      assertFits(!isWhole || isSingular(field), `${rule.kind} stands for one value, not for a list or a map`, place);
      return compileValueMatcher(field, rule, place);
  }
}

function compileValueMatcher(field: DescField, rule: ValueRule, place: Place): Pattern {
  const type = valueTypeOf(field);
  switch (rule.kind) {
    case 'regex': {
      const isText = (type.kind === 'scalar' || type.kind === 'wrapper') && type.scalar === ScalarType.STRING;
      assertFits(isText, `regex() stands for a text, not for ${field}`, place);
      return rule;
    }
    case 'anyOf':
      assertFits(type.kind !== 'message', 'anyOf() stands for a single value, not for a message', place);
      return { kind: 'anyOf', values: rule.values.map((value) => checkLeaf(field, value, place)) };
    case 'range':
      assertFits(type.kind === 'scalar' || type.kind === 'wrapper', 'integerRange() stands for a number', place);
      return {
        kind: 'range',
        least: checkLeaf(field, rule.least, place) as number | bigint,
        most: checkLeaf(field, rule.most, place) as number | bigint,
        example: checkLeaf(field, rule.example, place) as number | bigint,
      };
    case 'fromState':
      assertFits(type.kind !== 'message', 'fromState() stands for a single value, not for a message', place);
      return { kind: 'equal', example: checkLeaf(field, rule.example, place), fromState: rule.name };
    case 'packed':
      assertFits(type.kind === 'any', 'packed() stands for a google.protobuf.Any', place);
      return { kind: 'packed', desc: rule.desc, content: compilePattern(rule.desc, rule.literal, place) };
  }
}

function compileExample(field: DescField, example: unknown, place: Place, isWhole: boolean): Pattern {
  if (isWhole && field.fieldKind === 'list') return compileList(field, example, place);
  if (isWhole && field.fieldKind === 'map') return compileMap(field, example, place);
  return compileValue(field, example, place);
}

function isSingular({ fieldKind }: DescField): boolean {
  return fieldKind !== 'list' && fieldKind !== 'map';
}

function assertFits(fits: boolean, fault: string, { path }: Place): void {
  if (!fits) throw new LiteralError(faultAt(path, fault));
}

// Compares a decoded message with a pattern, as proto3 means it: an unset field without presence reads as its default,
// a field with presence tells whether it is set, and bytes on the wire never matter.

import type { DescField, DescMessage, DescOneof, Message } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { describePattern } from './describe-value.ts';
import { type Difference, fieldPath } from './difference.ts';
import { matchCollection } from './match-collection.ts';
import { describeActual, type MatchContext, type MatchOptions, matchValue } from './match-value.ts';
import type { FieldPattern, MessagePattern, Pattern } from './pattern.ts';
import { hasPresence, isDefault, valueTypeOf } from './value-type.ts';

/** Returns where `message` differs from what `pattern` accepts; nothing when it does not. */
export function matchMessage(
  desc: DescMessage,
  pattern: MessagePattern,
  message: Message,
  options: MatchOptions,
): Difference[] {
  const context: MatchContext = {
    ...options,
    matchMessage: (innerDesc, inner, value, path) => matchFields(innerDesc, inner, value, context, path),
  };
  return matchFields(desc, pattern, message, context, '');
}

function matchFields(
  desc: DescMessage,
  pattern: MessagePattern,
  message: Message,
  context: MatchContext,
  path: string,
): Difference[] {
  const actual = reflect(desc, message);
  const stated = new Set(pattern.fields.map(({ field }) => field));
  const differences = pattern.fields.flatMap((expected) => matchField(expected, actual, context, path));
  if (!context.isClosed) return withoutDuplicates(differences);
  const unstated = desc.fields.filter((field) => !stated.has(field) && actual.isSet(field));
  return withoutDuplicates([
    ...differences,
    ...unstated
      .filter((field) => !isOtherCase(field, stated))
      .map((field) => ({
        path: fieldPath(path, field.jsonName),
        expected: 'nothing',
        actual: describeActual(field, actual.get(field), context.registry),
      })),
    ...(actual.getUnknown() ?? []).map(({ no }) => ({
      path: fieldPath(path, `#${no}`),
      expected: 'nothing',
      actual: `an unknown field of ${desc.typeName}`,
    })),
  ]);
}

function matchField({ field, pattern }: FieldPattern, actual: ReflectMessage, context: MatchContext, path: string) {
  const within = fieldPath(path, field.jsonName);
  const difference = (expected: string, found: string): Difference[] => [{ path: within, expected, actual: found }];
  const type = valueTypeOf(field);
  const isSet = actual.isSet(field);
  const expected = () => describePattern(type, pattern, context.registry);
  if (pattern.kind === 'anything') return [];
  if (pattern.kind === 'absent') {
    return isSet ? difference('nothing', describeActual(field, actual.get(field), context.registry)) : [];
  }
  const chosen = field.oneof && actual.oneofCase(field.oneof);
  if (field.oneof && chosen !== field) return [differentCase(field, field.oneof, chosen, path)];
  if (pattern.kind === 'present') return isSet ? [] : difference('a value', 'nothing');
  if (field.fieldKind === 'list' || field.fieldKind === 'map') {
    return matchCollection(field, pattern, actual.get(field), context, within);
  }
  if (!isSet && (hasPresence(field) || needsValue(pattern))) {
    return difference(expected(), hasPresence(field) ? 'nothing' : describeActual(field, actual.get(field)));
  }
  return matchValue(type, pattern, actual.get(field), context, within);
}

// Like `x` means that the provider still fills the field in; a boolean has no third value that would tell.
function needsValue(pattern: Pattern): boolean {
  return pattern.kind === 'like' && typeof pattern.example !== 'boolean' && !isDefault(pattern.example);
}

function isOtherCase(field: DescField, stated: ReadonlySet<DescField>): boolean {
  return field.oneof?.fields.some((other) => stated.has(other)) ?? false;
}

function differentCase(field: DescField, oneof: DescOneof, chosen: DescField | undefined, path: string): Difference {
  return {
    path: fieldPath(path, oneof.localName),
    expected: `the case ${field.jsonName}`,
    actual: chosen ? `the case ${chosen.jsonName}` : 'nothing',
  };
}

// The elements of a repeated field that the schema does not know are as many unknown fields with one number.
function withoutDuplicates(differences: Difference[]): Difference[] {
  const seen = new Set<string>();
  return differences.filter(({ path, expected, actual }) => {
    const key = JSON.stringify([path, expected, actual]);
    return !seen.has(key) && seen.add(key);
  });
}

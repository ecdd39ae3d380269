// proto3 JSON leaves defaults out, and Pact refuses an answer that lacks a key of its example. So what may be left out
// of an answer is left out of the example that Pact is given.

import type { FieldPattern, MessagePattern, Pattern } from '../matching/pattern.ts';
import { hasPresence, isDefault } from '../matching/value-type.ts';

/** Returns the pattern of an answer without the fields that it accepts unset. */
export function omitWhatMayBeUnset(pattern: MessagePattern): MessagePattern {
  const fields = pattern.fields
    .filter((field) => !mayBeUnset(field))
    .map(({ field, pattern: ofField }) => ({ field, pattern: omitWithin(ofField) }));
  return { kind: 'message', fields };
}

function omitWithin(pattern: Pattern): Pattern {
  switch (pattern.kind) {
    case 'message':
      return omitWhatMayBeUnset(pattern);
    case 'packed':
      return { ...pattern, content: omitWhatMayBeUnset(pattern.content) };
    case 'list':
      return { ...pattern, elements: pattern.elements.map(omitWithin) };
    case 'each':
      return { ...pattern, element: omitWithin(pattern.element) };
    case 'map':
      return {
        ...pattern,
        entries: pattern.entries.map((entry) => ({ ...entry, pattern: omitWithin(entry.pattern) })),
      };
    case 'eachEntry':
      return { ...pattern, example: { ...pattern.example, pattern: omitWithin(pattern.example.pattern) } };
    default:
      return pattern;
  }
}

function mayBeUnset({ field, pattern }: FieldPattern): boolean {
  if (pattern.kind === 'anything') return true;
  if (hasPresence(field)) return false;
  switch (pattern.kind) {
    case 'like':
      return typeof pattern.example === 'boolean' || isDefault(pattern.example);
    case 'regex':
      return pattern.expression.test('');
    case 'anyOf':
      return pattern.values.some(isDefault);
    case 'range':
      return pattern.least <= 0 && pattern.most >= 0;
    case 'each':
      return pattern.least === 0;
    default:
      return false;
  }
}

// The message that a mock provider sends where a pattern is expected: every value its example.

import { create, type DescField, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { MessagePattern, Pattern } from './pattern.ts';
import { fillRequired } from './required-fields.ts';
import { put, valueTypeOf } from './value-type.ts';

/** Returns a new message that the pattern accepts. Required fields that it does not speak of have their zero value. */
export function createExample(desc: DescMessage, pattern: MessagePattern): MessageShape<DescMessage> {
  const message = reflect(desc, create(desc));
  for (const { field, pattern: ofField } of pattern.fields) fill(message, field, ofField);
  fillRequired(message);
  return message.message;
}

function fill(message: ReflectMessage, field: DescField, pattern: Pattern, key?: string): void {
  switch (pattern.kind) {
    case 'absent':
      return;
    case 'anything':
      if (pattern.example) fill(message, field, pattern.example, key);
      return;
    case 'present':
      fill(message, field, pattern.example, key);
      return;
    case 'anyOf':
      put(message, field, pattern.values[0] ?? '', key);
      return;
    case 'message': {
      const type = valueTypeOf(field);
      if (type.kind === 'message') put(message, field, createExample(type.desc, pattern), key);
      return;
    }
    case 'packed':
      put(message, field, anyPack(pattern.desc, createExample(pattern.desc, pattern.content)), key);
      return;
    case 'list':
      for (const element of pattern.elements) fill(message, field, element);
      return;
    case 'each':
      for (let count = 0; count < Math.max(pattern.least, 1); count += 1) fill(message, field, pattern.element);
      return;
    case 'map':
      for (const entry of pattern.entries) fill(message, field, entry.pattern, entry.key);
      return;
    case 'eachEntry':
      fill(message, field, pattern.example.pattern, pattern.example.key);
      return;
    default:
      put(message, field, pattern.example, key);
  }
}

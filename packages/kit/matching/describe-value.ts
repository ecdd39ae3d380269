// How values and patterns appear in differences.

import { type Message, type Registry, toJson } from '@bufbuild/protobuf';
import { formatValue, shorten } from '../base/format-value.ts';
import type { Leaf, Pattern } from './pattern.ts';
import type { ValueType } from './value-type.ts';

/** Returns a value as text: enum values by name, timestamps and the like as JSON writes them. */
export function describeLeaf(type: ValueType, leaf: Leaf, registry?: Registry): string {
  switch (type.kind) {
    case 'enum':
      return formatValue(leaf, type.enum);
    case 'atom':
    case 'any':
      return shorten(describeWhole(type, leaf as Message, registry));
    default:
      return shorten(formatValue(leaf));
  }
}

/** Returns what a pattern accepts, as text. */
export function describePattern(type: ValueType, pattern: Pattern, registry?: Registry): string {
  const describe = (leaf: Leaf) => describeLeaf(type, leaf, registry);
  switch (pattern.kind) {
    case 'equal':
      return describe(pattern.example);
    case 'like':
      return `a value like ${describe(pattern.example)}`;
    case 'regex':
      return `a text like ${pattern.expression}`;
    case 'anyOf':
      return `one of ${pattern.values.map(describe).join(', ')}`;
    case 'range':
      return `a whole number from ${pattern.least} to ${pattern.most}`;
    case 'anything':
      return 'anything';
    case 'present':
      return 'a value';
    case 'absent':
      return 'nothing';
    case 'message':
      return type.kind === 'message' ? `a ${type.desc.typeName}` : 'a message';
    case 'packed':
      return `a packed ${pattern.desc.typeName}`;
    case 'list':
      return countElements(pattern.elements.length);
    case 'each':
      return `at least ${countElements(pattern.least)}${pattern.most === undefined ? '' : `, at most ${pattern.most}`}`;
    case 'map':
      return `${pattern.entries.length} entries`;
    case 'eachEntry':
      return 'at least 1 entry';
  }
}

/** Returns a number of elements in words. */
export function countElements(count: number): string {
  return count === 1 ? '1 element' : `${count} elements`;
}

function describeWhole(type: { desc: Parameters<typeof toJson>[0] }, message: Message, registry?: Registry): string {
  try {
    return JSON.stringify(toJson(type.desc, message, registry ? { registry } : {}));
  } catch {
    // A value that JSON cannot hold, such as an Any of an unknown type: print its fields instead.
    return formatValue(message);
  }
}

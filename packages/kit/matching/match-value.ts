// Compares one value with a pattern: of a field, of an element of a list or of an entry of a map.

import { type DescField, type DescMessage, equals, type Message, type Registry, ScalarType } from '@bufbuild/protobuf';
import type { ReflectList, ReflectMap, ReflectMessage } from '@bufbuild/protobuf/reflect';
import { type Any, anyIs, anyUnpack } from '@bufbuild/protobuf/wkt';
import { formatValue, shorten } from '../base/format-value.ts';
import { countElements, describeLeaf, describePattern } from './describe-value.ts';
import type { Difference } from './difference.ts';
import type { Leaf, MessagePattern, Pattern } from './pattern.ts';
import { toLeaf, type ValueType, valueTypeOf } from './value-type.ts';

export type MatchOptions = {
  /**
   * Whether fields the pattern does not speak of must be unset, and unknown fields are differences: for what a consumer
   * sends. What a provider answers may have more than the consumer reads.
   */
  readonly isClosed: boolean;
  /** Knows the messages that may be in a `google.protobuf.Any`; others are compared by their bytes. */
  readonly registry?: Registry;
};

/** The options, and how a message within a value is compared. */
export type MatchContext = MatchOptions & {
  matchMessage(desc: DescMessage, pattern: MessagePattern, message: Message, path: string): Difference[];
};

/** Returns where a value, as reflection gives it, differs from what `pattern` accepts. */
export function matchValue(
  type: ValueType,
  pattern: Pattern,
  value: unknown,
  context: MatchContext,
  path: string,
): Difference[] {
  if (pattern.kind === 'anything' || pattern.kind === 'present') return [];
  if (pattern.kind === 'message' && type.kind === 'message') {
    return context.matchMessage(type.desc, pattern, (value as ReflectMessage).message, path);
  }
  const leaf = toLeaf(type, value);
  if (pattern.kind === 'packed') return matchPacked(type, pattern, leaf as Any, context, path);
  if (acceptsLeaf(type, pattern, leaf, context.registry)) return [];
  return [
    {
      path,
      expected: describePattern(type, pattern, context.registry),
      actual: describeLeaf(type, leaf, context.registry),
    },
  ];
}

function acceptsLeaf(type: ValueType, pattern: Pattern, leaf: Leaf, registry: Registry | undefined): boolean {
  switch (pattern.kind) {
    case 'equal':
      return isSameLeaf(type, pattern.example, leaf, registry);
    case 'like':
      return true;
    case 'regex':
      return pattern.expression.test(String(leaf));
    case 'anyOf':
      return pattern.values.some((value) => isSameLeaf(type, value, leaf, registry));
    case 'range':
      return (leaf as number) >= pattern.least && (leaf as number) <= pattern.most;
    default:
      return false;
  }
}

function isSameLeaf(type: ValueType, expected: Leaf, actual: Leaf, registry: Registry | undefined): boolean {
  if (type.kind === 'any') return isSameAny(expected as Any, actual as Any, registry);
  if (type.kind === 'atom') return equals(type.desc, expected as Message, actual as Message);
  if (expected instanceof Uint8Array && actual instanceof Uint8Array) {
    return expected.length === actual.length && expected.every((byte, index) => byte === actual[index]);
  }
  if (typeof expected !== 'number' || typeof actual !== 'number') return expected === actual;
  // A float travels with 32 bits, a literal has 64; and NaN is equal to itself here.
  const isFloat = (type.kind === 'scalar' || type.kind === 'wrapper') && type.scalar === ScalarType.FLOAT;
  const [left, right] = isFloat ? [Math.fround(expected), Math.fround(actual)] : [expected, actual];
  return left === right || (Number.isNaN(left) && Number.isNaN(right));
}

// Two encodings of one message are the same Any.
function isSameAny(expected: Any, actual: Any, registry: Registry | undefined): boolean {
  const desc = registry?.getMessage(expected.typeUrl.slice(expected.typeUrl.lastIndexOf('/') + 1));
  if (registry && desc && anyIs(actual, desc)) {
    const [left, right] = [unpack(expected, desc), unpack(actual, desc)];
    if (left && right) return equals(desc, left, right, { registry, unknown: true });
  }
  return expected.typeUrl === actual.typeUrl && Buffer.from(expected.value).equals(actual.value);
}

function matchPacked(
  type: ValueType,
  pattern: Pattern & { kind: 'packed' },
  actual: Any,
  context: MatchContext,
  path: string,
): Difference[] {
  const { desc, content } = pattern;
  if (!anyIs(actual, desc)) {
    const found = actual.typeUrl === '' ? 'nothing' : `a packed ${actual.typeUrl}`;
    return [{ path, expected: describePattern(type, pattern), actual: found }];
  }
  const message = unpack(actual, desc);
  if (!message) return [{ path, expected: describePattern(type, pattern), actual: 'bytes that are none' }];
  return context.matchMessage(desc, content, message, path);
}

function unpack(any: Any, desc: DescMessage): Message | undefined {
  try {
    return anyUnpack(any, desc);
  } catch {
    // What its bytes are not is a difference to be shown with the others.
    return undefined;
  }
}

/** Returns what a field has, as text. `value` is in the form reflection gives it. */
export function describeActual(field: DescField, value: unknown, registry?: Registry): string {
  if (field.fieldKind === 'list') return countElements((value as ReflectList).size);
  if (field.fieldKind === 'map') return `${(value as ReflectMap).size} entries`;
  const type = valueTypeOf(field);
  if (type.kind !== 'message') return describeLeaf(type, toLeaf(type, value), registry);
  return shorten(formatValue((value as ReflectMessage).message));
}

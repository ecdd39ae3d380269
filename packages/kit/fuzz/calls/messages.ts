// Generators of messages: for any message type of a schema, messages with plausible values, and with any values.

import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  type Message,
  type MessageInitShape,
  ScalarType,
} from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import * as fc from 'fast-check';
import { fillRequired, isRequired } from '../../matching/required-fields.ts';
import { isKeptAsMessage } from '../../matching/value-type.ts';
import type { RuleHints } from './rule-hints.ts';

/** How values are chosen. */
export type MessageStyle = {
  /** `plausible`: short texts, small numbers, most fields set. `any`: every value of the type. */
  readonly values: 'plausible' | 'any';
  /** The values that the rules of a field ask for. */
  readonly hints: RuleHints;
};

const MAX_DEPTH = 4;
const EARLIEST_MS = Date.UTC(2000, 0, 1);
const LATEST_MS = Date.UTC(2100, 0, 1);
const LETTERS = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz');
// Every code point but the halves of surrogate pairs, which are no characters.
const CHARACTERS = fc
  .integer({ min: 0, max: 0x10_ffff - 0x800 })
  .map((number) => String.fromCodePoint(number < 0xd800 ? number : number + 0x800));

/** Returns a generator of messages. It shrinks to a message with fewer fields and smaller values. */
export function messagesOf(desc: DescMessage, style: MessageStyle, depth = 0): fc.Arbitrary<Message> {
  return initOf(desc, style, depth).map((init) => complete(desc, init));
}

/** Returns a message with these fields, and with its required ones: without them it cannot be sent. */
export function complete(desc: DescMessage, init: object = {}): Message {
  const message = create(desc, init as MessageInitShape<DescMessage>);
  fillRequired(reflect(desc, message));
  return message;
}

function initOf(desc: DescMessage, style: MessageStyle, depth: number): fc.Arbitrary<object> {
  const known = wellKnown(desc, style);
  if (known) return known;
  const members = desc.members.map((member) => {
    if (member.kind === 'field') {
      const value = fieldOf(member, style, depth);
      return [member.localName, isRequired(member) ? value : optionally(value, style)] as const;
    }
    const cases = member.fields.map((field) =>
      fieldOf(field, style, depth).map((value) => ({ case: field.localName, value })),
    );
    return [
      member.localName,
      cases.length === 0 ? fc.constant(undefined) : optionally(fc.oneof(...cases), style),
    ] as const;
  });
  return fc.record(Object.fromEntries(members)).map(withoutUndefined);
}

function optionally(value: fc.Arbitrary<unknown>, { values }: MessageStyle): fc.Arbitrary<unknown> {
  return fc.option(value, { nil: undefined, freq: values === 'plausible' ? 12 : 2 });
}

function withoutUndefined(init: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(init).filter(([, value]) => value !== undefined));
}

function fieldOf(field: DescField, style: MessageStyle, depth: number): fc.Arbitrary<unknown> {
  const hinted = style.values === 'plausible' ? style.hints.of(field) : {};
  if (hinted.value) return hinted.value;
  switch (field.fieldKind) {
    case 'scalar':
      return scalarOf(field.scalar, style);
    case 'enum':
      return enumOf(field.enum, style);
    case 'message':
      return innerOf(field, field.message, style, depth);
    case 'list': {
      const { minItems = 0, maxItems = Math.max(3, minItems) } = hinted;
      const isTooDeep = depth >= MAX_DEPTH && field.listKind === 'message';
      const size = { minLength: isTooDeep ? 0 : minItems, maxLength: isTooDeep ? 0 : Math.min(maxItems, minItems + 3) };
      return fc.array(elementOf(field, style, depth), size);
    }
    case 'map': {
      const keys = scalarOf(field.mapKey, style).map(String);
      const size = depth >= MAX_DEPTH ? { maxKeys: 0 } : { maxKeys: 3 };
      return fc.dictionary(keys, mapValueOf(field, style, depth), { ...size, noNullPrototype: true });
    }
  }
}

function elementOf(
  field: DescField & { fieldKind: 'list' },
  style: MessageStyle,
  depth: number,
): fc.Arbitrary<unknown> {
  const hinted = style.values === 'plausible' ? style.hints.ofElement(field) : undefined;
  if (hinted) return hinted;
  if (field.listKind === 'message') return innerOf(field, field.message, style, depth);
  return field.listKind === 'enum' ? enumOf(field.enum, style) : scalarOf(field.scalar, style);
}

function mapValueOf(
  field: DescField & { fieldKind: 'map' },
  style: MessageStyle,
  depth: number,
): fc.Arbitrary<unknown> {
  if (field.mapKind === 'message') return innerOf(field, field.message, style, depth);
  return field.mapKind === 'enum' ? enumOf(field.enum, style) : scalarOf(field.scalar, style);
}

function innerOf(field: DescField, desc: DescMessage, style: MessageStyle, depth: number): fc.Arbitrary<unknown> {
  if (desc.typeName === 'google.protobuf.Struct') return structs();
  if (depth >= MAX_DEPTH) return fc.constant(complete(desc));
  const [content] = desc.fields;
  if (isWrapperDesc(desc) && content?.fieldKind === 'scalar') {
    const values = scalarOf(content.scalar, style);
    return isKeptAsMessage(field) ? values.map((value) => create(desc, { value } as never)) : values;
  }
  return fc.memo(() => messagesOf(desc, style, depth + 1))(1);
}

function structs(): fc.Arbitrary<object> {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  return fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), leaf, { maxKeys: 3, noNullPrototype: true });
}

function wellKnown({ typeName }: DescMessage, { values }: MessageStyle): fc.Arbitrary<object> | undefined {
  switch (typeName) {
    case 'google.protobuf.Timestamp': {
      const instants = fc.integer({ min: EARLIEST_MS / 1000, max: LATEST_MS / 1000 });
      const nanos = values === 'plausible' ? fc.constant(0) : fc.integer({ min: 0, max: 999_999_999 });
      return fc.record({ seconds: instants.map(BigInt), nanos });
    }
    case 'google.protobuf.Duration':
      return fc.record({ seconds: fc.integer({ min: 0, max: 86_400 }).map(BigInt), nanos: fc.constant(0) });
    case 'google.protobuf.Any':
      // Which types the reader knows is not known here.
      return fc.constant({});
    case 'google.protobuf.FieldMask':
      return fc.record({ paths: fc.array(fc.constantFrom('id', 'name', 'state'), { maxLength: 2 }) });
    case 'google.protobuf.Value':
      return fc.string().map((value) => ({ kind: { case: 'stringValue', value } }));
    case 'google.protobuf.ListValue':
      return fc.constant({});
    default:
      return undefined;
  }
}

function enumOf({ values }: DescEnum, { values: style }: MessageStyle): fc.Arbitrary<number> {
  const numbers = values.map(({ number }) => number);
  const named = style === 'plausible' && numbers.length > 1 ? numbers.filter((number) => number !== 0) : numbers;
  return fc.constantFrom(...named);
}

function scalarOf(scalar: ScalarType, { values }: MessageStyle): fc.Arbitrary<unknown> {
  return values === 'plausible' ? plausible(scalar) : anyScalar(scalar);
}

function plausible(scalar: ScalarType): fc.Arbitrary<unknown> {
  const small = fc.integer({ min: 1, max: 20 });
  switch (scalar) {
    case ScalarType.STRING:
      return fc.string({ unit: LETTERS, minLength: 1, maxLength: 8 });
    case ScalarType.BYTES:
      return fc.uint8Array({ minLength: 1, maxLength: 8 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return small.map(BigInt);
    default:
      return small;
  }
}

function anyScalar(scalar: ScalarType): fc.Arbitrary<unknown> {
  switch (scalar) {
    case ScalarType.STRING:
      return fc.string({ unit: CHARACTERS, maxLength: 30 });
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 30 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.FLOAT:
      return fc.float();
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.integer({ min: 0, max: 0xffff_ffff });
    default:
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  }
}

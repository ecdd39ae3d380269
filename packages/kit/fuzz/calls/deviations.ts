// Boundary values: for each field of a message, and for fields of the messages in it, the values at which services fail.

import { clone, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { fieldPath } from '../../matching/difference.ts';
import { isRequired } from '../../matching/required-fields.ts';
import { complete } from './messages.ts';

/** A change of a message: a boundary value in one of its fields. */
export type Deviation = {
  /** The field and the value, such as `order_id: empty string`. */
  readonly name: string;
  /** Whether the value is a text that is no Unicode, so that the request cannot be decoded. */
  readonly isInvalidText: boolean;
  /** Returns the changed copy of a message that `create` made. */
  apply(message: Message): Message;
};

/** A text that becomes a lone surrogate in JSON, and bytes that are not UTF-8 in binary. */
export const INVALID_TEXT = 'touchstone-invalid-text';

type Boundary = readonly [label: string, value: unknown];

const MAX_DEPTH = 3;
const LONG = 65_536;
const MANY = 1000;
const EARLIEST = -62_135_596_800n;
const LATEST = 253_402_300_799n;

const TEXTS: readonly Boundary[] = [
  ['empty string', ''],
  ['blank string', ' '],
  ['string without Unicode', INVALID_TEXT],
  ['string with NUL', 'a\0b'],
  ['string with a newline', 'a\r\nb'],
  ['string with an emoji', '\u{1f600}'],
  ['string with a combining character', 'e\u0301'],
  ['string with quotes', `'";--\\%s{{`],
  ['string that is a path', '../../../x'],
  ['string that is a name of objects', '__proto__'],
  ['long string', 'a'.repeat(LONG)],
];

const signed = (bits: 32 | 64): readonly Boundary[] => [
  ['zero', integer(0n, bits)],
  ['negative number', integer(-1n, bits)],
  ['negative number', integer(-(1n << BigInt(bits - 1)), bits)],
  ['large number', integer((1n << BigInt(bits - 1)) - 1n, bits)],
];

const unsigned = (bits: 32 | 64): readonly Boundary[] => [
  ['zero', integer(0n, bits)],
  ['large number', integer((1n << BigInt(bits)) - 1n, bits)],
];

const FLOATS: readonly Boundary[] = [
  ['zero', 0],
  ['negative number', -1],
  ['negative zero', -0],
  ['not a number', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['negative number', Number.NEGATIVE_INFINITY],
];

function integer(value: bigint, bits: 32 | 64): number | bigint {
  return bits === 64 ? value : Number(value);
}

/** Returns every deviation of a message type. */
export function listDeviations(desc: DescMessage): Deviation[] {
  return deviationsWithin(desc, [], '');
}

function deviationsWithin(desc: DescMessage, path: readonly DescField[], prefix: string): Deviation[] {
  return desc.fields.flatMap((field) => {
    const name = fieldPath(prefix, field.name);
    const ofField = boundariesOf(field).map(([label, value]) => ({
      name: `${name}: ${label}`,
      isInvalidText: value === INVALID_TEXT,
      apply: (message: Message) => changed(message, path, field, value),
    }));
    const inner = messageOf(field);
    const isRecursive = inner !== undefined && [desc, ...path.map(({ parent }) => parent)].includes(inner);
    if (!inner || isRecursive || path.length + 1 >= MAX_DEPTH || isWellKnown(inner)) return ofField;
    return [...ofField, ...deviationsWithin(inner, [...path, field], name)];
  });
}

function messageOf(field: DescField): DescMessage | undefined {
  return field.fieldKind === 'message' ? field.message : undefined;
}

function isWellKnown({ typeName }: DescMessage): boolean {
  return typeName.startsWith('google.protobuf.');
}

// `undefined` stands for a field that is not set, without which no message that requires it can be sent.
function boundariesOf(field: DescField): readonly Boundary[] {
  const boundaries = boundariesOfType(field);
  return isRequired(field) ? boundaries.filter(([, value]) => value !== undefined) : boundaries;
}

function boundariesOfType(field: DescField): readonly Boundary[] {
  switch (field.fieldKind) {
    case 'scalar':
      return boundariesOfScalar(field.scalar);
    case 'enum':
      return field.enum.open
        ? [
            ['zero', 0],
            ['unknown value', 12_345],
            ['negative number', -1],
          ]
        : [['unset', undefined]];
    case 'message':
      return [['unset', undefined], ...boundariesOfMessage(field.message)];
    case 'list':
      return [['empty list', []], ...manyOf(field)];
    case 'map':
      return [['empty map', {}]];
  }
}

function boundariesOfScalar(scalar: ScalarType): readonly Boundary[] {
  switch (scalar) {
    case ScalarType.STRING:
      return TEXTS;
    case ScalarType.BYTES:
      return [
        ['no bytes', new Uint8Array()],
        ['many bytes', new Uint8Array(LONG).fill(97)],
      ];
    case ScalarType.BOOL:
      return [
        ['false', false],
        ['true', true],
      ];
    case ScalarType.DOUBLE:
      return [...FLOATS, ['large number', Number.MAX_VALUE]];
    case ScalarType.FLOAT:
      return FLOATS;
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return [...signed(64), ['large number', 2n ** 53n + 1n]];
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return unsigned(64);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return unsigned(32);
    default:
      return signed(32);
  }
}

function boundariesOfMessage(desc: DescMessage): readonly Boundary[] {
  const of = (values: Record<string, unknown>) => reflect(desc, complete(desc, values));
  switch (desc.typeName) {
    case 'google.protobuf.Timestamp':
      return [
        ['earliest time', of({ seconds: EARLIEST })],
        ['latest time', of({ seconds: LATEST, nanos: 999_999_999 })],
        ['time 0', of({})],
      ];
    case 'google.protobuf.Duration':
      return [
        ['no duration', of({})],
        ['negative duration', of({ seconds: -1n })],
        ['longest duration', of({ seconds: 315_576_000_000n })],
      ];
    case 'google.protobuf.Struct':
    case 'google.protobuf.Any':
    case 'google.protobuf.Value':
    case 'google.protobuf.ListValue':
      return [];
    default:
      return [['empty message', of({})]];
  }
}

function manyOf(field: DescField & { fieldKind: 'list' }): readonly Boundary[] {
  const repeat = (value: unknown): readonly Boundary[] => [['long list of equal values', Array(MANY).fill(value)]];
  if (field.listKind === 'message') {
    return isWellKnown(field.message) ? [] : repeat(reflect(field.message, complete(field.message)));
  }
  if (field.listKind === 'enum') return repeat(field.enum.values[0]?.number ?? 0);
  const [first] = boundariesOfScalar(field.scalar);
  return first === undefined ? [] : repeat(first[1]);
}

function changed(message: Message, path: readonly DescField[], field: DescField, value: unknown): Message {
  const { parent: desc } = path[0] ?? field;
  const root = reflect(desc, clone(desc, message));
  put(path.reduce(enter, root), field, value);
  return root.message;
}

function enter(parent: ReflectMessage, step: DescField): ReflectMessage {
  const { message: desc } = step as DescField & { fieldKind: 'message' };
  if (!parent.isSet(step)) parent.set(step, reflect(desc, complete(desc)));
  return parent.get(step) as ReflectMessage;
}

function put(parent: ReflectMessage, field: DescField, value: unknown): void {
  parent.clear(field);
  if (value === undefined || field.fieldKind === 'map') return;
  if (field.fieldKind !== 'list') {
    parent.set(field, value as never);
    return;
  }
  const list = parent.get(field) as ReflectList;
  for (const element of value as readonly unknown[]) list.add(element);
}

// Message literals without generated code: names and values of proto3 JSON are accepted as well as those of protobuf-es. An unknown
// field is an error; protobuf-es would ignore it silently.

import {
  create,
  type DescField,
  type DescMessage,
  type DescOneof,
  type JsonValue,
  type Message,
  type Registry,
  ScalarType,
} from '@bufbuild/protobuf';
import { explainUnknownField, faultAt, LiteralError } from './check-leaf.ts';
import { elementPath, entryPath, fieldPath } from './difference.ts';
import { withoutBigints } from './exact-json.ts';
import { leafFromJson } from './leaf-json.ts';
import { Matcher, type MatcherRule } from './matchers.ts';
import { findMissing } from './required-fields.ts';
import { isKeptAsMessage, isLong, type ValueType, valueTypeOf } from './value-type.ts';

const NULL_VALUE = 'google.protobuf.NullValue';
/** The file of Struct, Value and ListValue, whose numbers are doubles. */
const STRUCT_FILE = 'google/protobuf/struct';

/**
 * Returns a message of this type.
 *
 * @throws {LiteralError} for a field that does not exist, a value of the wrong type or a message of another type.
 */
export function toMessage(desc: DescMessage, literal: object, registry: Registry): Message {
  if ('$typeName' in literal && literal.$typeName !== desc.typeName) {
    throw new LiteralError(`expected a ${desc.typeName}, got a ${literal.$typeName}`);
  }
  const message = create(desc, readLiteral(desc, literal, registry) as Record<string, unknown>);
  const missing = findMissing(desc, message);
  if (missing !== undefined) throw new LiteralError(`${missing} is required, and missing in a ${desc.typeName}`);
  return message;
}

/**
 * Returns the literal with protobuf-es' names and values: `bookId` for `book_id`, a number for an enum value's name, a
 * timestamp for its text, a case for a field of a oneof; also in the examples of matchers. Messages stay as they are.
 *
 * @throws {LiteralError} for a field that does not exist, or JSON that is not a value of its field.
 */
export function readLiteral(desc: DescMessage, literal: object, registry: Registry, path = ''): object {
  if ('$typeName' in literal) return literal;
  const read = new Map<string, unknown>();
  for (const [name, value] of Object.entries(literal)) {
    if (value === undefined) continue;
    const within = fieldPath(path, name);
    const member = findMember(desc, name);
    if (!member) throw new LiteralError(faultAt(within, explainUnknownField(desc, name)));
    if (value === null && !hasNull(member)) continue;
    const [key, content] = readMember(member, value, { registry, path: within });
    if (read.has(key)) throw new LiteralError(faultAt(within, `${desc.typeName} has "${key}" already`));
    read.set(key, content);
  }
  return Object.fromEntries(read);
}

/** Returns whether the value is a list of literals, possibly asynchronous, rather than a single one. */
export function isIterable(value: unknown): value is Iterable<object> | AsyncIterable<object> {
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value);
}

function findMember(desc: DescMessage, name: string): DescField | DescOneof | undefined {
  return (
    desc.members.find(({ localName }) => localName === name) ??
    desc.fields.find((field) => field.localName === name || field.jsonName === name || field.name === name)
  );
}

// In proto3 JSON null is an unset field, unless its type has a value that is written so.
function hasNull(member: DescField | DescOneof): boolean {
  if (member.kind === 'oneof') return false;
  return member.fieldKind === 'enum'
    ? member.enum.typeName === NULL_VALUE
    : member.fieldKind === 'message' && member.message.typeName === 'google.protobuf.Value';
}

type Reading = {
  readonly registry: Registry;
  readonly path: string;
};

function readMember(member: DescField | DescOneof, value: unknown, reading: Reading): [string, unknown] {
  if (member.kind === 'oneof') return [member.localName, readOneof(member, value, reading)];
  const { localName, oneof } = member;
  const content = readField(member, value, reading);
  return oneof ? [oneof.localName, { case: localName, value: content }] : [localName, content];
}

function readOneof(oneof: DescOneof, value: unknown, reading: Reading): unknown {
  if (value instanceof Matcher) return mapExample(value, (example) => readOneof(oneof, example, reading));
  const chosen = value as { case?: unknown; value?: unknown };
  const field = oneof.fields.find(({ localName }) => localName === chosen.case);
  return field ? { case: chosen.case, value: readField(field, chosen.value, reading) } : value;
}

function readField(field: DescField, value: unknown, reading: Reading): unknown {
  if (value instanceof Matcher) return readMatcher(field, value, reading, readField);
  if (field.fieldKind === 'list' && Array.isArray(value)) {
    return value.map((element, index) =>
      readValue(field, element, { ...reading, path: elementPath(reading.path, index) }),
    );
  }
  if (field.fieldKind === 'map' && isObject(value)) {
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([key, entry]) => [key, readValue(field, entry, { ...reading, path: entryPath(reading.path, key) })]),
    );
  }
  return readValue(field, value, reading);
}

function readValue(field: DescField, given: unknown, { registry, path }: Reading): unknown {
  if (given instanceof Matcher) return readMatcher(field, given, { registry, path }, readValue);
  const type = valueTypeOf(field);
  const value = type.kind === 'any' && isObject(given) && '@type' in given ? withoutBigints(given) : given;
  if (typeof value === 'bigint' && 'scalar' in type && isFloating(type.scalar)) return Number(value);
  if (type.kind === 'atom' && type.desc.file.name === STRUCT_FILE && holdsBigint(value)) {
    throw new LiteralError(faultAt(path, `a number in it is rounded, because ${type.desc.typeName} has doubles`));
  }
  if (type.kind === 'message') return isObject(value) ? readLiteral(type.desc, value, registry, path) : value;
  const leaf = isJsonForm(type, value) ? leafFromJson(field, value as JsonValue, registry, path) : value;
  return type.kind === 'wrapper' && isKeptAsMessage(field) ? wrap(type.desc, leaf) : leaf;
}

function wrap(desc: DescMessage, value: unknown): unknown {
  const isMessage = isObject(value) && !(value instanceof Uint8Array);
  return isMessage || value === undefined || value === null ? value : create(desc, { value } as never);
}

// `read` reads what stands where the matcher does: a whole field, or one value of a list or a map.
function readMatcher(
  field: DescField,
  matcher: Matcher<unknown>,
  reading: Reading,
  read: typeof readField,
): Matcher<unknown> {
  const { rule } = matcher;
  const readEach = (values: readonly unknown[]) => values.map((value) => readValue(field, value, reading));
  switch (rule.kind) {
    case 'each':
      return new Matcher({ ...rule, element: readValue(field, rule.element, reading) });
    case 'unordered':
      return new Matcher({ ...rule, elements: readEach(rule.elements) });
    case 'anyOf':
      return new Matcher({ ...rule, values: readEach(rule.values) });
    case 'packed':
      return new Matcher({ ...rule, literal: readLiteral(rule.desc, rule.literal, reading.registry, reading.path) });
    default:
      return mapExample(matcher, (example) => read(field, example, reading));
  }
}

function mapExample(matcher: Matcher<unknown>, read: (example: unknown) => unknown): Matcher<unknown> {
  const { rule } = matcher;
  const kinds = ['like', 'present', 'anything', 'fromState'];
  const { example } = rule as { readonly example?: unknown };
  if (!kinds.includes(rule.kind) || example === undefined) return matcher;
  return new Matcher({ ...rule, example: read(example) } as MatcherRule);
}

// Returns whether the value is in a form that only proto3 JSON accepts. Everything else is left to protobuf-es to accept or refuse.
function isJsonForm(type: ValueType, value: unknown): boolean {
  switch (type.kind) {
    case 'enum':
      return typeof value === 'string' || (value === null && type.enum.typeName === NULL_VALUE);
    case 'scalar':
    case 'wrapper':
      return typeof value === 'string'
        ? type.scalar !== ScalarType.STRING
        : typeof value === 'number' && isLong(type.scalar);
    case 'any':
      return isObject(value) && '@type' in value;
    default:
      if (type.desc.typeName === 'google.protobuf.Value') return !isObject(value) || !('kind' in value);
      return !isObject(value);
  }
}

function isFloating(scalar: ScalarType): boolean {
  return scalar === ScalarType.DOUBLE || scalar === ScalarType.FLOAT;
}

function holdsBigint(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint';
  return Object.values(value).some(holdsBigint);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Matcher);
}

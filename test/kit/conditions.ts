// Turns a partial message literal into conditions on a request, one for each value in it, as protobuf means them: an
// empty string and an unset field are the same where the schema says so, and numbers are compared as numbers.

import { isDeepStrictEqual } from 'node:util';
import type { DescEnum, DescField, DescMessage, DescOneof, Message } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { formatValue } from './format-value.ts';

/** One value that a request must have. */
export interface Condition {
  /** The way to the value, such as `items[0].quantity`. */
  readonly path: string;
  /** The value wanted, as text. */
  readonly expected: string;
  /** Tells whether the request has it. */
  holds(request: Message): boolean;
  /** Returns the value that the request has instead, as text. */
  actual(request: Message): string;
}

type Read = (request: Message) => unknown;

interface Place {
  readonly path: string;
  readonly read: Read;
}

/**
 * Returns the conditions that `literal` states; the more there are, the more specific it is.
 *
 * @throws TypeError naming a field that the message does not have.
 */
export function toConditions(desc: DescMessage, literal: object): Condition[] {
  return ofMessage(desc, literal, { path: '', read: (request) => request });
}

function ofMessage(desc: DescMessage, literal: object, place: Place): Condition[] {
  return Object.entries(literal).flatMap(([name, value]) => {
    if (name.startsWith('$') || value === undefined) return [];
    const member = desc.members.find((candidate) => candidate.localName === name);
    if (!member) throw new TypeError(`${desc.typeName} has no field "${name}"`);
    const within = memberOf(place, name);
    return member.kind === 'oneof' ? ofOneof(member, value, within) : ofField(member, value, within);
  });
}

function ofOneof(oneof: DescOneof, literal: { case?: string; value?: unknown }, place: Place): Condition[] {
  const chosen = memberOf(place, 'case');
  if (literal.case === undefined) return [leaf(undefined, chosen)];
  const field = oneof.fields.find(({ localName }) => localName === literal.case);
  if (!field) throw new TypeError(`${oneof.parent.typeName}.${oneof.localName} has no case "${literal.case}"`);
  const value = memberOf(place, 'value');
  return [leaf(literal.case, chosen), ...(literal.value === undefined ? [] : ofField(field, literal.value, value))];
}

function ofField(field: DescField, value: unknown, place: Place): Condition[] {
  switch (field.fieldKind) {
    case 'list':
      return ofList(field, value as unknown[], place);
    case 'map':
      return Object.entries(value as object).flatMap(([key, entry]) => {
        const within: Place = {
          path: `${place.path}[${key}]`,
          read: (request) => memberValue(place.read(request), key),
        };
        return field.mapKind === 'message'
          ? ofSubmessage(field.message, entry, within)
          : [leaf(entry, within, field.enum)];
      });
    case 'message':
      // Messages carry wrapper types as plain values.
      return isWrapperDesc(field.message) ? [leaf(value, place)] : ofSubmessage(field.message, value, place);
    default:
      return [leaf(value, place, field.enum)];
  }
}

function ofList(field: DescField & { fieldKind: 'list' }, values: unknown[], place: Place): Condition[] {
  const length: Place = {
    path: `${place.path}.length`,
    read: (request) => (place.read(request) as unknown[] | undefined)?.length ?? 0,
  };
  const elements = values.flatMap((value, index) => {
    const within: Place = {
      path: `${place.path}[${index}]`,
      read: (request) => memberValue(place.read(request), index),
    };
    return field.listKind === 'message'
      ? ofSubmessage(field.message, value, within)
      : [leaf(value, within, field.enum)];
  });
  return [leaf(values.length, length), ...elements];
}

function ofSubmessage(desc: DescMessage, value: unknown, place: Place): Condition[] {
  // A Struct is a plain JSON object in messages: its keys are data and not fields.
  if (desc.typeName === 'google.protobuf.Struct') return [leaf(value, place)];
  const conditions = ofMessage(desc, value as object, place);
  if (conditions.length > 0) return conditions;
  return [leaf(true, { path: place.path, read: (request) => place.read(request) !== undefined })];
}

function leaf(expected: unknown, { path, read }: Place, enumDesc?: DescEnum): Condition {
  return {
    path,
    expected: formatValue(expected, enumDesc),
    holds: (request) => isSame(expected, read(request)),
    actual: (request) => formatValue(read(request), enumDesc),
  };
}

function isSame(expected: unknown, actual: unknown): boolean {
  // A Buffer and a Uint8Array with the same bytes are the same protobuf value.
  if (expected instanceof Uint8Array && actual instanceof Uint8Array) return Buffer.from(expected).equals(actual);
  return isDeepStrictEqual(expected, actual);
}

function memberOf(place: Place, name: string): Place {
  const path = place.path === '' ? name : `${place.path}.${name}`;
  return { path, read: (request) => memberValue(place.read(request), name) };
}

function memberValue(container: unknown, key: string | number): unknown {
  // A default that a message only inherits belongs to a field that is not set.
  if (typeof container !== 'object' || container === null || !Object.hasOwn(container, key)) return undefined;
  return (container as Record<string | number, unknown>)[key];
}

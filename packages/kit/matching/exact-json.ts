// JSON whose whole numbers keep all their digits. JSON.parse rounds a number that a double cannot hold, such as 9007199254740993, and
// neither protobuf nor the reader of the message could tell.

import type { DescField, DescMessage, DescMethod, Registry } from '@bufbuild/protobuf';
import type { Transport } from '@connectrpc/connect';
import { elementPath, fieldPath } from './difference.ts';
import { isLong, valueTypeOf } from './value-type.ts';

// Newer than the compiler's library.
type RawJson = { readonly rawJSON: string };
/** `source` is the text of a number, a string, a boolean or null. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
const json = JSON as unknown as {
  rawJSON(text: string): RawJson;
  isRawJSON(value: unknown): value is RawJson;
  parse(text: string, reviver: Reviver): unknown;
};

const ANY = 'google.protobuf.Any';
const WHOLE = /^(-?\d+)(?:\.0+)?$/;
// Numbers of fewer digits are exact, unless they have an exponent.
const MAYBE_ROUNDED = /\d{16}|\d[eE]/;

/**
 * Parses JSON. A whole number that a double cannot hold is a bigint.
 *
 * @throws {SyntaxError} as `JSON.parse` does.
 */
export function parseExactly(text: string): unknown {
  return json.parse(text, (_, value, { source }) => {
    const digits = source?.match(WHOLE)?.[1];
    if (digits === undefined) return value;
    const exact = BigInt(digits);
    // More than 308 digits are infinite as a number.
    return Number.isFinite(value) && BigInt(value as number) === exact ? value : exact;
  });
}

/** Returns JSON with each bigint as a text, which proto3 JSON accepts for a number. */
export function withoutBigints(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(withoutBigints);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, content]) => [key, withoutBigints(content)]));
}

/**
 * Returns a text decoder for the JSON of a message. Numbers of 64 bits that JSON.parse would round become texts, which proto3 JSON
 * reads exactly. Bytes that are no UTF-8 are an error, because they would stand for another text.
 */
function exactDecoder(desc: DescMessage, registry: Registry): { decode(bytes: Uint8Array): string } {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  return { decode: (bytes) => quoteLongNumbers(desc, utf8.decode(bytes), registry) };
}

/** What becomes of fields that the schema does not have. */
type UnknownFields = 'ignored' | 'refused';

/** Returns Connect's JSON options for the requests of an RPC, whose numbers keep all their digits. */
export function exactJson({ input }: DescMethod, registry: Registry, unknownFields: UnknownFields) {
  return exactJsonOf(input, registry, unknownFields);
}

function exactJsonOf(desc: DescMessage, registry: Registry, unknownFields: UnknownFields) {
  // Connect passes a text decoder on, though the type does not list it.
  return {
    registry,
    ignoreUnknownFields: unknownFields === 'ignored',
    textDecoder: exactDecoder(desc, registry),
  };
}

/**
 * Returns a client's transport whose replies keep all the digits of their numbers.
 *
 * @param create makes a transport with these JSON options, once for each RPC that is called.
 */
export function exactTransport(
  create: (jsonOptions: ReturnType<typeof exactJson>) => Transport,
  registry: Registry,
  unknownFields: UnknownFields,
): Transport {
  const transports = new Map<DescMethod, Transport>();
  const transportOf = (method: DescMethod): Transport => {
    const transport = transports.get(method) ?? create(exactJsonOf(method.output, registry, unknownFields));
    transports.set(method, transport);
    return transport;
  };
  return {
    unary: (method, ...rest) => transportOf(method).unary(method, ...rest),
    stream: (method, ...rest) => transportOf(method).stream(method, ...rest),
  };
}

/** Returns the JSON of a message with those numbers of 64 bits as texts that JSON.parse would round. */
export function quoteLongNumbers(desc: DescMessage, text: string, registry: Registry): string {
  if (!MAYBE_ROUNDED.test(text)) return text;
  try {
    const parsed = json.parse(text, (_, value, { source }) =>
      typeof value === 'number' ? json.rawJSON(source as string) : value,
    );
    return JSON.stringify(quoteMessage(desc, parsed, registry));
  } catch {
    // What is no JSON is reported where the text is read.
    return text;
  }
}

/**
 * Checks JSON that JSON.parse has read.
 *
 * @throws {Error} naming a number of 64 bits that may have lost digits then.
 */
export function assertExact(desc: DescMessage, value: unknown, registry: Registry): void {
  const text = JSON.stringify(value);
  const quoted = quoteLongNumbers(desc, text, registry);
  const place = quoted === text ? undefined : findChange(value, JSON.parse(quoted), '');
  if (place) throw new Error(`${place.path}: ${place.value} is rounded as a number: write it as a text`);
}

function findChange(before: unknown, after: unknown, path: string): { path: string; value: unknown } | undefined {
  if (!isObject(before) && !Array.isArray(before)) return before === after ? undefined : { path, value: before };
  for (const [key, value] of Object.entries(before)) {
    const within = Array.isArray(before) ? elementPath(path, Number(key)) : fieldPath(path, key);
    const found = findChange(value, (after as Record<string, unknown>)[key], within);
    if (found) return found;
  }
  return undefined;
}

function quoteMessage(desc: DescMessage, value: unknown, registry: Registry): unknown {
  if (desc.typeName === ANY) return quoteAny(value, registry);
  if (!isObject(value)) return isWrapperOfLong(desc) ? quoteNumber(value) : value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const field = findField(desc, name, registry);
      return [name, field ? quoteField(field, member, registry) : member];
    }),
  );
}

function quoteAny(value: unknown, registry: Registry): unknown {
  if (!isObject(value)) return value;
  const { '@type': type, value: content } = value as Record<string, unknown>;
  const typeUrl = String(type);
  const desc = registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
  if (!desc) return value;
  // A type with a JSON of its own is in "value", which is also the only field of a wrapper.
  return desc.typeName === ANY ? { ...value, value: quoteAny(content, registry) } : quoteMessage(desc, value, registry);
}

function quoteField(field: DescField, value: unknown, registry: Registry): unknown {
  if (Array.isArray(value)) return value.map((element) => quoteValue(field, element, registry));
  if (field.fieldKind !== 'map' || !isObject(value)) return quoteValue(field, value, registry);
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, quoteValue(field, entry, registry)]));
}

function quoteValue(field: DescField, value: unknown, registry: Registry): unknown {
  const type = valueTypeOf(field);
  if (type.kind === 'scalar' || type.kind === 'wrapper') return isLong(type.scalar) ? quoteNumber(value) : value;
  return type.kind === 'message' || type.kind === 'any' ? quoteMessage(type.desc, value, registry) : value;
}

// A number that is not written in full, such as 9.1e18, becomes a text that protobuf refuses, and names its field.
function quoteNumber(value: unknown): unknown {
  if (!json.isRawJSON(value) || Number.isSafeInteger(Number(value.rawJSON))) return value;
  return WHOLE.exec(value.rawJSON)?.[1] ?? value.rawJSON;
}

function isWrapperOfLong({ typeName }: DescMessage): boolean {
  return typeName === 'google.protobuf.Int64Value' || typeName === 'google.protobuf.UInt64Value';
}

function findField(desc: DescMessage, name: string, registry: Registry): DescField | undefined {
  if (name.startsWith('[')) return registry.getExtension(name.slice(1, -1)) as unknown as DescField | undefined;
  return desc.fields.find((field) => field.jsonName === name || field.name === name);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !json.isRawJSON(value);
}

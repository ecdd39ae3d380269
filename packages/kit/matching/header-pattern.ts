// The headers expected of a call, of its answer or of an event. Names are case-insensitive.

import { type JsonObject, type JsonValue, ScalarType } from '@bufbuild/protobuf';
import { formatValue, shorten } from '../base/format-value.ts';
import { describePattern } from './describe-value.ts';
import { type Difference, entryPath } from './difference.ts';
import { Matcher } from './matchers.ts';
import type { Pattern } from './pattern.ts';
import type { ValueType } from './value-type.ts';

/** Headers by name; a value is a string or a matcher of strings. */
export type HeaderLiteral = Readonly<Record<string, string | Matcher<string>>>;

/** Patterns by lower-case name. */
export type HeaderPatterns = Readonly<Record<string, HeaderPattern>>;

export type HeaderPattern =
  | { readonly kind: 'equal'; readonly example: string; readonly fromState?: string }
  | { readonly kind: 'like'; readonly example: string }
  | { readonly kind: 'regex'; readonly expression: RegExp; readonly example: string }
  | { readonly kind: 'anyOf'; readonly values: readonly string[] }
  | { readonly kind: 'absent' };

const STRING_TYPE: ValueType = { kind: 'scalar', scalar: ScalarType.STRING };

/**
 * Returns the patterns of a literal.
 *
 * @param what the name of the headers in errors, such as `metadata`.
 * @throws {TypeError} A value is not a string, or a matcher cannot match strings.
 */
export function compileHeaders(literal: HeaderLiteral, what: string): HeaderPatterns {
  const entries = Object.entries(literal).map(([name, value]): [string, HeaderPattern] => {
    const lowerName = name.toLowerCase();
    return [lowerName, compileHeader(value, entryPath(what, lowerName))];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function compileHeader(value: unknown, path: string): HeaderPattern {
  if (typeof value === 'string') return { kind: 'equal', example: value };
  if (!(value instanceof Matcher)) throw new TypeError(`${path}: expected a text, got ${formatValue(value)}`);
  const { rule } = value;
  if (rule.kind === 'absent' || rule.kind === 'regex') return rule;
  if (rule.kind === 'fromState' && isText(rule.example)) {
    return { kind: 'equal', example: rule.example, fromState: rule.name };
  }
  if (rule.kind === 'anyOf' && rule.values.every(isText)) return { kind: 'anyOf', values: rule.values };
  if ((rule.kind === 'like' || rule.kind === 'present') && isText(rule.example)) {
    return { kind: 'like', example: rule.example };
  }
  throw new TypeError(`${path}: this matcher is for no text`);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/**
 * Returns the differences between headers and the expected ones. Headers that are not mentioned are ignored.
 *
 * @param read returns a header by lower-case name; `null` or `undefined` when it is missing.
 * @param what the path of the headers as a whole, such as `metadata`.
 */
export function matchHeaders(
  patterns: HeaderPatterns,
  read: (name: string) => string | null | undefined,
  what: string,
): Difference[] {
  return Object.entries(patterns).flatMap(([name, pattern]) => {
    const value = read(name) ?? undefined;
    if (acceptsHeader(pattern, value)) return [];
    return [
      {
        path: entryPath(what, name),
        expected: describePattern(STRING_TYPE, pattern as Pattern),
        actual: shorten(formatValue(value)),
      },
    ];
  });
}

function acceptsHeader(pattern: HeaderPattern, value: string | undefined): boolean {
  if (value === undefined) return pattern.kind === 'absent';
  switch (pattern.kind) {
    case 'equal':
      return value === pattern.example;
    case 'like':
      return value !== '';
    case 'regex':
      return pattern.expression.test(value);
    case 'anyOf':
      return pattern.values.includes(value);
    case 'absent':
      return false;
  }
}

/** Returns headers that the patterns accept. */
export function createExampleHeaders(patterns: HeaderPatterns): Record<string, string> {
  const entries = Object.entries(patterns).flatMap(([name, pattern]): [string, string][] => {
    if (pattern.kind === 'absent') return [];
    return [[name, pattern.kind === 'anyOf' ? (pattern.values[0] ?? '') : pattern.example]];
  });
  return Object.fromEntries(entries);
}

/** Returns the patterns as JSON: an exact value as a string, others as an object. */
export function writeHeaders(patterns: HeaderPatterns): JsonObject {
  return Object.fromEntries(Object.entries(patterns).map(([name, pattern]) => [name, writeHeader(pattern)]));
}

function writeHeader(pattern: HeaderPattern): JsonValue {
  switch (pattern.kind) {
    case 'equal': {
      const { example, fromState } = pattern;
      return fromState === undefined ? example : { match: 'fromState', name: fromState, example };
    }
    case 'like':
      return { match: 'like', example: pattern.example };
    case 'regex': {
      const { source, flags } = pattern.expression;
      return { match: 'regex', regex: source, flags, example: pattern.example };
    }
    case 'anyOf':
      return { match: 'anyOf', values: [...pattern.values] };
    case 'absent':
      return { match: 'absent' };
  }
}

/** Returns the patterns that `writeHeaders` wrote. @throws {Error} A rule cannot be read: names the header. */
export function readHeaders(json: JsonObject, what: string): HeaderPatterns {
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [name, readHeader(value, entryPath(what, name))]),
  );
}

function readHeader(json: JsonValue, path: string): HeaderPattern {
  if (typeof json === 'string') return { kind: 'equal', example: json };
  const { match, example, regex, flags, values, name } = json as Record<string, JsonValue | undefined>;
  switch (match) {
    case 'like':
      return { kind: 'like', example: String(example) };
    case 'fromState':
      return { kind: 'equal', example: String(example), fromState: String(name) };
    case 'regex':
      return { kind: 'regex', expression: new RegExp(String(regex), String(flags)), example: String(example) };
    case 'anyOf':
      return { kind: 'anyOf', values: (values as JsonValue[]).map(String) };
    case 'absent':
      return { kind: 'absent' };
    default:
      throw new Error(`${path}: this version knows no rule "${match}"`);
  }
}

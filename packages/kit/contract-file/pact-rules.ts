// Our rules in Pact's words. Where Pact has none that means the same, the more generous one is taken: it must never
// refuse what the contract accepts.

import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { HeaderPattern, HeaderPatterns } from '../matching/header-pattern.ts';
import type { JsonRule, PatternJson } from '../matching/write-pattern.ts';

/** Returns Pact's matching rules for a JSON body. */
export function toPactRules({ message, rules }: PatternJson): JsonObject {
  const entries = Object.entries(rules).flatMap(([path, rule]): [string, JsonValue][] => {
    const matcher = toPactMatcher(rule, lengthAt(message, path));
    return matcher ? [[toPactPath(path), combine(matcher)]] : [];
  });
  return Object.fromEntries(entries);
}

/**
 * Returns Pact's matching rules for the details of an error: one of each type, in any order and among others. What is in
 * them is encoded, and a provider may tell more than the contract asks for: Pact cannot look into it.
 */
export function toPactDetailRules(count: number): JsonObject {
  if (count === 0) return {};
  const rules = { '$.value': combine({ match: 'type' }) };
  const variants = Array.from({ length: count }, (_, index) => ({ index, rules, generators: {} }));
  return { '$.details': combine({ match: 'arrayContains', variants }) };
}

/** Returns Pact's matching rules for headers. */
export function toPactHeaderRules(headers: HeaderPatterns): JsonObject {
  const entries = Object.entries(headers).flatMap(([name, pattern]): [string, JsonValue][] => {
    const matcher = toPactHeaderMatcher(pattern);
    return matcher ? [[name, combine(matcher)]] : [];
  });
  return Object.fromEntries(entries);
}

function toPactHeaderMatcher(pattern: HeaderPattern): JsonObject | undefined {
  switch (pattern.kind) {
    case 'like':
      return { match: 'type' };
    case 'regex':
      return { match: 'regex', regex: toPactRegex(pattern.expression.source, pattern.expression.flags) };
    case 'anyOf':
      return { match: 'regex', regex: anyOfRegex(pattern.values) };
    default:
      return undefined;
  }
}

function toPactMatcher(rule: JsonRule, length: number): JsonObject | undefined {
  switch (rule.match) {
    case 'like':
    case 'anything':
    case 'present':
      return { match: 'type' };
    case 'regex':
      return { match: 'regex', regex: toPactRegex(String(rule.regex), String(rule.flags)) };
    case 'anyOf':
      return { match: 'regex', regex: anyOfRegex(rule.values as JsonValue[]) };
    case 'range':
      // proto3 JSON writes numbers of 64 bits as texts.
      return typeof rule.least === 'string' ? { match: 'regex', regex: '^-?\\d+$' } : { match: 'integer' };
    case 'each': {
      const { least, most } = rule;
      return { match: 'type', ...(least !== undefined && { min: least }), ...(most !== undefined && { max: most }) };
    }
    case 'unordered': {
      const variants = Array.from({ length }, (_, index) => ({ index, rules: {}, generators: {} }));
      return { match: 'arrayContains', variants };
    }
    default:
      return undefined;
  }
}

function combine(matcher: JsonObject): JsonObject {
  return { combine: 'AND', matchers: [matcher] };
}

function toPactPath(path: string): string {
  return `$.${path}`.replaceAll(/\["((?:[^"\\]|\\.)*)"\]/g, (_, key: string) => `['${key}']`);
}

function toPactRegex(source: string, flags: string): string {
  return flags.includes('i') ? `(?i)${source}` : source;
}

function anyOfRegex(values: readonly JsonValue[]): string {
  const escaped = values.map((value) => String(value).replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return `^(${escaped.join('|')})$`;
}

function lengthAt(message: JsonObject, path: string): number {
  const steps = path.split(/[.[\]"]+/).filter((step) => step !== '');
  let value: JsonValue | undefined = message;
  for (const step of steps) value = (value as Record<string, JsonValue> | null | undefined)?.[step];
  return Array.isArray(value) ? value.length : 0;
}

// Our rules in Pact's words. Where Pact has none that means the same, the more generous one is taken: it must never
// refuse what the contract accepts.

import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { HeaderPattern, HeaderPatterns } from '../matching/header-pattern.ts';
import type { JsonRule, PatternJson } from '../matching/write-pattern.ts';

/** Returns Pact's matching rules for a JSON body. */
export function toPactRules({ message, rules }: PatternJson): JsonObject {
  const entries = Object.entries(rules).flatMap(([path, rule]): [string, JsonValue][] => {
    const steps = parsePath(path);
    const matcher = toPactMatcher(rule, lengthAt(message, steps));
    const unnameable = steps.findIndex(isUnnameable);
    if (!matcher) return [];
    if (unnameable < 0) return [[toPactPath(steps), combine(matcher)]];
    // The rule is then for every key of the map, so it must not refuse what the others have.
    return [[`${toPactPath(steps.slice(0, unnameable))}.*`, combine({ match: 'type' })]];
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
    case 'equal':
      return pattern.fromState === undefined ? undefined : { match: 'type' };
    case 'like':
      return { match: 'type' };
    case 'regex':
      return toPactRegex(pattern.expression.source, pattern.expression.flags);
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
    // Pact compares with the example, but the answer has the value of the state.
    case 'fromState':
      return { match: 'type' };
    case 'regex':
      return toPactRegex(String(rule.regex), String(rule.flags));
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

type Step = {
  readonly kind: 'name' | 'key' | 'index';
  readonly text: string;
};

const STEP = /\[("(?:[^"\\]|\\.)*")\]|\[(\*|\d+)\]|([^.[\]]+)/g;

function parsePath(path: string): Step[] {
  return [...path.matchAll(STEP)].map(([, key, index, name]): Step => {
    if (key !== undefined) return { kind: 'key', text: JSON.parse(key) as string };
    return index === undefined ? { kind: 'name', text: name ?? '' } : { kind: 'index', text: index };
  });
}

/** Returns Pact's generators of a request: they put values of provider states in the place of examples. */
export function toPactGenerators({ rules }: PatternJson, headers: HeaderPatterns): JsonObject {
  const body = Object.entries(rules).flatMap(([path, rule]): [string, JsonValue][] => {
    const steps = parsePath(path);
    return rule.match === 'fromState' && !steps.some(isUnnameable) ? [[toPactPath(steps), fromState(rule.name)]] : [];
  });
  const header = Object.entries(headers).flatMap(([name, pattern]): [string, JsonValue][] =>
    pattern.kind === 'equal' && pattern.fromState !== undefined ? [[name, fromState(pattern.fromState)]] : [],
  );
  return {
    ...(body.length > 0 && { body: Object.fromEntries(body) }),
    ...(header.length > 0 && { header: Object.fromEntries(header) }),
  };
}

const fromState = (name: JsonValue | undefined): JsonObject => ({
  type: 'ProviderState',
  expression: `\${${name}}`,
  dataType: 'RAW',
});

// A path of Pact has keys in single quotes, without an escape, and none that is empty: it could not even be loaded.
function isUnnameable({ kind, text }: Step): boolean {
  return kind === 'key' && (text === '' || text.includes("'"));
}

function toPactPath(steps: readonly Step[]): string {
  const parts = steps.map(({ kind, text }) => {
    if (kind === 'name') return `.${text}`;
    return kind === 'key' ? `['${text}']` : `[${text}]`;
  });
  return `$${parts.join('')}`;
}

// What the regular expressions of Pact's tools, which are those of Rust, do not have: look-around, backreferences, control letters and
// the empty class. They would drop the rule, and compare with the example.
const NOT_IN_PACT = /\(\?<?[=!]|\\[1-9]|\\k<|\[\^?\]|\\c[A-Za-z]/;

// Pact's verifier compares an expression with the whole text; ours is found anywhere in it.
const WHOLE_TEXT = /^\^[^|]*(?<!\\)\$$/;
const ANY_TEXT = '[\\s\\S]*';

function toPactRegex(source: string, flags: string): JsonObject {
  if (NOT_IN_PACT.test(source)) return { match: 'type' };
  const known = [...flags].filter((flag) => 'ims'.includes(flag)).join('');
  // With the flag m, ^ and $ stand at each line of a text.
  const whole = WHOLE_TEXT.test(source) && !known.includes('m') ? source : `${ANY_TEXT}(?:${source})${ANY_TEXT}`;
  return { match: 'regex', regex: known === '' ? whole : `(?${known})${whole}` };
}

function anyOfRegex(values: readonly JsonValue[]): string {
  const escaped = values.map((value) => String(value).replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return `^(${escaped.join('|')})$`;
}

function lengthAt(message: JsonObject, steps: readonly Step[]): number {
  let value: JsonValue | undefined = message;
  for (const { text } of steps) {
    const content: Record<string, JsonValue> = (value ?? {}) as never;
    value = text === '*' ? Object.values(content)[0] : content[text];
  }
  return Array.isArray(value) ? value.length : 0;
}

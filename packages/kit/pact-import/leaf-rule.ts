// A rule of Pact for one value, as a rule of the kit.

import { type DescField, type JsonValue, ScalarType } from '@bufbuild/protobuf';
import { valueTypeOf } from '../matching/value-type.ts';
import type { JsonRule } from '../matching/write-pattern.ts';
import type { PactRule, PactRules } from './pact-path.ts';

/** The rule for a value; `rule` is unset where the example has to be met. */
export type LeafRule = {
  readonly rule: JsonRule | undefined;
  /** What the kit cannot say, and what it says instead. */
  readonly note?: string;
};

const LIKE: JsonRule = { match: 'like' };
const FLOATS: readonly ScalarType[] = [ScalarType.FLOAT, ScalarType.DOUBLE];
const SEMVER = '^\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?$';
const FORMATS = ['date', 'time', 'timestamp', 'datetime'];

/** Returns the rule of the kit for a value of a field. */
export function toLeafRule(field: DescField, { combine, matchers }: PactRules): LeafRule {
  const rules = matchers.filter(({ match }) => match !== 'type' || matchers.length === 1);
  const [first] = rules;
  if (!first) return { rule: matchers.length > 0 ? LIKE : undefined };
  if (rules.length === 1) return toSingle(field, first);
  const names = rules.map(({ match }) => match).join(combine === 'OR' ? ' or ' : ' and ');
  return { rule: LIKE, note: `several rules (${names}) become "any value of the type"` };
}

function toSingle(field: DescField, rule: PactRule): LeafRule {
  const type = valueTypeOf(field);
  const scalar = type.kind === 'scalar' || type.kind === 'wrapper' ? type.scalar : undefined;
  const isText = scalar === ScalarType.STRING;
  const text = (regex: string): LeafRule => ({ rule: isText ? { match: 'regex', regex, flags: '' } : LIKE });
  switch (rule.match) {
    case 'equality':
      return { rule: undefined };
    case 'type':
      return { rule: LIKE };
    case 'number':
      return text(String.raw`^-?\d+(\.\d+)?([eE][+-]?\d+)?$`);
    case 'integer':
      if (scalar !== undefined && FLOATS.includes(scalar)) {
        return { rule: LIKE, note: 'the rule "integer" of a floating-point number becomes "any number"' };
      }
      return text(String.raw`^-?\d+$`);
    case 'decimal':
      if (isText || (scalar !== undefined && FLOATS.includes(scalar))) return text(String.raw`^-?\d+\.\d+$`);
      return { rule: LIKE, note: 'the rule "decimal" of an integer becomes "any number"' };
    case 'boolean':
      return text('^(true|false)$');
    case 'notEmpty':
    case 'not-empty':
      return isText ? text(String.raw`[\s\S]`) : { rule: { match: 'present' } };
    case 'null':
      return { rule: { match: 'absent' } };
    case 'include':
      if (isText) return text(escapeRegex(String(rule.value)));
      break;
    case 'semver':
      return text(SEMVER);
    case 'regex':
      return toRegex(field, String(rule.regex));
    default:
  }
  const detail = FORMATS.includes(rule.match) ? ` ${rule.format ?? rule[rule.match] ?? ''}`.trimEnd() : '';
  return { rule: LIKE, note: `the rule "${rule.match}"${detail} becomes "any value of the type"` };
}

function toRegex(field: DescField, source: string): LeafRule {
  const expression = compile(source);
  if (typeof expression === 'string') {
    return { rule: LIKE, note: `the regular expression ${source} (${expression}) becomes "any value of the type"` };
  }
  const type = valueTypeOf(field);
  if (type.kind === 'enum') {
    const values: JsonValue[] = type.enum.values.filter(({ name }) => expression.test(name)).map(({ name }) => name);
    if (values.length > 0) return { rule: { match: 'anyOf', values } };
  } else if ((type.kind === 'scalar' || type.kind === 'wrapper') && type.scalar === ScalarType.STRING) {
    return { rule: { match: 'regex', regex: expression.source, flags: expression.flags } };
  }
  return { rule: LIKE, note: `the regular expression ${source} becomes "any value of the type"` };
}

/** Returns an expression that has to match the whole text, or why there is none. Flags are at its beginning, as in `(?i)abc`. */
export function compile(source: string): RegExp | string {
  const [, given = '', rest = source] = /^\(\?([a-z]+)\)(.*)$/s.exec(source) ?? [];
  const unknown = [...given].find((flag) => !'ims'.includes(flag));
  if (unknown !== undefined) return `it has the flag ${unknown}`;
  const whole = /^\^[^|]*(?<!\\)\$$/.test(rest) ? rest : `^(?:${rest})$`;
  try {
    return new RegExp(whole, given);
  } catch {
    return 'it is none in JavaScript';
  }
}

function escapeRegex(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

// The metadata of a Pact file, with its matching rules, as headers of the kit.

import type { HeaderPattern, HeaderPatterns } from '../matching/header-pattern.ts';
import { compile } from './leaf-rule.ts';
import type { PactRule, PactRules } from './pact-path.ts';

type Noting = { readonly place: string; readonly note: (text: string) => void };

/** Returns the headers. A value without a rule has to be equal. */
export function importHeaders(
  metadata: Readonly<Record<string, string>>,
  rules: Readonly<Record<string, PactRules>>,
  { place, note }: Noting,
): HeaderPatterns {
  return Object.fromEntries(
    Object.entries(metadata)
      .filter(([name]) => name !== 'content-type')
      .map(([name, example]) => {
        const matchers = rules[name]?.matchers ?? [];
        const [rule] = matchers;
        if (matchers.length > 1) note(`${place}: metadata ${name}: only the first of several rules is used`);
        const say = (text: string) => note(`${place}: metadata ${name}: ${text}`);
        return [name, rule ? toPattern(rule, example, say) : { kind: 'equal', example }];
      }),
  );
}

function toPattern(rule: PactRule, example: string, note: (text: string) => void): HeaderPattern {
  const text = (source: string): HeaderPattern => ({ kind: 'regex', expression: new RegExp(source), example });
  switch (rule.match) {
    case 'equality':
      return { kind: 'equal', example };
    case 'type':
    case 'notEmpty':
      return { kind: 'like', example };
    case 'number':
    case 'decimal':
      return text(String.raw`^-?\d+(\.\d+)?$`);
    case 'integer':
      return text(String.raw`^-?\d+$`);
    case 'boolean':
      return text('^(true|false)$');
    case 'null':
      return { kind: 'absent' };
    case 'regex': {
      const expression = compile(String(rule.regex));
      if (typeof expression !== 'string') return { kind: 'regex', expression, example };
      note(`the regular expression ${rule.regex} (${expression}) becomes "any value"`);
      return { kind: 'like', example };
    }
    default:
      note(`the rule "${rule.match}" becomes "any value"`);
      return { kind: 'like', example };
  }
}

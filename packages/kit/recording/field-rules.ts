// Rules that name fields, such as `shop.payment.v1.ProcessPaymentRequest.payment_method` or `*.member_id`. They are compiled against
// the schema, so a misspelt rule is an error, and followed field by field while a message is traversed.

import type { DescField, DescMessage, Registry } from '@bufbuild/protobuf';
import { valueTypeOf } from '../matching/value-type.ts';
import { RecordingError } from './recording-error.ts';

/** The fields of a rule that are still ahead, from the current message to the field that the rule names. */
export type RemainingPath = readonly string[];

/** How the rules apply to one field. */
export type FieldMatch = {
  /** Whether a rule names this field. */
  readonly isNamed: boolean;
  /** The rules that continue within the field. */
  readonly remaining: readonly RemainingPath[];
};

/** A set of rules. */
export class FieldRules {
  readonly #pathsByMessage = new Map<string, RemainingPath[]>();

  /**
   * A rule is the full name of a message and a path of fields: `pkg.Message.field.field`. In place of the message, `*` means
   * every message that has the field; in place of the last field, every field.
   *
   * @param what the name of the rules in errors.
   * @throws {RecordingError} naming a rule that matches no message of the schema.
   */
  constructor(rules: readonly string[], registry: Registry, what: string) {
    const messages = [...registry].filter((type) => type.kind === 'message');
    for (const rule of rules) {
      for (const [root, track] of resolveRule(rule, messages, what)) {
        this.#pathsByMessage.set(root, [...(this.#pathsByMessage.get(root) ?? []), track]);
      }
    }
  }

  /** Returns how the rules apply to a field. `remaining` are the rules that continue in its message. */
  follow(field: DescField, remaining: readonly RemainingPath[]): FieldMatch {
    const here = [...remaining, ...(this.#pathsByMessage.get(field.parent.typeName) ?? [])];
    const taken = here.filter(([next]) => next === field.name).map((track) => track.slice(1));
    const isNamed = taken.some(({ length }) => length === 0);
    return { isNamed: isNamed || this.#namesPartOf(field, taken), remaining: taken };
  }

  // A timestamp or a wrapper is one value, so a rule for a part of it applies to all of it.
  #namesPartOf(field: DescField, taken: readonly RemainingPath[]): boolean {
    if (!field.message || valueTypeOf(field).kind === 'message') return false;
    return taken.length > 0 || this.#pathsByMessage.has(field.message.typeName);
  }
}

function resolveRule(rule: string, messages: readonly DescMessage[], what: string): [string, RemainingPath][] {
  if (rule.startsWith('*.')) {
    const path = rule.slice(2).split('.');
    const found = messages.flatMap((message): [string, RemainingPath][] => {
      const remaining = resolvePath(message, path);
      return typeof remaining === 'string' ? [] : remaining.map((track) => [message.typeName, track]);
    });
    if (found.length > 0) return found;
    throw new RecordingError(`${what}: "${rule}": no message has such a field`);
  }
  const root = messages
    .filter(({ typeName }) => rule.startsWith(`${typeName}.`))
    .sort((a, b) => b.typeName.length - a.typeName.length)[0];
  if (!root) throw new RecordingError(`${what}: "${rule}" does not begin with a message of the schema`);
  const remaining = resolvePath(root, rule.slice(root.typeName.length + 1).split('.'));
  if (typeof remaining === 'string') throw new RecordingError(`${what}: "${rule}": ${remaining}`);
  return remaining.map((track) => [root.typeName, track]);
}

// Returns the paths that a rule matches, or as a string why it matches none.
function resolvePath(message: DescMessage, [name = '', ...rest]: readonly string[]): RemainingPath[] | string {
  if (name === '*' && rest.length === 0 && message.fields.length > 0)
    return message.fields.map((field) => [field.name]);
  const field = message.fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
  const names = message.fields.map((candidate) => candidate.name).join(', ');
  if (!field) return `${message.typeName} has no field "${name}"; it has ${names || 'none'}`;
  if (rest.length === 0) return [[field.name]];
  if (!field.message)
    return `${message.typeName}.${field.name} is not a message, so it cannot contain "${rest.join('.')}"`;
  const inner = resolvePath(field.message, rest);
  return typeof inner === 'string' ? inner : inner.map((track) => [field.name, ...track]);
}

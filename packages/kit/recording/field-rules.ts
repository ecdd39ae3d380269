// Rules that name fields, such as `shop.payment.v1.ProcessPaymentRequest.payment_method` or `*.member_id`: compiled
// against the schema, so that a misspelt one is an error, and followed step by step on the way through a message.

import type { DescField, DescMessage, Registry } from '@bufbuild/protobuf';
import { valueTypeOf } from '../matching/value-type.ts';
import { RecordingError } from './recording-error.ts';

/** The names of the fields that are still to come until a rule is fulfilled. */
export type Track = readonly string[];

/** The rules that have to be looked at in a message, and what they say of one of its fields. */
export interface Step {
  /** Whether a rule names this field. */
  readonly isHit: boolean;
  /** The rules that go on within the field. */
  readonly tracks: readonly Track[];
}

/** Fields by rules. */
export class FieldRules {
  readonly #tracksByRoot = new Map<string, Track[]>();

  /**
   * A rule is a message's full name, a dot and a field of it, which can lead further: `pkg.Message.field.field`. In the
   * place of the message `*` means every message that has the field, in the place of the last field every field.
   *
   * @param what what the rules are called in errors.
   * @throws RecordingError naming a rule that no message of the schema fulfils.
   */
  constructor(rules: readonly string[], registry: Registry, what: string) {
    const messages = [...registry].filter((type) => type.kind === 'message');
    for (const rule of rules) {
      for (const [root, track] of resolveRule(rule, messages, what)) {
        this.#tracksByRoot.set(root, [...(this.#tracksByRoot.get(root) ?? []), track]);
      }
    }
  }

  /** Returns what the rules say of a field. `tracks` are those that go on in its message. */
  follow(field: DescField, tracks: readonly Track[]): Step {
    const here = [...tracks, ...(this.#tracksByRoot.get(field.parent.typeName) ?? [])];
    const taken = here.filter(([next]) => next === field.name).map((track) => track.slice(1));
    const isHit = taken.some(({ length }) => length === 0);
    return { isHit: isHit || this.#reachesInto(field, taken), tracks: taken };
  }

  // A timestamp, a wrapper and the like are one value: a rule for a part of it is for all of it.
  #reachesInto(field: DescField, taken: readonly Track[]): boolean {
    if (!field.message || valueTypeOf(field).kind === 'message') return false;
    return taken.length > 0 || this.#tracksByRoot.has(field.message.typeName);
  }
}

function resolveRule(rule: string, messages: readonly DescMessage[], what: string): [string, Track][] {
  if (rule.startsWith('*.')) {
    const path = rule.slice(2).split('.');
    const found = messages.flatMap((message): [string, Track][] => {
      const tracks = resolvePath(message, path);
      return typeof tracks === 'string' ? [] : tracks.map((track) => [message.typeName, track]);
    });
    if (found.length > 0) return found;
    throw new RecordingError(`${what}: "${rule}": no message has such a field`);
  }
  const root = messages
    .filter(({ typeName }) => rule.startsWith(`${typeName}.`))
    .sort((a, b) => b.typeName.length - a.typeName.length)[0];
  if (!root) throw new RecordingError(`${what}: "${rule}" begins with no message of the schema`);
  const tracks = resolvePath(root, rule.slice(root.typeName.length + 1).split('.'));
  if (typeof tracks === 'string') throw new RecordingError(`${what}: "${rule}": ${tracks}`);
  return tracks.map((track) => [root.typeName, track]);
}

// The tracks of a path, or why there is none.
function resolvePath(message: DescMessage, [name = '', ...rest]: readonly string[]): Track[] | string {
  if (name === '*' && rest.length === 0 && message.fields.length > 0)
    return message.fields.map((field) => [field.name]);
  const field = message.fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
  const names = message.fields.map((candidate) => candidate.name).join(', ');
  if (!field) return `${message.typeName} has no field "${name}"; it has ${names || 'none'}`;
  if (rest.length === 0) return [[field.name]];
  if (!field.message) return `${message.typeName}.${field.name} is no message that "${rest.join('.')}" could be in`;
  const inner = resolvePath(field.message, rest);
  return typeof inner === 'string' ? inner : inner.map((track) => [field.name, ...track]);
}

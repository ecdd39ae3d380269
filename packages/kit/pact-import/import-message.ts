// The expected message of a Pact file, with its matching rules, as a pattern of the kit.

import {
  type DescField,
  type DescMessage,
  fromBinary,
  type JsonObject,
  type JsonValue,
  type Registry,
  toJson,
} from '@bufbuild/protobuf';
import { elementPath, entryPath, fieldPath } from '../matching/difference.ts';
import type { MessagePattern } from '../matching/pattern.ts';
import { readPattern } from '../matching/read-pattern.ts';
import { type ListField, type MapField, valueTypeOf } from '../matching/value-type.ts';
import type { JsonRule } from '../matching/write-pattern.ts';
import { toLeafRule } from './leaf-rule.ts';
import { chooseRules, type PactRule, type PlacedRules } from './pact-path.ts';
import { readWireFields, type WireFields } from './wire-fields.ts';

/** The expected bytes, their rules, and where to say what is not carried over. */
export type PactMessage = {
  readonly bytes: Uint8Array;
  readonly rules: readonly PlacedRules[];
  /** Names of values of provider states, by the path of the rule. */
  readonly fromStates: ReadonlyMap<string, string>;
  readonly registry: Registry;
  readonly note: (text: string) => void;
};

/** A place in the message: its path in Pact's steps, and in the kit's. */
type Place = { readonly steps: readonly string[]; readonly path: string };

/** @throws {Error} if the bytes are no message of the type. */
export function importMessage(desc: DescMessage, given: PactMessage): MessagePattern {
  return new MessageImport(given).read(desc);
}

class MessageImport {
  readonly #given: PactMessage;
  readonly #rules: Record<string, JsonRule> = {};
  readonly #used = new Set<PlacedRules>();
  readonly #usedStates = new Set<string>();
  readonly #eachRules = new Map<string, readonly PactRule[]>();

  constructor(given: PactMessage) {
    this.#given = given;
  }

  read(desc: DescMessage): MessagePattern {
    const { bytes, registry, rules, fromStates, note } = this.#given;
    const json = toJson(desc, fromBinary(desc, bytes), { registry, alwaysEmitImplicit: true }) as JsonObject;
    const message = this.#fields(desc, json, readWireFields(bytes), { steps: [], path: '' });
    for (const { path, matchers } of rules.filter((placed) => !this.#used.has(placed))) {
      note(`${path}: the rule "${matchers.map(({ match }) => match).join(', ')}" applies to nothing`);
    }
    for (const path of [...fromStates.keys()].filter((state) => !this.#usedStates.has(state))) {
      note(`${path}: the value of a provider state applies to nothing`);
    }
    return readPattern(desc, { message, rules: this.#rules }, registry);
  }

  #fields(desc: DescMessage, json: JsonObject, wire: WireFields, { steps, path }: Place): JsonObject {
    const fields = desc.fields.flatMap((field): [string, JsonValue][] => {
      const place = { steps: [...steps, field.name], path: fieldPath(path, field.jsonName) };
      const matchers = this.#own(place);
      const isAbsent = matchers.length === 1 && matchers[0]?.match === 'null';
      if (isAbsent) {
        this.#rules[place.path] = { match: 'absent' };
        return [];
      }
      const isThere =
        wire.has(field.number) ||
        this.#given.rules.some(
          ({ steps: given }) => given[steps.length] === field.name && isWithin(given, place.steps),
        );
      const value = json[field.jsonName];
      if (!isThere || value === undefined) return [];
      return [[field.jsonName, this.#whole(field, value, wire.get(field.number) ?? [], place)]];
    });
    return Object.fromEntries(fields);
  }

  #whole(field: DescField, value: JsonValue, bytes: readonly Uint8Array[], place: Place): JsonValue {
    if (field.fieldKind === 'list') return this.#list(field, value as JsonValue[], bytes, place);
    if (field.fieldKind === 'map') return this.#map(field, value as JsonObject, bytes, place);
    return this.#value(field, value, bytes.at(-1), place);
  }

  #list(field: ListField, elements: readonly JsonValue[], bytes: readonly Uint8Array[], place: Place): JsonValue {
    const own = this.#own(place);
    const element = (value: JsonValue, index: number, within: string) =>
      this.#value(field, value, bytes[index], { steps: [...place.steps, String(index)], path: within });
    const loose = own.find(({ match }) => ['type', 'eachValue', 'each-value', 'values'].includes(match));
    const isEmptyRefused = own.some(({ match }) => match === 'notEmpty');
    if (loose || isEmptyRefused || (own.length === 0 && this.#isTyped(place))) {
      const [first] = elements;
      if (first === undefined) {
        this.#given.note(`${pactPath(place)}: a list without an example accepts any list`);
        this.#rules[place.path] = { match: 'anything' };
        return [];
      }
      const { min = isEmptyRefused || !loose ? 1 : 0, max } = (loose ?? {}) as { min?: number; max?: number };
      this.#rules[place.path] = { match: 'each', least: min, ...(max !== undefined && { most: max }) };
      this.#useEachValue(own, field, place);
      const pattern = element(first, 0, elementPath(place.path, '*'));
      return Array.from({ length: Math.max(min, 1) }, () => pattern);
    }
    this.#refuse(own, place, ['equality', 'eachKey', 'each-key']);
    return elements.map((value, index) => element(value, index, elementPath(place.path, index)));
  }

  #map(field: MapField, entries: JsonObject, bytes: readonly Uint8Array[], place: Place): JsonValue {
    const own = this.#own(place);
    const keys = Object.keys(entries);
    // The entries of a map are messages of a key, 1, and a value, 2, in the order of the wire.
    const values = bytes.map((entry) => readWireFields(entry).get(2)?.at(-1));
    const value = (key: string, within: string) =>
      this.#value(field, entries[key] ?? null, values[keys.indexOf(key)], {
        steps: [...place.steps, key],
        path: within,
      });
    const isLoose = own.some(({ match }) =>
      ['eachKey', 'each-key', 'eachValue', 'each-value', 'values', 'type'].includes(match),
    );
    if (own.some(({ match }) => ['eachKey', 'each-key'].includes(match))) {
      this.#given.note(`${pactPath(place)}: the rule "eachKey" becomes "any key"`);
    }
    if (!isLoose && !(own.length === 0 && this.#isTyped(place))) {
      this.#refuse(own, place, ['equality', 'notEmpty']);
      return Object.fromEntries(keys.map((key) => [key, value(key, entryPath(place.path, key))]));
    }
    const [first] = keys;
    if (first === undefined) {
      this.#given.note(`${pactPath(place)}: a map without an example accepts any map`);
      this.#rules[place.path] = { match: 'anything' };
      return {};
    }
    this.#rules[place.path] = { match: 'each' };
    this.#useEachValue(own, field, place);
    return { [first]: value(first, elementPath(place.path, '*')) };
  }

  // The rules in `eachValue` are those of each value; what is in a message has rules of its own.
  #useEachValue(own: readonly PactRule[], field: ListField | MapField, { steps, path }: Place): void {
    const each = own.find(({ match }) => match === 'eachValue' || match === 'each-value');
    const inner = (each?.rules as PactRule[] | undefined) ?? [];
    if (inner.length === 0) return;
    const isMessage = valueTypeOf(field).kind === 'message';
    for (const { match } of inner.filter((rule) => isMessage && rule.match !== 'type')) {
      this.#given.note(`${pactPath({ steps, path })}: the rule "${match}" in "eachValue" is left out`);
    }
    if (!isMessage) this.#eachRules.set(keyOf(steps), inner);
  }

  #value(field: DescField, value: JsonValue, bytes: Uint8Array | undefined, place: Place): JsonValue {
    const { kind } = valueTypeOf(field);
    if (kind === 'message') return this.#message(field, value, bytes, place);
    const inner = this.#given.rules.filter(
      ({ steps }) => steps.length > place.steps.length && isWithin(steps, place.steps),
    );
    const [ofValue] = inner;
    if (kind === 'wrapper' && ofValue) return this.#leaf(field, value, { ...place, steps: [...place.steps, 'value'] });
    if (kind === 'atom' && ofValue) {
      for (const placed of inner) this.#used.add(placed);
      this.#given.note(`${pactPath(place)}: rules for parts of a ${valueName(field)} become "any value of the type"`);
      this.#rules[place.path] = { match: 'like' };
      return value;
    }
    return this.#leaf(field, value, place);
  }

  #leaf(field: DescField, value: JsonValue, place: Place): JsonValue {
    const matchers = this.#chosen(place);
    if (valueTypeOf(field).kind === 'any') {
      this.#refuse(matchers, place, ['equality']);
      return value;
    }
    const { rule, note } = toLeafRule(field, { combine: this.#combine(place), matchers });
    if (note !== undefined) this.#given.note(`${pactPath(place)}: ${note}`);
    const state = this.#given.fromStates.get(pactPath(place));
    if (state !== undefined) this.#usedStates.add(pactPath(place));
    if (rule) this.#rules[place.path] = rule;
    // A value of a provider state has to be equal; what Pact's rule allows is for the example only.
    if (state !== undefined) this.#rules[place.path] = { match: 'fromState', name: state };
    return value;
  }

  #message(field: DescField, value: JsonValue, bytes: Uint8Array | undefined, place: Place): JsonValue {
    const desc = field.message as DescMessage;
    const own = this.#own(place);
    if (own.some(({ match }) => match === 'notEmpty')) {
      this.#rules[place.path] = { match: 'present' };
      return value;
    }
    this.#refuse(own, place, ['type', 'equality', 'values', 'eachValue']);
    return this.#fields(desc, value as JsonObject, readWireFields(bytes ?? new Uint8Array()), place);
  }

  /** The rules that were given for this place itself. */
  #own(place: Place): readonly PactRule[] {
    const chosen = chooseRules(this.#given.rules, place.steps);
    if (!chosen || chosen.isInherited) return [];
    this.#used.add(chosen.rules);
    return chosen.rules.matchers;
  }

  /** The rules of this place, or those of what it is in. */
  #chosen(place: Place): readonly PactRule[] {
    const each = this.#eachRules.get(keyOf(place.steps.slice(0, -1)));
    const chosen = chooseRules(this.#given.rules, place.steps);
    if (!chosen || chosen.isInherited) {
      if (each) return each;
      if (chosen) this.#used.add(chosen.rules);
      const inherited = chosen?.rules.matchers ?? [];
      return inherited
        .filter(({ match }) => !OF_COLLECTIONS.includes(match))
        .map(({ match, ...rest }) => ({ match, ...rest }));
    }
    this.#used.add(chosen.rules);
    return chosen.rules.matchers;
  }

  #combine(place: Place): string {
    return chooseRules(this.#given.rules, place.steps)?.rules.combine ?? 'AND';
  }

  #isTyped(place: Place): boolean {
    return this.#chosen(place).some(({ match }) => match === 'type');
  }

  #refuse(own: readonly PactRule[], place: Place, allowed: readonly string[]): void {
    for (const { match } of own.filter((rule) => !allowed.includes(rule.match))) {
      this.#given.note(`${pactPath(place)}: the rule "${match}" is left out`);
    }
  }
}

// They say something of a list or a map, and nothing of what is in it.
const OF_COLLECTIONS = [
  'eachKey',
  'each-key',
  'eachValue',
  'each-value',
  'values',
  'notEmpty',
  'null',
  'arrayContains',
];

function keyOf(steps: readonly string[]): string {
  return JSON.stringify(steps);
}

function valueName(field: DescField): string {
  return field.message?.name ?? field.name;
}

function isWithin(steps: readonly string[], place: readonly string[]): boolean {
  return steps.length >= place.length && place.every((step, index) => steps[index] === step || steps[index] === '*');
}

function pactPath({ steps }: Place): string {
  return steps.reduce((path, step) => (/^[A-Za-z_]\w*$/.test(step) ? `${path}.${step}` : `${path}[${step}]`), '$');
}

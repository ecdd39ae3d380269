// The argument that describes a fault, such as `latency:delayMs=500,rpc=*`. Its kinds and settings are those of the control RPC, so
// every fault can be given either way.

import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from '@bufbuild/protobuf';
import type { Fault } from '../core/fault.ts';
import type { InjectOptions } from '../injected-fault.ts';
import { faultOf, optionsOf } from './fault-from-proto.ts';
import {
  FaultSchema,
  type InjectFaultRequest,
  InjectFaultRequestSchema,
  type Fault as ProtoFault,
} from './gen/touchstone/kit/v1/fault_proxy_service_pb.ts';

/** A fault and the targets it selects. */
export type FaultArgument = {
  readonly fault: Fault;
  readonly options: InjectOptions;
};

/** One kind of fault. */
export type FaultKind = {
  /** Such as `fail-first`. */
  readonly name: string;
  /** Its effect. */
  readonly summary: string;
  /** Its settings with their types, such as `delayMs=<number>`. */
  readonly settings: readonly string[];
};

const SUMMARIES: Readonly<Record<NonNullable<ProtoFault['kind']['case']>, string>> = {
  answerInTls: 'answers a plaintext connection with a TLS alert',
  bandwidth: 'limits the rate of the payload',
  blackHole: 'holds everything: no answer, no error, no end',
  failAlways: 'answers calls with an HTTP status, 503 by default',
  failEvery: 'answers every nth call with an HTTP status, 503 by default',
  failFirst: 'answers the first n calls with an HTTP status, 503 by default',
  garbage: 'replaces the body, or its first bytes, with random bytes',
  goAway: 'sends GOAWAY when a call begins, and refuses or serves that call',
  halfClose: 'ends one direction too early and leaves the other open',
  latency: 'delays everything, in order',
  partition: 'blocks one direction of connections, including their close',
  refuse: 'resets open connections and refuses new ones',
  reset: 'resets a call or its connection',
  slowClose: 'delays only the end',
  truncateFrame: 'closes the connection in the middle of a frame',
  truncateMessage: 'ends the body in the middle, with a regular end',
};

/** Every kind of fault. */
export const FAULT_KINDS: readonly FaultKind[] = Object.entries(SUMMARIES).map(([name, summary]) => ({
  name: toKebabCase(name),
  summary,
  settings: settingsOf(fieldOf(FaultSchema, name)).map(describeSetting),
}));

const TARGET_FIELDS = ['rpc', 'direction', 'after', 'every', 'probability', 'times'].map((name) =>
  fieldOf(InjectFaultRequestSchema, name),
);

/** The settings that every kind of fault has: they select calls or connections. */
export const TARGET_SETTINGS: readonly string[] = TARGET_FIELDS.map(describeSetting);

/**
 * Reads `kind` or `kind:setting=value,setting=value`.
 *
 * @throws {Error} naming the kind or setting that is invalid.
 */
export function readFault(text: string): FaultArgument {
  const request = readFaultRequest(text);
  return { fault: faultOf(request.fault), options: optionsOf(request) };
}

/** Reads the same as a request of the control RPC, without the name of a proxy. */
export function readFaultRequest(text: string): InjectFaultRequest {
  const [kind, list = ''] = splitAt(text, ':');
  const field = FaultSchema.fields.find(({ localName }) => toKebabCase(localName) === kind);
  if (!field)
    throw new Error(`"${kind}" is not a fault; the faults are ${FAULT_KINDS.map(({ name }) => name).join(', ')}`);
  const known = [...settingsOf(field), ...TARGET_FIELDS];
  const given: JsonObject = {};
  for (const item of list.split(',').filter((part) => part !== '')) {
    const [name, value] = splitAt(item, '=');
    const setting = known.find(({ localName }) => localName === name);
    if (!setting) throw new Error(`${kind} has no setting "${name}"; it has ${known.map(describeSetting).join(', ')}`);
    given[name] = readValue(setting, value);
  }
  const pick = (settings: readonly DescField[]): JsonObject =>
    Object.fromEntries(Object.entries(given).filter(([name]) => settings.some(({ localName }) => localName === name)));
  const fault = { [field.jsonName]: pick(settingsOf(field)) };
  return fromJson(InjectFaultRequestSchema, { ...pick(TARGET_FIELDS), fault });
}

function readValue(setting: DescField, text: string | undefined): JsonValue {
  const fail = () => new Error(`"${setting.localName}" must be ${describeSetting(setting)}, not "${text ?? ''}"`);
  if (text === undefined || text === '') throw fail();
  if (setting.enum) {
    const value = setting.enum.values.find(({ localName, number }) => number > 0 && localName.toLowerCase() === text);
    if (!value) throw fail();
    return value.name;
  }
  switch (typeOf(setting)) {
    case 'text':
      return text;
    case 'true|false':
      if (text !== 'true' && text !== 'false') throw fail();
      return text === 'true';
    default:
      if (!/^\d+(\.\d+)?$/.test(text)) throw fail();
      return Number(text);
  }
}

function describeSetting(setting: DescField): string {
  return `${setting.localName}=<${typeOf(setting)}>`;
}

function typeOf({ enum: choices, scalar }: DescField): string {
  if (choices) {
    return choices.values.flatMap(({ localName, number }) => (number > 0 ? [localName.toLowerCase()] : [])).join('|');
  }
  if (scalar === ScalarType.STRING) return 'text';
  return scalar === ScalarType.BOOL ? 'true|false' : 'number';
}

function settingsOf(field: DescField): readonly DescField[] {
  return field.message?.fields ?? [];
}

function fieldOf(desc: DescMessage, name: string): DescField {
  const field = desc.fields.find(({ localName }) => localName === name);
  if (!field) throw new TypeError(`${desc.typeName} has no field "${name}"`);
  return field;
}

function splitAt(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + mark.length)];
}

function toKebabCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

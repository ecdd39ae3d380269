// A fault as an argument, such as `latency:delayMs=500,rpc=*`: its kinds and settings are those of the control RPC, so that
// what is typed here can be sent there.

import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from '@bufbuild/protobuf';
import { faultOf, optionsOf } from '../fault-proxy/control/fault-from-proto.ts';
import {
  FaultSchema,
  InjectFaultRequestSchema,
  type Fault as ProtoFault,
} from '../fault-proxy/control/gen/touchstone/kit/v1/fault_proxy_service_pb.ts';
import type { Fault } from '../fault-proxy/core/fault.ts';
import type { InjectOptions } from '../fault-proxy/injected-fault.ts';

/** A fault and what it is to hit. */
export interface FaultArgument {
  readonly fault: Fault;
  readonly options: InjectOptions;
}

/** One kind of fault. */
export interface FaultKind {
  /** Such as `fail-first`. */
  readonly name: string;
  /** What it does. */
  readonly summary: string;
  /** Its settings with their types, such as `delayMs=<number>`. */
  readonly settings: readonly string[];
}

const summaries: Readonly<Record<NonNullable<ProtoFault['kind']['case']>, string>> = {
  answerInTls: 'a TLS alert answers plaintext',
  bandwidth: 'payload passes in slices, at that rate',
  blackHole: 'nothing comes out',
  failAlways: 'answers an HTTP status, 503 by default, in the place of the service',
  failEvery: 'the same for every so-manieth call',
  failFirst: 'the same for the first calls',
  garbage: 'random bytes instead of the body; without a number, all of it',
  goAway: 'GOAWAY when a call begins, without that call or after it',
  halfClose: 'one direction ends too early, the other goes on',
  latency: 'everything arrives later, in order',
  partition: 'one direction of all connections is cut, closes included',
  refuse: 'resets connections and takes no new ones',
  reset: 'a call is reset in the middle, or its connection',
  slowClose: 'all arrives in time but the end',
  truncateFrame: 'a frame promises more than comes before the connection closes',
  truncateMessage: 'the body stops in the middle, and its end follows',
};

/** Every kind of fault there is. */
export const faultKinds: readonly FaultKind[] = Object.entries(summaries).map(([name, summary]) => ({
  name: toKebabCase(name),
  summary,
  settings: settingsOf(fieldOf(FaultSchema, name)).map(describeSetting),
}));

const targetSettings = ['rpc', 'direction', 'after', 'every', 'probability', 'times'].map((name) =>
  fieldOf(InjectFaultRequestSchema, name),
);

/** What every fault may be told besides: which calls or connections it hits. */
export const faultTargets: readonly string[] = targetSettings.map(describeSetting);

/**
 * Reads `kind` or `kind:setting=value,setting=value`.
 *
 * @throws Error naming the kind or the setting that cannot be used.
 */
export function readFault(text: string): FaultArgument {
  const [kind, list = ''] = splitAt(text, ':');
  const field = FaultSchema.fields.find(({ localName }) => toKebabCase(localName) === kind);
  if (!field) throw new Error(`"${kind}" is none of ${faultKinds.map(({ name }) => name).join(', ')}`);
  const known = [...settingsOf(field), ...targetSettings];
  const given: JsonObject = {};
  for (const item of list.split(',').filter((part) => part !== '')) {
    const [name, value] = splitAt(item, '=');
    const setting = known.find(({ localName }) => localName === name);
    if (!setting) throw new Error(`${kind} has no setting "${name}"; it has ${known.map(describeSetting).join(', ')}`);
    given[name] = readValue(setting, value);
  }
  const pick = (settings: readonly DescField[]): JsonObject =>
    Object.fromEntries(Object.entries(given).filter(([name]) => settings.some(({ localName }) => localName === name)));
  const fault = fromJson(FaultSchema, { [field.jsonName]: pick(settingsOf(field)) });
  return { fault: faultOf(fault), options: optionsOf(fromJson(InjectFaultRequestSchema, pick(targetSettings))) };
}

function readValue(setting: DescField, text: string | undefined): JsonValue {
  const fail = () => new Error(`"${setting.localName}" is "${text ?? ''}", not ${describeSetting(setting)}`);
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

// A received message that records which of its fields are read.

import type { DescField, DescMessage, DescOneof, Message, MessageShape, Registry } from '@bufbuild/protobuf';
import { isWellKnown, type TestRecord } from './usage-record.ts';

/** The record of the reads, and the types that an `Any` of the message may hold. */
export type MessageRecording = {
  readonly record: TestRecord;
  readonly registry: Registry;
};

type Fields = Record<string | symbol, unknown>;

/**
 * Returns a proxy of a message that records which of its fields are read. protobuf-es treats it like any other message. Functions
 * that read the whole message (`toBinary`, `toJson`, `clone`, `equals`, spreading, `Object.keys`) are recorded as such.
 * `structuredClone` refuses it, as it refuses every proxy.
 */
export function recordMessage<Desc extends DescMessage>(
  desc: Desc,
  message: MessageShape<Desc>,
  recording: MessageRecording,
): MessageShape<Desc> {
  recording.record.type(desc);
  return wrapMessage(desc, message, recording) as MessageShape<Desc>;
}

function wrapMessage(desc: DescMessage, message: Message, recording: MessageRecording): Message {
  if (desc.typeName === 'google.protobuf.Any') return wrapAny(message, recording);
  if (isWellKnown(desc.typeName)) return message;
  const { record } = recording;
  const view: Fields = Object.create(Object.getPrototypeOf(message), Object.getOwnPropertyDescriptors(message));
  const members = new Map(desc.members.map((member) => [member.localName as string | symbol, member]));
  for (const [name, member] of members) {
    if (!Object.hasOwn(view, name)) continue;
    view[name] =
      member.kind === 'oneof' ? wrapOneof(member, view[name], recording) : wrapField(member, view[name], recording);
  }
  const recordKey = (key: string | symbol) => {
    const member = members.get(key);
    if (member) recordRead(member, view[key], record);
  };
  const get = (_: object, key: string | symbol): unknown => {
    if (key === '$typeName' && isReadAsWhole(get)) record.whole(desc);
    recordKey(key);
    return view[key];
  };
  return new Proxy(view, {
    get,
    set: (_, key, value) => {
      view[key] = value;
      return true;
    },
    has: (_, key) => {
      recordKey(key);
      return key in view;
    },
    ownKeys: () => {
      record.whole(desc);
      return Reflect.ownKeys(view);
    },
    getOwnPropertyDescriptor: (_, key) => {
      recordKey(key);
      return Reflect.getOwnPropertyDescriptor(view, key);
    },
  }) as Fields & Message;
}

function wrapField(field: DescField, value: unknown, recording: MessageRecording): unknown {
  const { message } = field;
  if (!message || value === undefined || (isWellKnown(message.typeName) && !message.typeName.endsWith('.Any'))) {
    return value;
  }
  const wrap = (element: unknown) => wrapMessage(message, element as Message, recording);
  switch (field.fieldKind) {
    case 'list':
      return (value as unknown[]).map(wrap);
    case 'map':
      return Object.fromEntries(Object.entries(value as object).map(([key, element]) => [key, wrap(element)]));
    default:
      return wrap(value);
  }
}

// A consumer that reads the case or the value of a oneof relies on the field that is set in it.
function wrapOneof(oneof: DescOneof, value: unknown, recording: MessageRecording): unknown {
  const { case: name, value: content } = value as { case: string | undefined; value?: unknown };
  const field = oneof.fields.find(({ localName }) => localName === name);
  if (!field) return value;
  const view: Fields = { case: name, value: wrapField(field, content, recording) };
  const recordMember = () => recordRead(field, content, recording.record);
  return new Proxy(view, {
    get: (_, key) => {
      if (key === 'case' || key === 'value') recordMember();
      return view[key];
    },
    getOwnPropertyDescriptor: (_, key) => {
      recordMember();
      return Reflect.getOwnPropertyDescriptor(view, key);
    },
  });
}

// Reads of the content of an Any cannot be observed, so reading its bytes counts as reading all of the content.
function wrapAny(message: Message, recording: MessageRecording): Message {
  const view = message as unknown as Fields;
  return new Proxy(view, {
    get: (_, key) => {
      if (key === 'value') recording.record.bytes(contentOf(view, recording));
      return view[key];
    },
  }) as Fields & Message;
}

/** Returns the type of the content of an `Any`; the name of the type if it is unknown. */
export function contentOf(any: object, { registry }: MessageRecording): DescMessage | string {
  const { typeUrl } = any as { typeUrl?: string };
  const name = (typeUrl ?? '').split('/').at(-1) ?? '';
  return registry.getMessage(name) ?? name;
}

function recordRead(member: DescField | DescOneof, value: unknown, record: TestRecord): void {
  record.read(member);
  if (member.kind === 'oneof') return;
  if (member.message && value !== undefined) record.type(member.message);
  for (const number of enumValuesOf(member, value))
    record.value(member.enum as NonNullable<typeof member.enum>, number);
}

/** Returns the numbers in an enum field: one, or those of a list or map. */
export function enumValuesOf(field: DescField, value: unknown): number[] {
  if (!field.enum || value === undefined) return [];
  return (typeof value === 'object' ? Object.values(value as object) : [value]) as number[];
}

// Functions of protobuf-es read `$typeName` before they read the whole message. `isMessage` and `isFieldSet` read only `$typeName`.
function isReadAsWhole(trap: (...parameters: never[]) => unknown): boolean {
  const { stackTraceLimit } = Error;
  const trace: { stack?: string } = {};
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(trace, trap);
  Error.stackTraceLimit = stackTraceLimit;
  const reader = trace.stack ?? '';
  return /[\\/]@bufbuild[\\/]protobuf[\\/]/.test(reader) && !/[\\/](is-message|fields)\.js/.test(reader);
}

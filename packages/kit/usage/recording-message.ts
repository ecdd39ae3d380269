// A received message as its consumer sees it: the same values, and every field that is read is taken down.

import type { DescField, DescMessage, DescOneof, Message, MessageShape, Registry } from '@bufbuild/protobuf';
import { isWellKnown, type TestNotes } from './usage-notes.ts';

/** Where the reads of a message go, and the types that may be in an `Any` of it. */
export interface MessageRecording {
  readonly notes: TestNotes;
  readonly registry: Registry;
}

type Fields = Record<string | symbol, unknown>;

/**
 * Returns a message that takes down what is read of it. It is a message like any other for all of protobuf-es; what
 * looks at all of it (`toBinary`, `toJson`, `clone`, `equals`, spreading, `Object.keys`) takes it whole. `structuredClone`
 * refuses it, as it does every proxy.
 */
export function recordMessage<Desc extends DescMessage>(
  desc: Desc,
  message: MessageShape<Desc>,
  recording: MessageRecording,
): MessageShape<Desc> {
  recording.notes.type(desc);
  return wrapMessage(desc, message, recording) as MessageShape<Desc>;
}

function wrapMessage(desc: DescMessage, message: Message, recording: MessageRecording): Message {
  if (desc.typeName === 'google.protobuf.Any') return wrapAny(message, recording);
  if (isWellKnown(desc.typeName)) return message;
  const { notes } = recording;
  const view: Fields = Object.create(Object.getPrototypeOf(message), Object.getOwnPropertyDescriptors(message));
  const members = new Map(desc.members.map((member) => [member.localName as string | symbol, member]));
  for (const [name, member] of members) {
    if (!Object.hasOwn(view, name)) continue;
    view[name] =
      member.kind === 'oneof' ? wrapOneof(member, view[name], recording) : wrapField(member, view[name], recording);
  }
  const note = (key: string | symbol) => {
    const member = members.get(key);
    if (member) noteRead(member, view[key], notes);
  };
  const get = (_: object, key: string | symbol): unknown => {
    if (key === '$typeName' && isReadAsWhole(get)) notes.whole(desc);
    note(key);
    return view[key];
  };
  return new Proxy(view, {
    get,
    set: (_, key, value) => {
      view[key] = value;
      return true;
    },
    has: (_, key) => {
      note(key);
      return key in view;
    },
    ownKeys: () => {
      notes.whole(desc);
      return Reflect.ownKeys(view);
    },
    getOwnPropertyDescriptor: (_, key) => {
      note(key);
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

// Whoever reads the case or the value of a oneof relies on the field that is set in it.
function wrapOneof(oneof: DescOneof, value: unknown, recording: MessageRecording): unknown {
  const { case: name, value: content } = value as { case: string | undefined; value?: unknown };
  const field = oneof.fields.find(({ localName }) => localName === name);
  if (!field) return value;
  const view: Fields = { case: name, value: wrapField(field, content, recording) };
  const note = () => noteRead(field, content, recording.notes);
  return new Proxy(view, {
    get: (_, key) => {
      if (key === 'case' || key === 'value') note();
      return view[key];
    },
    getOwnPropertyDescriptor: (_, key) => {
      note();
      return Reflect.getOwnPropertyDescriptor(view, key);
    },
  });
}

// What becomes of the bytes in it cannot be seen: whoever takes them may read all that is in there.
function wrapAny(message: Message, recording: MessageRecording): Message {
  const view = message as unknown as Fields;
  return new Proxy(view, {
    get: (_, key) => {
      if (key === 'value') recording.notes.bytes(contentOf(view, recording));
      return view[key];
    },
  }) as Fields & Message;
}

/** Returns the type of what is in an `Any`, or the name of one that is not known. */
export function contentOf(any: object, { registry }: MessageRecording): DescMessage | string {
  const { typeUrl } = any as { typeUrl?: string };
  const name = (typeUrl ?? '').split('/').at(-1) ?? '';
  return registry.getMessage(name) ?? name;
}

function noteRead(member: DescField | DescOneof, value: unknown, notes: TestNotes): void {
  notes.read(member);
  if (member.kind === 'oneof') return;
  if (member.message && value !== undefined) notes.type(member.message);
  for (const number of enumValuesOf(member, value)) notes.value(member.enum as NonNullable<typeof member.enum>, number);
}

/** Returns the numbers in a field of enum values, one or many. */
export function enumValuesOf(field: DescField, value: unknown): number[] {
  if (!field.enum || value === undefined) return [];
  return (typeof value === 'object' ? Object.values(value as object) : [value]) as number[];
}

// protobuf-es asks for a message's type before it works on all of it; `isMessage` and `isFieldSet` ask for that alone.
function isReadAsWhole(trap: (...parameters: never[]) => unknown): boolean {
  const { stackTraceLimit } = Error;
  const trace: { stack?: string } = {};
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(trace, trap);
  Error.stackTraceLimit = stackTraceLimit;
  const reader = trace.stack ?? '';
  return /[\\/]@bufbuild[\\/]protobuf[\\/]/.test(reader) && !/[\\/](is-message|fields)\.js/.test(reader);
}

// Takes down the fields of a request that its consumer fills in.

import { type DescField, type DescMessage, isFieldSet, isMessage, type Message } from '@bufbuild/protobuf';
import { contentOf, enumValuesOf, type MessageRecording } from './recording-message.ts';
import { isWellKnown } from './usage-notes.ts';

type Literal = Readonly<Record<string, unknown>>;

/**
 * Notes what a request has. Of a literal these are the fields that stand in it, defaults too: a test in which
 * `synthetic: false` is sent shows a consumer that knows the field. Of a message these are the fields that are set. What is
 * in an `Any` is sent whole.
 */
export function noteSent(desc: DescMessage, request: unknown, recording: MessageRecording): void {
  if (typeof request !== 'object' || request === null) return;
  const { notes } = recording;
  if (desc.typeName === 'google.protobuf.Any') notes.bytes(contentOf(request, recording));
  if (isWellKnown(desc.typeName)) return;
  notes.type(desc);
  for (const field of desc.fields) {
    const value = sentValue(desc, field, request as Literal);
    if (value === undefined || value === null) continue;
    if (field.oneof) notes.set(field.oneof);
    notes.set(field);
    for (const number of enumValuesOf(field, value)) notes.value(field.enum as NonNullable<typeof field.enum>, number);
    for (const message of messagesIn(field, value)) noteSent(field.message as DescMessage, message, recording);
  }
}

function sentValue(desc: DescMessage, field: DescField, request: Literal): unknown {
  if (isMessage(request, desc) && !isFieldSet(request as Message, field)) return undefined;
  if (!field.oneof) return request[field.localName];
  const oneof = request[field.oneof.localName] as { case?: string; value?: unknown } | undefined;
  return oneof?.case === field.localName ? oneof.value : undefined;
}

function messagesIn(field: DescField, value: unknown): unknown[] {
  if (!field.message) return [];
  return field.fieldKind === 'message' ? [value] : Object.values(value as object);
}

// The fields of a request that its consumer sets.

import { type DescField, type DescMessage, isFieldSet, isMessage, type Message } from '@bufbuild/protobuf';
import { contentOf, enumValuesOf, type MessageRecording } from './recording-message.ts';
import { isWellKnown } from './usage-record.ts';

type Literal = Readonly<Record<string, unknown>>;

/**
 * Records the fields of a request. For a literal these are all its fields, including those set to their default: a consumer that sends
 * `synthetic: false` knows the field. For a message these are the fields that are set. The content of an `Any` is recorded as
 * a whole.
 */
export function recordSent(desc: DescMessage, request: unknown, recording: MessageRecording): void {
  if (typeof request !== 'object' || request === null) return;
  const { record } = recording;
  if (desc.typeName === 'google.protobuf.Any') record.bytes(contentOf(request, recording));
  if (isWellKnown(desc.typeName)) return;
  record.type(desc);
  for (const field of desc.fields) {
    const value = sentValue(desc, field, request as Literal);
    if (value === undefined || value === null) continue;
    if (field.oneof) record.set(field.oneof);
    record.set(field);
    for (const number of enumValuesOf(field, value)) record.value(field.enum as NonNullable<typeof field.enum>, number);
    for (const message of messagesIn(field, value)) recordSent(field.message as DescMessage, message, recording);
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

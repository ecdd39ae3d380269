// Events as JSON: a message in proto3 JSON becomes an event with the headers of CloudEvents, and an event becomes a line of JSON.

import { randomUUID } from 'node:crypto';
import {
  type DescMessage,
  fromBinary,
  fromJsonString,
  type JsonValue,
  type Registry,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { reasonOf } from '../base/error-reason.ts';
import { type CapturedEvent, headerOf } from '../events/captured-event.ts';
import { quoteLongNumbers } from '../matching/exact-json.ts';

/** The envelope of an event that is published. */
export type EventHeaders = {
  /** Where it is published. */
  readonly subject: string;
  /** The `ce-source`; `undefined`: an event without headers of CloudEvents. */
  readonly source: string | undefined;
  /** The `ce-id`. Default: a new one. */
  readonly id?: string;
  /** More headers; they replace those of CloudEvents. */
  readonly headers: Readonly<Record<string, string>>;
};

/**
 * Returns an event whose body is a message in proto3 JSON. Numbers of 64 bits keep all their digits.
 *
 * @throws {Error} if the text is not JSON of the message.
 */
export function encodeEvent(
  desc: DescMessage,
  json: string,
  registry: Registry,
  envelope: EventHeaders,
): CapturedEvent {
  const message = fromJsonString(desc, quoteLongNumbers(desc, json, registry), { registry });
  const { subject, source, id = randomUUID(), headers } = envelope;
  const ofCloudEvent = source === undefined ? {} : cloudEvent(desc, id, source);
  return { subject, headers: { ...ofCloudEvent, ...headers }, payload: toBinary(desc, message) };
}

function cloudEvent({ typeName }: DescMessage, id: string, source: string): Record<string, string> {
  return {
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-type': typeName,
    'ce-source': source,
    'ce-time': new Date().toISOString(),
    'content-type': 'application/protobuf',
  };
}

/** An event as a line of JSON. */
export type EventLine = {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly type?: string;
  /** Its body in proto3 JSON. */
  readonly message?: JsonValue;
  /** Its body in base64, if it could not be decoded. */
  readonly payload?: string;
  /** Why it could not be decoded. */
  readonly problem?: string;
};

/** Returns an event with its body decoded, as `typeName` or, without it, as the type that `ce-type` or the subject names. */
export function decodeEvent(event: CapturedEvent, registry: Registry, typeName: string | undefined): EventLine {
  const { subject, headers, payload } = event;
  const names = typeName === undefined ? [headerOf(event, 'ce-type'), subject] : [typeName];
  const desc = names.map((name) => (name === undefined ? undefined : registry.getMessage(name))).find(Boolean);
  const encoded = Buffer.from(payload).toString('base64');
  if (!desc) return { subject, headers, payload: encoded, problem: 'neither ce-type nor the subject is a known type' };
  try {
    const message = toJson(desc, fromBinary(desc, payload), { registry });
    return { subject, headers, type: desc.typeName, message };
  } catch (error) {
    return { subject, headers, type: desc.typeName, payload: encoded, problem: reasonOf(error) };
  }
}

// Turns what a test says about an event into an interaction, and an interaction into an example event.

import { type DescMessage, type Registry, toBinary } from '@bufbuild/protobuf';
import type { EventInteraction, ProviderState } from '../contract-file/interaction.ts';
import { compileLiteral } from '../matching/compile-literal.ts';
import { createExample } from '../matching/example-message.ts';
import { compileHeaders, createExampleHeaders, type HeaderLiteral } from '../matching/header-pattern.ts';
import { regex } from '../matching/matchers.ts';
import { createTypeRegistry } from '../matching/type-registry.ts';
import type { CapturedEvent } from './captured-event.ts';

/** What is around an event's body. */
export type EventEnvelope = {
  /** Where it is published. Default: the message's full name. */
  readonly subject?: string;
  /** Headers that it must have; others do not matter. */
  readonly headers?: HeaderLiteral;
};

/**
 * Returns an event's interaction.
 *
 * @throws {TypeError} for a field, a oneof case or an enum value that does not exist, naming its path.
 */
export function declareEvent(
  description: string,
  states: readonly ProviderState[],
  desc: DescMessage,
  body: object,
  envelope: EventEnvelope,
  registry?: Registry,
): EventInteraction {
  if (desc?.kind !== 'message') throw new TypeError(`event: "${description}" names no message type`);
  try {
    return {
      kind: 'event',
      description,
      states,
      desc,
      subject: envelope.subject ?? desc.typeName,
      headers: compileHeaders(envelope.headers ?? {}, 'headers'),
      body: compileLiteral(desc, body, registry ?? createTypeRegistry([desc])),
    };
  } catch (error) {
    throw new TypeError(`${desc.typeName}: ${(error as Error).message}`, { cause: error });
  }
}

/** Returns an event that the interaction accepts. */
export function createExampleEvent({ desc, subject, headers, body }: EventInteraction): CapturedEvent {
  return { subject, headers: createExampleHeaders(headers), payload: toBinary(desc, createExample(desc, body)) };
}

/** Returns the headers of a CloudEvent in binary mode with a protobuf body: any id and any time. */
export function cloudEventHeaders(event: { readonly type: string; readonly source: string }): HeaderLiteral {
  return {
    'ce-specversion': '1.0',
    'ce-id': regex(/^.+$/, '00000000-0000-4000-8000-000000000001'),
    'ce-type': event.type,
    'ce-source': event.source,
    'ce-time': regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/, '2024-02-29T12:00:00Z'),
    'content-type': 'application/protobuf',
  };
}

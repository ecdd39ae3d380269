// The envelope of a domain event: CloudEvents' NATS binding in binary mode. The subject is the message's full name.
import { randomUUID } from 'node:crypto';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type MessageCheck, requireValid } from '../base/contract-rules.ts';
import { DomainError, describeError } from '../base/errors.ts';
import { injectTrace } from '../observability/tracing.ts';

/** An event ready to be stored in the outbox and published as it is. */
export type OutgoingEvent = {
  /** Becomes ce-id and Nats-Msg-Id. */
  readonly id: string;
  /** The message's full name, like `acme.billing.v1.InvoiceSent`. */
  readonly subject: string;
  /** Protobuf binary. */
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
};

/**
 * Wraps a message as an event with the current trace.
 *
 * @param source the `ce-source`, by `eventSourceOf`.
 */
export function createEvent<Schema extends DescMessage>(
  source: string,
  schema: Schema,
  init: MessageInitShape<Schema>,
  time: Date,
): OutgoingEvent {
  const id = randomUUID();
  return {
    id,
    subject: schema.typeName,
    payload: toBinary(schema, create(schema, init)),
    headers: {
      'ce-specversion': '1.0',
      'ce-id': id,
      'ce-type': schema.typeName,
      'ce-source': source,
      'ce-time': time.toISOString(),
      'content-type': 'application/protobuf',
      ...injectTrace(),
    },
  };
}

/**
 * Reads an event's body.
 *
 * @param check adds violations, beside those of the contract's rules, of an event that violates these.
 * @throws {DomainError} `invalid_argument` EVENT_UNREADABLE when it is not a message of this type, INVALID_REQUEST when it violates the
 *   rules of the contract.
 */
export function readEvent<Schema extends DescMessage>(
  schema: Schema,
  payload: Uint8Array,
  check?: MessageCheck<Schema>,
): MessageShape<Schema> {
  const event = parseEvent(schema, payload);
  requireValid(schema, event, check as MessageCheck);
  return event;
}

function parseEvent<Schema extends DescMessage>(schema: Schema, payload: Uint8Array): MessageShape<Schema> {
  try {
    return fromBinary(schema, payload);
  } catch (error) {
    throw unreadable(schema.typeName, error);
  }
}

function unreadable(typeName: string, cause: unknown): DomainError {
  const message = `the body is no ${typeName}: ${describeError(cause)}`;
  return new DomainError({ kind: 'invalid_argument', reason: 'EVENT_UNREADABLE', message, cause });
}

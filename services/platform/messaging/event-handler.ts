// The handlers of events: one for each message type, listed in the service's routes.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Transaction } from '../storage/database.ts';
import { readEvent } from './event.ts';

/** Applies one event inside the transaction that also records it as applied. */
export type HandleEvent<Schema extends DescMessage> = (
  event: MessageShape<Schema>,
  transaction: Transaction,
) => Promise<void>;

/** A handler bound to its message type. */
export type EventHandler = {
  /** The message's full name. */
  readonly subject: string;
  apply(payload: Uint8Array, transaction: Transaction): Promise<void>;
};

/** Binds a handler to a message type. */
export function onEvent<Schema extends DescMessage>(schema: Schema, handle: HandleEvent<Schema>): EventHandler {
  return {
    subject: schema.typeName,
    apply: async (payload, transaction) => handle(readEvent(schema, payload), transaction),
  };
}

/** A service's subscription to another service: it receives all events of that service; those without a handler are ignored. */
export type Subscription = {
  /** The producing service, like `order`. */
  readonly producer: string;
  readonly handlers: readonly EventHandler[];
};

// The handlers of events: one for each message type, listed in the service's routes.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { type MessageCheck, prepareRules } from '../base/contract-rules.ts';
import type { Transaction } from '../storage/database.ts';
import { readEvent } from './event.ts';

/** Applies one event inside the transaction that also records it as applied. */
export type HandleEvent<Schema extends DescMessage> = (
  event: MessageShape<Schema>,
  transaction: Transaction,
) => Promise<void>;

/** Applies what several events ask for, of one message type or of several. */
export type ApplyAll<Item> = (items: readonly Item[], transaction: Transaction) => Promise<void>;

/** How the events of a handler are applied together: each is read alone, then `applyAll` gets the items of all. */
export type BatchApplication = {
  /** Undefined when the event changes nothing. */
  readonly read: (payload: Uint8Array) => unknown;
  /** Handlers with the same function share its call. */
  readonly applyAll: ApplyAll<unknown>;
  /** Whether applying an event again does no harm: then it is neither recorded in the inbox nor applied in a transaction. */
  readonly isIdempotent: boolean;
};

/** A handler bound to its message type. */
export type EventHandler = {
  /** The message's full name. */
  readonly subject: string;
  /** Applies one event. */
  apply(payload: Uint8Array, transaction: Transaction): Promise<void>;
  /** Without it, the events of a batch are applied one after another. */
  readonly batch?: BatchApplication;
};

/** Binds a handler to a message type. */
export function onEvent<Schema extends DescMessage>(schema: Schema, handle: HandleEvent<Schema>): EventHandler {
  prepareRules([schema]);
  return {
    subject: schema.typeName,
    apply: async (payload, transaction) => handle(readEvent(schema, payload), transaction),
  };
}

/**
 * Binds a handler that applies many events at once to a message type. A failure of `applyAll` is retried with each event alone.
 * @param read Reads what one event asks for, in the event's trace. It returns undefined when that is nothing, and throws when the
 *   event cannot be applied.
 * @param options `check` completes the violations of an event that violates its contract.
 */
export function onEvents<Schema extends DescMessage, Item>(
  schema: Schema,
  read: (event: MessageShape<Schema>) => Item | undefined,
  applyAll: ApplyAll<Item>,
  { isIdempotent = false, check }: { readonly isIdempotent?: boolean; readonly check?: MessageCheck<Schema> } = {},
): EventHandler {
  prepareRules([schema]);
  const readItem = (payload: Uint8Array): Item | undefined => read(readEvent(schema, payload, check));
  return {
    subject: schema.typeName,
    apply: async (payload, transaction) => {
      const item = readItem(payload);
      if (item !== undefined) await applyAll([item], transaction);
    },
    batch: { read: readItem, applyAll: applyAll as ApplyAll<unknown>, isIdempotent },
  };
}

/** A service's subscription to another service: it receives all events of that service; those without a handler are ignored. */
export type Subscription = {
  /** The producing service, like `order`. */
  readonly producer: string;
  readonly handlers: readonly EventHandler[];
};

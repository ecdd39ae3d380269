// What a stub does with one call, or with one message of a conversation.

import type { Message } from '@bufbuild/protobuf';
import type { Code, ConnectError, HandlerContext } from '@connectrpc/connect';
import type { Fault } from '../fault-proxy/core/fault.ts';

/** Details of an error, as ConnectError takes them: a message's schema and its value. */
export type ErrorDetails = NonNullable<ConstructorParameters<typeof ConnectError>[3]>;

export interface Failure {
  readonly code: Code;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** A conversation as a whole: reads requests and sends responses as it likes. */
export type Script = (requests: AsyncIterable<Message>, context: HandlerContext) => AsyncIterable<object>;

export type Action =
  /** `reply` is a message, a list of them or a function that returns either; `failure` follows after it. */
  | { readonly kind: 'reply'; readonly reply: unknown; readonly failure?: Failure }
  | { readonly kind: 'fail'; readonly failure: Failure }
  | { readonly kind: 'hang' }
  | { readonly kind: 'converse'; readonly script: Script };

export interface Step {
  readonly delayMs: number;
  /** Between one response and the next. */
  readonly paceMs: number;
  /** What is done to the answer on the wire. */
  readonly fault: Fault | undefined;
  readonly action: Action;
  /** For how many calls; without it for one, and as the last step for ever. */
  readonly times?: number;
  /** The state of the service after it. */
  readonly nextState?: string;
}

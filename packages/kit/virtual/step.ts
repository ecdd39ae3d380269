// The steps of a stub: what it does with one call, or with one message of a conversation.

import type { Message } from '@bufbuild/protobuf';
import type { Code, ConnectError, HandlerContext } from '@connectrpc/connect';
import type { Fault } from '../fault-proxy/core/fault.ts';

/** Details of an error, as ConnectError takes them: a message's schema and its value. */
export type ErrorDetails = NonNullable<ConstructorParameters<typeof ConnectError>[3]>;

export type Failure = {
  readonly code: Code;
  readonly message: string;
  readonly details: ErrorDetails;
};

/** The handler of a whole conversation. It reads requests and yields responses in any order. */
export type Script = (requests: AsyncIterable<Message>, context: HandlerContext) => AsyncIterable<object>;

export type Action =
  /** `reply` is a message, a list of them or a function that returns either. `failure` ends the stream after it. */
  | { readonly kind: 'reply'; readonly reply: unknown; readonly failure?: Failure }
  | { readonly kind: 'fail'; readonly failure: Failure }
  | { readonly kind: 'hang' }
  | { readonly kind: 'converse'; readonly script: Script };

export type Step = {
  readonly delayMs: number;
  /** The pause between two responses. */
  readonly paceMs: number;
  /** The wire fault of the answer. */
  readonly fault: Fault | undefined;
  readonly action: Action;
  /** For how many calls. Default: for one call, or for all further calls if it is the last step. */
  readonly times?: number;
  /** The state of the service after this step. */
  readonly nextState?: string;
};

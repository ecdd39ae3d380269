// What a test says about one RPC: which requests a stub is for, and what it does with the first, second, ... of them.

import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { Code, ConnectError, HandlerContext } from '@connectrpc/connect';

/** The RPCs that can be stubbed: those with one request. */
export type StubbableMethod = DescMethodUnary | DescMethodServerStreaming;

type ReplyValue<M extends StubbableMethod> = M extends { methodKind: 'unary' }
  ? MessageInitShape<M['output']>
  : Iterable<MessageInitShape<M['output']>> | AsyncIterable<MessageInitShape<M['output']>>;

/** Computes an answer. What it throws is the call's error. */
export type ReplyFunction<M extends StubbableMethod> = (
  request: MessageShape<M['input']>,
  context: HandlerContext,
) => ReplyValue<M> | Promise<ReplyValue<M>>;

/** An answer, or a function that computes it; for a server stream, all the messages of the answer. */
export type Reply<M extends StubbableMethod> = ReplyValue<M> | ReplyFunction<M>;

/** Details of an error, as ConnectError takes them: a message's schema and its value. */
export type ErrorDetails = NonNullable<ConstructorParameters<typeof ConnectError>[3]>;

/** A stub that does nothing yet. It counts from the first thing it is told to do. */
export interface Stub<M extends StubbableMethod> {
  /** Answers. */
  replies(reply: Reply<M>): StubSequence<M>;
  /** Fails with this error, and with its details where given. */
  fails(code: Code, message: string, details?: ErrorDetails): StubSequence<M>;
  /** Never answers: the call is over when its caller gives up or the virtual service stops. */
  hangs(): StubSequence<M>;
  /** Lets what follows happen after `ms` milliseconds, as in `.delays(100).replies({})`. */
  delays(ms: number): Stub<M>;
}

/** A stub that does something; what is added is for the calls after that. The last step is repeated for ever. */
export interface StubSequence<M extends StubbableMethod> {
  thenReplies(reply: Reply<M>): StubSequence<M>;
  thenFails(code: Code, message: string, details?: ErrorDetails): StubSequence<M>;
  thenHangs(): StubSequence<M>;
  /** Lets the step that follows happen after `ms` milliseconds. */
  thenDelays(ms: number): Stub<M>;
}

/** What happens on one call. */
export interface Step {
  readonly delayMs: number;
  readonly action:
    | { readonly kind: 'reply'; readonly reply: unknown }
    | { readonly kind: 'fail'; readonly code: Code; readonly message: string; readonly details: ErrorDetails }
    | { readonly kind: 'hang' };
}

/** Returns the builder that hands each step to `addStep`. */
export function createStub<M extends StubbableMethod>(addStep: (step: Step) => void, delayMs = 0): Stub<M> {
  const add = (action: Step['action']): StubSequence<M> => {
    addStep({ delayMs, action });
    return createSequence(addStep);
  };
  return {
    replies: (reply) => add({ kind: 'reply', reply }),
    fails: (code, message, details = []) => add({ kind: 'fail', code, message, details }),
    hangs: () => add({ kind: 'hang' }),
    delays: (ms) => createStub(addStep, delayMs + ms),
  };
}

function createSequence<M extends StubbableMethod>(addStep: (step: Step) => void): StubSequence<M> {
  const next = () => createStub<M>(addStep);
  return {
    thenReplies: (reply) => next().replies(reply),
    thenFails: (code, message, details) => next().fails(code, message, details),
    thenHangs: () => next().hangs(),
    thenDelays: (ms) => next().delays(ms),
  };
}

/** Any message, where the schema is known only at run time. */
export type AnyMessage = MessageShape<DescMessage>;

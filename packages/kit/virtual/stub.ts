// What a test says about one RPC: which requests a stub is for, and what it does with the first, second, ... of them.

import type { DescMethod, Message, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Code, HandlerContext } from '@connectrpc/connect';
import { streamsResponses } from '../base/method-kind.ts';
import { nameOf } from '../base/rpc-name.ts';
import type { Fault } from '../fault-proxy/core/fault.ts';
import { requireNumber, requireWhole } from '../fault-proxy/core/require-option.ts';
import { type BandwidthOptions, bandwidth } from '../fault-proxy/faults/bandwidth.ts';
import { type GoAwayOptions, goAway } from '../fault-proxy/faults/go-away.ts';
import { type ResetOptions, reset } from '../fault-proxy/faults/reset.ts';
import { type TruncateMessageOptions, truncateMessage } from '../fault-proxy/faults/truncate-message.ts';
import type { Action, ErrorDetails, Script, Step } from './step.ts';

type Kind = DescMethod['methodKind'];

// An RPC that is known only at run time may be of any kind.
type OfKind<M extends DescMethod, Cases extends Record<Kind | 'any', unknown>> = Kind extends M['methodKind']
  ? Cases['any']
  : Cases[M['methodKind']];

type Answer<M extends DescMethod> = MessageInitShape<M['output']>;
type Answers<M extends DescMethod> = Iterable<Answer<M>> | AsyncIterable<Answer<M>>;

/** What a reply function is given: the request, or all of them where the requests are a stream that is answered once. */
export type ReplyRequest<M extends DescMethod> = OfKind<
  M,
  {
    unary: MessageShape<M['input']>;
    server_streaming: MessageShape<M['input']>;
    client_streaming: readonly MessageShape<M['input']>[];
    bidi_streaming: MessageShape<M['input']>;
    any: Message & readonly Message[];
  }
>;

type ReplyValue<M extends DescMethod> = OfKind<
  M,
  {
    unary: Answer<M>;
    server_streaming: Answers<M>;
    client_streaming: Answer<M>;
    bidi_streaming: Answer<M> | Answers<M>;
    any: Answer<M> | Answers<M>;
  }
>;

/** Computes an answer. What it throws is the call's error. */
export type ReplyFunction<M extends DescMethod> = (
  request: ReplyRequest<M>,
  context: HandlerContext,
) => ReplyValue<M> | Promise<ReplyValue<M>>;

/**
 * An answer, or a function that computes it: one message, or where the responses are a stream all of them. In a
 * conversation it is the answer to one request: a message or several.
 */
export type Reply<M extends DescMethod> = ReplyValue<M> | ReplyFunction<M>;

/** A whole conversation: what it yields is sent. */
export type Conversation<M extends DescMethod> = (
  requests: AsyncIterable<MessageShape<M['input']>>,
  context: HandlerContext,
) => AsyncIterable<Answer<M>>;

/** Answers that can be harmed on their way. */
export interface HarmedStub<M extends DescMethod> {
  /** Answers. */
  replies(reply: Reply<M>): StubSequence<M>;
  /** Sends these messages of a stream, and then fails. */
  breaksOff(messages: Answers<M>, code: Code, message: string, details?: ErrorDetails): StubSequence<M>;
}

/** A stub that does nothing yet. It counts from the first thing it is told to do. */
export interface Stub<M extends DescMethod> extends HarmedStub<M> {
  /** Is for calls only while the service is in one of these states. */
  when(...states: [string, ...string[]]): Stub<M>;
  /** Lets what follows happen after `ms` milliseconds, as in `.delays(100).replies({})`. */
  delays(ms: number): Stub<M>;
  /** Lets `ms` milliseconds pass between the messages of the stream that follows. */
  paces(ms: number): Stub<M>;
  /** Does to the answer that follows, on the wire, what a fault of the fault proxy does. Errors of functions pass. */
  suffers(fault: Fault): HarmedStub<M>;
  /** Fails with this error, and with its details where given. */
  fails(code: Code, message: string, details?: ErrorDetails): StubSequence<M>;
  /** Never answers, not a byte: the call is over when its caller gives up or the virtual service stops. */
  hangs(): StubSequence<M>;
  /** Leads a whole conversation. No other stub of the RPC can be beside it. */
  converses(conversation: Conversation<M>): StubSequence<M>;
  /** Resets the call (HTTP/2) or the connection (HTTP/1.1) in place of an answer. */
  resets(options?: Omit<ResetOptions, 'afterBytes'>): StubSequence<M>;
  /** Sends the beginning of this answer and ends as if it were all: the first byte of its body by default. */
  truncates(reply: Reply<M>, options?: TruncateMessageOptions): StubSequence<M>;
  /** Sends this answer slowly, in small slices. */
  trickles(reply: Reply<M>, options: BandwidthOptions): StubSequence<M>;
  /** Sends GOAWAY in place of an answer. HTTP/1.1 has none: there the answer is an empty message. */
  goesAway(options?: GoAwayOptions): StubSequence<M>;
}

type Then<M extends DescMethod> = {
  readonly [Name in Exclude<keyof Stub<M>, 'when'> as `then${Capitalize<Name>}`]: Stub<M>[Name];
};

/**
 * A stub that does something. What is added is for the calls after that: `thenReplies`, `thenFails` and so on do what
 * the same word does without "then". The last step is repeated for ever.
 */
export interface StubSequence<M extends DescMethod> extends Then<M> {
  /** Does the last step so many times. When nothing follows, a call after that is a miss. */
  times(count: number): StubSequence<M>;
  /** Puts the service into this state with the last step, as soon as a call is taken. */
  becomes(state: string): StubSequence<M>;
}

/** Where a stub under construction is kept. */
export interface StubDraft {
  readonly method: DescMethod;
  /** @throws TypeError when the stub does something already. */
  restrict(states: readonly string[]): void;
  addStep(step: Step): void;
  /** Changes the last step. */
  amend(change: Pick<Step, 'times'> | Pick<Step, 'nextState'>): void;
}

/** What is done before and to the answer. */
type Manner = Pick<Step, 'delayMs' | 'paceMs' | 'fault'>;

const plainly: Manner = { delayMs: 0, paceMs: 0, fault: undefined };

/** Returns the builder that writes into `draft`. */
export function createStub<M extends DescMethod>(draft: StubDraft, manner: Manner = plainly): Stub<M> {
  const { method } = draft;
  const add = (action: Action, fault = manner.fault): StubSequence<M> => {
    draft.addStep({ ...manner, fault, action });
    return createSequence<M>(draft);
  };
  const instead: unknown = streamsResponses(method) ? [] : {};
  return {
    when(...states) {
      draft.restrict(states);
      return createStub(draft, manner);
    },
    delays: (ms) => createStub(draft, { ...manner, delayMs: manner.delayMs + requireMs('delays', ms) }),
    paces: (ms) => createStub(draft, { ...manner, paceMs: requireMs('paces', ms) }),
    suffers: (fault) => createStub(draft, { ...manner, fault: requireCallFault(fault) }),
    replies: (reply) => add({ kind: 'reply', reply }),
    breaksOff(messages, code, message, details = []) {
      if (!streamsResponses(method))
        throw new TypeError(`${nameOf(method)} answers one message: there is nothing to break off`);
      return add({ kind: 'reply', reply: messages, failure: { code, message, details } });
    },
    fails: (code, message, details = []) => add({ kind: 'fail', failure: { code, message, details } }),
    hangs: () => add({ kind: 'hang' }),
    converses(conversation) {
      if (method.methodKind !== 'bidi_streaming') throw new TypeError(`${nameOf(method)} is no conversation`);
      return add({ kind: 'converse', script: conversation as Script });
    },
    resets: (options) => add({ kind: 'reply', reply: instead }, reset(options)),
    truncates: (reply, options) => add({ kind: 'reply', reply }, truncateMessage(options)),
    trickles: (reply, options) => add({ kind: 'reply', reply }, bandwidth(options)),
    goesAway: (options) => add({ kind: 'reply', reply: instead }, goAway(options)),
  };
}

function createSequence<M extends DescMethod>(draft: StubDraft): StubSequence<M> {
  const { when: _, ...stub } = createStub<M>(draft);
  const then = Object.entries(stub).map(([name, tell]) => [
    `then${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    tell,
  ]);
  const sequence: StubSequence<M> = {
    ...(Object.fromEntries(then) as Then<M>),
    times(count) {
      requireWhole('times', count, 1);
      draft.amend({ times: count });
      return sequence;
    },
    becomes(state) {
      draft.amend({ nextState: state });
      return sequence;
    },
  };
  return sequence;
}

function requireMs(name: string, ms: number): number {
  requireNumber(name, ms);
  return ms;
}

function requireCallFault(fault: Fault): Fault {
  if (fault.hits === 'connections') throw new TypeError(`${fault.name} hits connections: an answer cannot suffer it`);
  return fault;
}

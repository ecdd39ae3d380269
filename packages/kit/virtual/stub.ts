// The builder of stubs: the requests that a stub matches, and what it does with the first, the second and further calls.

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

/** The argument of a reply function: the request, or all of them if requests are a stream and the response is not. */
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

/** Computes an answer. The call fails with the error it throws. */
export type ReplyFunction<M extends DescMethod> = (
  request: ReplyRequest<M>,
  context: HandlerContext,
) => ReplyValue<M> | Promise<ReplyValue<M>>;

/**
 * An answer, or a function that computes it: one message, or all messages if responses are a stream. In a conversation it
 * answers one request, with a message or several.
 */
export type Reply<M extends DescMethod> = ReplyValue<M> | ReplyFunction<M>;

/** Handles a whole conversation. The messages it yields are sent. */
export type Conversation<M extends DescMethod> = (
  requests: AsyncIterable<MessageShape<M['input']>>,
  context: HandlerContext,
) => AsyncIterable<Answer<M>>;

/** A stub whose answer has a wire fault. */
export type FaultedStub<M extends DescMethod> = {
  /** Answers. */
  replies(reply: Reply<M>): StubSequence<M>;
  /** Sends these messages of a stream, and then fails. */
  breaksOff(messages: Answers<M>, code: Code, message: string, details?: ErrorDetails): StubSequence<M>;
};

/** A stub without steps. It takes effect with its first step. */
export type Stub<M extends DescMethod> = FaultedStub<M> & {
  /** Matches calls only while the service is in one of these states. */
  when(...states: [string, ...string[]]): Stub<M>;
  /** Delays the step that follows by `ms` milliseconds, as in `.delays(100).replies({})`. */
  delays(ms: number): Stub<M>;
  /** Pauses for `ms` milliseconds between the messages of the stream that follows. */
  paces(ms: number): Stub<M>;
  /**
   * Applies a fault of the fault proxy to the answer that follows.
   *
   * @throws {TypeError} if the fault hits whole connections.
   */
  withFault(fault: Fault): FaultedStub<M>;
  /** Fails with this error. */
  fails(code: Code, message: string, details?: ErrorDetails): StubSequence<M>;
  /** Never answers. The call ends when its caller gives up or the virtual service stops. */
  hangs(): StubSequence<M>;
  /** Handles a whole conversation. The RPC can then have no other stub. */
  converses(conversation: Conversation<M>): StubSequence<M>;
  /** Resets the call (HTTP/2) or the connection (HTTP/1.1) in place of an answer. */
  resets(options?: Omit<ResetOptions, 'afterBytes'>): StubSequence<M>;
  /** Sends only the beginning of this answer, by default the first byte of its body, followed by a regular end. */
  truncates(reply: Reply<M>, options?: TruncateMessageOptions): StubSequence<M>;
  /** Sends this answer slowly, in small slices. */
  trickles(reply: Reply<M>, options: BandwidthOptions): StubSequence<M>;
  /** Sends GOAWAY in place of an answer. Over HTTP/1.1, which has no GOAWAY, it answers an empty message. */
  goesAway(options?: GoAwayOptions): StubSequence<M>;
};

type Then<M extends DescMethod> = {
  readonly [Name in Exclude<keyof Stub<M>, 'when'> as `then${Capitalize<Name>}`]: Stub<M>[Name];
};

/**
 * A stub with at least one step. Steps added to it are for the calls that follow: `thenReplies`, `thenFails` and so on add the
 * step of the same name without "then". The last step serves all further calls.
 */
export type StubSequence<M extends DescMethod> = Then<M> & {
  /** Limits the last step to `count` calls. If no step follows, further calls are unmatched. */
  times(count: number): StubSequence<M>;
  /** Changes the state of the service when a call reaches the last step, before the answer. */
  becomes(state: string): StubSequence<M>;
};

/** A stub in the registry, as the builder writes to it. */
export interface StubDraft {
  readonly method: DescMethod;
  /** @throws {TypeError} if the stub has a step already. */
  restrict(states: readonly string[]): void;
  addStep(step: Step): void;
  /** Changes the last step. */
  amend(change: Pick<Step, 'times'> | Pick<Step, 'nextState'>): void;
}

/** The delays and the fault of the next step. */
type StepSettings = Pick<Step, 'delayMs' | 'paceMs' | 'fault'>;

const DEFAULT_SETTINGS: StepSettings = { delayMs: 0, paceMs: 0, fault: undefined };

/** Creates the builder that writes to `draft`. */
export function createStub<M extends DescMethod>(draft: StubDraft, settings: StepSettings = DEFAULT_SETTINGS): Stub<M> {
  const { method } = draft;
  const add = (action: Action, fault = settings.fault): StubSequence<M> => {
    draft.addStep({ ...settings, fault, action });
    return createSequence<M>(draft);
  };
  const emptyReply: unknown = streamsResponses(method) ? [] : {};
  return {
    when(...states) {
      draft.restrict(states);
      return createStub(draft, settings);
    },
    delays: (ms) => createStub(draft, { ...settings, delayMs: settings.delayMs + requireMs('delays', ms) }),
    paces: (ms) => createStub(draft, { ...settings, paceMs: requireMs('paces', ms) }),
    withFault: (fault) => createStub(draft, { ...settings, fault: requireCallFault(fault) }),
    replies: (reply) => add({ kind: 'reply', reply }),
    breaksOff(messages, code, message, details = []) {
      if (!streamsResponses(method))
        throw new TypeError(`${nameOf(method)} answers with one message, so there is no stream to break off`);
      return add({ kind: 'reply', reply: messages, failure: { code, message, details } });
    },
    fails: (code, message, details = []) => add({ kind: 'fail', failure: { code, message, details } }),
    hangs: () => add({ kind: 'hang' }),
    converses(conversation) {
      if (method.methodKind !== 'bidi_streaming') throw new TypeError(`${nameOf(method)} is not a conversation`);
      return add({ kind: 'converse', script: conversation as Script });
    },
    resets: (options) => add({ kind: 'reply', reply: emptyReply }, reset(options)),
    truncates: (reply, options) => add({ kind: 'reply', reply }, truncateMessage(options)),
    trickles: (reply, options) => add({ kind: 'reply', reply }, bandwidth(options)),
    goesAway: (options) => add({ kind: 'reply', reply: emptyReply }, goAway(options)),
  };
}

function createSequence<M extends DescMethod>(draft: StubDraft): StubSequence<M> {
  const { when: _, ...stub } = createStub<M>(draft);
  const then = Object.entries(stub).map(([name, addStep]) => [
    `then${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    addStep,
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
  if (fault.hits === 'connections')
    throw new TypeError(`${fault.name} hits whole connections, so it cannot be applied to one answer`);
  return fault;
}

// The consumer's side of a contract, as a test writes it: given a state, upon receiving a call, the provider replies.

import type { DescMessage, DescMethod, JsonObject } from '@bufbuild/protobuf';
import type { Code } from '@connectrpc/connect';
import { ContractRecorder } from '../contract-file/contract-recorder.ts';
import type { ProviderState, RpcInteraction } from '../contract-file/interaction.ts';
import { declareEvent, type EventEnvelope } from '../events/declare-event.ts';
import {
  type EventDeclaration,
  type HandleOptions,
  type HandlerSource,
  handleEvents,
} from '../events/handle-events.ts';
import type { HeaderLiteral } from '../matching/header-pattern.ts';
import { compileHeaders } from '../matching/header-pattern.ts';
import type { Matcher } from '../matching/matchers.ts';
import type { MessageLiteral } from '../matching/message-literal.ts';
import {
  declareCall,
  declareFailure,
  declareReply,
  type ErrorDetail,
  type ReplyHeaders,
  type RequestLiteral,
  type ResponseLiteral,
} from './declare-rpc.ts';
import { ConsumerRuns, type UseConsumer } from './run-consumer.ts';

/** Where a contract is kept, and what it may speak of. */
export interface ContractOptions {
  /** The folder the contract file is in, or will be. */
  readonly directory: string;
  /** Types that messages may hold in a `google.protobuf.Any`, beyond those in the files of the RPCs. */
  readonly types?: readonly DescMessage[];
  /**
   * Whether a test may have the port of the one before, if that has ended in order. `false` gives each a port of its own:
   * for consumers that may call again when they have their answer, in the midst of the next test. Default `true`.
   */
  readonly keepsPort?: boolean;
}

/** A contract in the making. Nothing of it is changed by its methods: each returns what comes next. */
export interface Contract extends Given {
  /**
   * Runs a consumer that needs several interactions, as `Declaration.run` does with one.
   *
   * @throws ContractError also when two have the same description and states.
   */
  run<T>(declarations: readonly Declaration[], useConsumer: UseConsumer<T>): Promise<T>;
  /**
   * Runs a handler of several events, as `EventDeclaration.handledBy` does with one: in this order, and in others where
   * they are to be reordered.
   *
   * @throws ContractError naming the delivery and the event that the handler failed with, or the check that failed.
   */
  handle(declarations: readonly EventDeclaration[], handler: HandlerSource, options?: HandleOptions): Promise<void>;
}

/** What an interaction begins with: the states it is given, and its name. */
export interface Given {
  /** The state that the provider has to be in: a name, and what the provider's test needs to get there. */
  given(state: string, params?: JsonObject): Given;
  /** What the interaction is about. Together with the states it names the interaction within the contract. */
  uponReceiving(description: string): Upon;
}

/** What the interaction is about: a call, or an event. */
export interface Upon {
  /**
   * The RPC that the consumer calls, and what it sends: these values, and no others that are set.
   *
   * @throws TypeError for an RPC, a field, a oneof case or an enum value that does not exist, naming its path.
   */
  calls<M extends DescMethod>(method: M, request: RequestLiteral<M>): Called<M>;
  /**
   * The event that the consumer handles. Its subject is the message's full name unless the envelope has another.
   *
   * @throws TypeError as `calls` does.
   */
  event<Desc extends DescMessage>(desc: Desc, body: MessageLiteral<Desc>, envelope?: EventEnvelope): EventDeclaration;
}

/** A call that was declared, and that needs its answer. */
export interface Called<M extends DescMethod> {
  /** Headers that the call must have; others do not matter. */
  withMetadata(metadata: HeaderLiteral): Called<M>;
  /** The call must have a deadline, of at most so many milliseconds where told. */
  withDeadline(deadline?: { readonly atMostMs?: number }): Called<M>;
  /** The answer. A consumer relies on the values told, and on no others. */
  repliesWith(response: ResponseLiteral<M>, reply?: ReplyHeaders): Replied<M>;
  /** The error; a plain message is an example, a matcher holds the provider to it. */
  failsWith(code: Code, message: string | Matcher<string>, details?: readonly ErrorDetail[]): Declaration;
}

/** A declared interaction. */
export interface Declaration {
  readonly interaction: RpcInteraction;
  /**
   * Runs the consumer against a stand-in for the provider, and writes the contract when the consumer has made this call.
   *
   * @returns what `useConsumer` returned.
   * @throws ContractError when the consumer calls otherwise, or does not call at all; what `useConsumer` throws.
   */
  run<T>(useConsumer: UseConsumer<T>): Promise<T>;
}

/** A call with its answer, ready to be run. */
export type Replied<M extends DescMethod> = M extends { methodKind: 'server_streaming' | 'bidi_streaming' }
  ? Declaration & {
      /** The stream ends with this error after its messages. */
      thenFailsWith(code: Code, message: string | Matcher<string>, details?: readonly ErrorDetail[]): Declaration;
    }
  : Declaration;

/**
 * Begins the contract that `consumer` has with `provider`, kept in `<directory>/<consumer>-<provider>.json`.
 *
 * @throws TypeError when a name cannot be part of a file name.
 */
export function contract(consumer: string, provider: string, options: ContractOptions): Contract {
  const recorder = new ContractRecorder(consumer, provider, options);
  const tools: Tools = { recorder, runs: new ConsumerRuns(recorder, options.keepsPort ?? true) };
  return {
    ...given(tools, []),
    run: (declarations, useConsumer) =>
      tools.runs.run(
        declarations.map(({ interaction }) => interaction),
        useConsumer,
      ),
    handle: (declarations, handler, handleOptions) =>
      handleEvents(
        declarations.map(({ interaction }) => interaction),
        recorder,
        handler,
        handleOptions,
      ),
  };
}

// What all of a contract's declarations are run with.
interface Tools {
  readonly recorder: ContractRecorder;
  readonly runs: ConsumerRuns;
}

function given(tools: Tools, states: readonly ProviderState[]): Given {
  return {
    given: (name, params = {}) => given(tools, [...states, { name, params }]),
    uponReceiving: (description) => ({
      calls: (method, request) => called(tools, declareCall(description, states, method, request)),
      event: (desc, body, envelope = {}) => {
        const interaction = declareEvent(description, states, desc, body as object, envelope);
        return {
          interaction,
          handledBy: (handler, options) => handleEvents([interaction], tools.recorder, handler, options),
        };
      },
    }),
  };
}

function called<M extends DescMethod>(tools: Tools, interaction: RpcInteraction): Called<M> {
  return {
    withMetadata: (metadata) =>
      called(tools, {
        ...interaction,
        metadata: { ...interaction.metadata, ...compileHeaders(metadata, 'metadata') },
      }),
    withDeadline: ({ atMostMs } = {}) => called(tools, { ...interaction, deadline: { atMostMs } }),
    repliesWith: (response, reply = {}) => replied(tools, declareReply(interaction, response, reply)) as Replied<M>,
    failsWith: (code, message, details = []) => declared(tools, declareFailure(interaction, code, message, details)),
  };
}

function replied(tools: Tools, interaction: RpcInteraction) {
  return {
    ...declared(tools, interaction),
    thenFailsWith: (code: Code, message: string | Matcher<string>, details: readonly ErrorDetail[] = []) =>
      declared(tools, declareFailure(interaction, code, message, details)),
  };
}

function declared(tools: Tools, interaction: RpcInteraction): Declaration {
  return { interaction, run: (useConsumer) => tools.runs.run([interaction], useConsumer) };
}

// The consumer's side of a contract: the fluent API in which a test declares interactions.

import type { DescMessage, DescMethod, DescService, JsonObject, Registry } from '@bufbuild/protobuf';
import type { Code } from '@connectrpc/connect';
import { nameOf } from '../base/rpc-name.ts';
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
import type { KnownType } from '../matching/type-registry.ts';
import {
  declareCall,
  declareFailure,
  declareReply,
  type ErrorDetail,
  type ReplyHeaders,
  type RequestLiteral,
  type ResponseLiteral,
} from './declare-rpc.ts';
import { ConsumerRunner, type UseConsumer } from './run-consumer.ts';

/** The options of a contract. */
export type ContractOptions = {
  /** The folder of the contract file; created if missing. */
  readonly directory: string;
  /** Types that messages may hold in a `google.protobuf.Any`, beyond those in the files of the RPCs. */
  readonly types?: readonly KnownType[];
  /** The services whose RPCs are called by name, such as `greet.v1.GreetService/Greet`: those of `loadSchema`. */
  readonly services?: readonly DescService[];
  /**
   * Whether a test may reuse the port of the previous test, if that test left no call behind. `false` opens a new port for
   * each test: for consumers whose background calls could reach the next test. Default `true`.
   */
  readonly keepsPort?: boolean;
};

/** The declarations of one contract. It is immutable: each method returns the next step of a declaration. */
export type Contract = Given & {
  /**
   * Runs a consumer that needs several interactions, as `Declaration.run` does with one.
   *
   * @throws {ContractError} As `Declaration.run` does; also when two have the same description and states.
   */
  run<T>(declarations: readonly Declaration[], useConsumer: UseConsumer<T>): Promise<T>;
  /**
   * Runs a handler with several events, as `EventDeclaration.handledBy` does with one: in this order, and in other orders
   * for the delivery `reordered`.
   *
   * @throws {ContractError} The handler or the check failed: names the delivery and the event.
   */
  handle(declarations: readonly EventDeclaration[], handler: HandlerSource, options?: HandleOptions): Promise<void>;
  /**
   * Removes the interactions of the file that this contract has not recorded: those of tests that were deleted or renamed. To be called
   * when all tests of the contract have run with this one object, so not if several test files write to it, or some were skipped.
   *
   * @returns the descriptions of the removed interactions.
   * @throws {ContractFileError} The file there is no contract.
   */
  prune(): Promise<readonly string[]>;
};

/** The first step of a declaration: the provider states and the description. */
export type Given = {
  /** The state of the provider before the interaction: a name, and parameters for the provider's state handler. */
  given(state: string, params?: JsonObject): Given;
  /** The description of the interaction. Description and states identify the interaction within the contract. */
  uponReceiving(description: string): Upon;
};

/** The second step of a declaration: a call, or an event. */
export type Upon = {
  /**
   * The RPC that the consumer calls, or the name of one of the option `services`, and its request: every field that is not mentioned has to be unset.
   *
   * @throws {TypeError} An RPC, a field, a oneof case or an enum value does not exist: names its path.
   */
  calls<M extends DescMethod>(method: M | string, request: RequestLiteral<M>): Called<M>;
  /**
   * The event that the consumer handles. Its subject is the message's full name unless the envelope has another.
   *
   * @throws {TypeError} As `calls` does.
   */
  event<Desc extends DescMessage>(desc: Desc, body: MessageLiteral<Desc>, envelope?: EventEnvelope): EventDeclaration;
};

/** The third step of a declaration: the answer to a call. */
export type Called<M extends DescMethod> = {
  /** Headers that the call must have; it may have others. */
  withMetadata(metadata: HeaderLiteral): Called<M>;
  /** The call must have a deadline, of at most `atMostMs` milliseconds when that is given. */
  withDeadline(deadline?: { readonly atMostMs?: number }): Called<M>;
  /** The answer. The consumer relies on the values mentioned, and on no others. */
  repliesWith(response: ResponseLiteral<M>, reply?: ReplyHeaders): Replied<M>;
  /** The error. A plain message is only an example; a matcher is verified against the provider. */
  failsWith(code: Code, message: string | Matcher<string>, details?: readonly ErrorDetail[]): Declaration;
};

/** A declared interaction. */
export type Declaration = {
  readonly interaction: RpcInteraction;
  /**
   * Runs the consumer against a mock provider, and writes the contract when the consumer has made this call.
   *
   * @returns what `useConsumer` returned.
   * @throws {ContractError} The consumer makes another call, or none. Otherwise what `useConsumer` throws.
   */
  run<T>(useConsumer: UseConsumer<T>): Promise<T>;
};

/** A call with its answer: the last step of a declaration. */
export type Replied<M extends DescMethod> = M extends { methodKind: 'server_streaming' | 'bidi_streaming' }
  ? Declaration & {
      /** Ends the stream with this error after its messages. */
      thenFailsWith(code: Code, message: string | Matcher<string>, details?: readonly ErrorDetail[]): Declaration;
    }
  : Declaration;

/**
 * Returns the contract of `consumer` with `provider`, stored in `<directory>/<consumer>-<provider>.json`.
 *
 * @throws {TypeError} A name cannot be part of a file name.
 */
export function contract(consumer: string, provider: string, options: ContractOptions): Contract {
  const recorder = new ContractRecorder(consumer, provider, options);
  const tools: Tools = {
    recorder,
    runner: new ConsumerRunner(recorder, options.keepsPort ?? true),
    methods: new Map(
      (options.services ?? []).flatMap(({ methods }) => methods.map((method) => [nameOf(method), method])),
    ),
  };
  return {
    ...given(tools, []),
    run: (declarations, useConsumer) =>
      tools.runner.run(
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
    prune: () => recorder.prune(),
  };
}

// Shared by all declarations of a contract.
type Tools = {
  readonly recorder: ContractRecorder;
  readonly runner: ConsumerRunner;
  /** The RPCs that are known by name. */
  readonly methods: ReadonlyMap<string, DescMethod>;
};

function given(tools: Tools, states: readonly ProviderState[]): Given {
  return {
    given: (name, params = {}) => given(tools, [...states, { name, params }]),
    uponReceiving: (description) => ({
      calls: <M extends DescMethod>(named: M | string, request: RequestLiteral<M>) => {
        const method = typeof named === 'string' ? findMethod(tools, named) : named;
        return called<M>(tools, declareCall(description, states, method, request, registryOf(tools, method)));
      },
      event: (desc, body, envelope = {}) => {
        const registry = desc && tools.recorder.registryWith([desc]);
        const interaction = declareEvent(description, states, desc, body as object, envelope, registry);
        return {
          interaction,
          handledBy: (handler, options) => handleEvents([interaction], tools.recorder, handler, options),
        };
      },
    }),
  };
}

function findMethod({ methods }: Tools, name: string): DescMethod {
  const method = methods.get(name);
  if (method) return method;
  const known = methods.size === 0 ? 'the option "services" has none' : `known are ${[...methods.keys()].join(', ')}`;
  throw new TypeError(`calls: there is no RPC "${name}"; ${known}`);
}

function registryOf({ recorder }: Tools, method: DescMethod | undefined): Registry | undefined {
  return method?.parent && recorder.registryWith([method.parent]);
}

function called<M extends DescMethod>(tools: Tools, interaction: RpcInteraction): Called<M> {
  return {
    withMetadata: (metadata) =>
      called(tools, {
        ...interaction,
        metadata: { ...interaction.metadata, ...compileHeaders(metadata, 'metadata') },
      }),
    withDeadline: ({ atMostMs } = {}) => called(tools, { ...interaction, deadline: { atMostMs } }),
    repliesWith: (response, reply = {}) =>
      replied(tools, declareReply(interaction, response, reply, registryOf(tools, interaction.method))) as Replied<M>,
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
  return { interaction, run: (useConsumer) => tools.runner.run([interaction], useConsumer) };
}

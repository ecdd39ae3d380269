// What a consumer and a provider agree on: one RPC or one event, each with the state the provider is in.

import type { DescMessage, DescMethod, JsonObject } from '@bufbuild/protobuf';
import type { Code } from '@connectrpc/connect';
import type { HeaderPattern, HeaderPatterns } from '../matching/header-pattern.ts';
import type { MessagePattern } from '../matching/pattern.ts';

/** A state of the provider, by a name that both sides know. */
export type ProviderState = {
  readonly name: string;
  readonly params: JsonObject;
};

/** What the kinds of interactions have in common. Description and states together name one within a contract. */
type Named = {
  readonly description: string;
  readonly states: readonly ProviderState[];
};

/** The consumer calls an RPC. */
export type RpcInteraction = Named & {
  readonly kind: 'rpc';
  readonly method: DescMethod;
  /** One, except for client and bidirectional streams. */
  readonly requests: readonly MessagePattern[];
  readonly metadata: HeaderPatterns;
  readonly deadline: DeadlineExpectation | undefined;
  /** One, except for server and bidirectional streams; none where the call fails at once. */
  readonly responses: readonly MessagePattern[];
  readonly responseHeaders: HeaderPatterns;
  readonly responseTrailers: HeaderPatterns;
  /** How the call ends after its responses, if it does not end well. */
  readonly failure: Failure | undefined;
  /** How long a server waits before each response and before the end, in milliseconds. Default: not at all. No contract file has it. */
  readonly pauses?: readonly number[];
};

/** The consumer handles an event. */
export type EventInteraction = Named & {
  readonly kind: 'event';
  readonly desc: DescMessage;
  readonly subject: string;
  readonly headers: HeaderPatterns;
  readonly body: MessagePattern;
};

export type Interaction = RpcInteraction | EventInteraction;

/** The consumer gives its call a deadline. */
export type DeadlineExpectation = {
  /** The longest it may give, in milliseconds. */
  readonly atMostMs: number | undefined;
};

/** An error: what the consumer receives, and what the provider has to return. */
export type Failure = {
  readonly code: Code;
  /** A plain text is an example and nothing else: words may change. A matcher holds the provider to it. */
  readonly message: HeaderPattern;
  readonly details: readonly DetailPattern[];
};

export type DetailPattern = {
  readonly desc: DescMessage;
  readonly pattern: MessagePattern;
};

/** Returns what names an interaction within its contract. */
export function keyOf({ description, states }: Named): string {
  return JSON.stringify([description, states]);
}

/** Returns an interaction's name as it is shown to people. */
export function titleOf({ description, states }: Named): string {
  return states.length === 0 ? description : `${description}, given ${states.map(({ name }) => name).join(' and ')}`;
}

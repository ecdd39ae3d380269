// Turns what a test says about one RPC into an interaction: every literal is checked against the RPC's message types.

import type { DescMessage, DescMethod } from '@bufbuild/protobuf';
import type { Code } from '@connectrpc/connect';
import { nameOf } from '../base/rpc-name.ts';
import type { DetailPattern, Failure, ProviderState, RpcInteraction } from '../contract-file/interaction.ts';
import { compilePattern } from '../matching/compile-pattern.ts';
import { compileHeaders, type HeaderLiteral } from '../matching/header-pattern.ts';
import type { Matcher } from '../matching/matchers.ts';
import type { MessageLiteral } from '../matching/message-literal.ts';

/** What an RPC is sent: a literal, or the list of them where the requests are a stream. */
export type RequestLiteral<M extends DescMethod> = M extends { methodKind: 'unary' | 'server_streaming' }
  ? MessageLiteral<M['input']>
  : readonly MessageLiteral<M['input']>[];

/** What an RPC answers: a literal, or the list of them where the responses are a stream. */
export type ResponseLiteral<M extends DescMethod> = M extends { methodKind: 'unary' | 'client_streaming' }
  ? MessageLiteral<M['output']>
  : readonly MessageLiteral<M['output']>[];

/** A detail of an error: a message type, and what such a message has in it. */
export interface ErrorDetail {
  readonly desc: DescMessage;
  readonly value: object;
}

/** Returns a detail of an error, its literal checked against its type. */
export function detail<Desc extends DescMessage>(desc: Desc, value: MessageLiteral<Desc>): ErrorDetail {
  return { desc, value: value as object };
}

/** What a reply has beside its messages. */
export interface ReplyHeaders {
  readonly headers?: HeaderLiteral;
  readonly trailers?: HeaderLiteral;
}

/**
 * Returns the beginning of an interaction, without an answer.
 *
 * @throws TypeError when there is no such RPC, LiteralError when a request is none of its input type.
 */
export function declareCall(
  description: string,
  states: readonly ProviderState[],
  method: DescMethod | undefined,
  request: unknown,
): RpcInteraction {
  if (method?.kind !== 'rpc')
    throw new TypeError(`calls: "${description}" names an RPC that its service does not have`);
  const isStream = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
  return {
    kind: 'rpc',
    description,
    states,
    method,
    requests: compileMessages(method.input, request, isStream, `${nameOf(method)}: request`),
    metadata: {},
    deadline: undefined,
    responses: [],
    responseHeaders: {},
    responseTrailers: {},
    failure: undefined,
  };
}

/** Returns the interaction with its answer. @throws LiteralError when a response is none of the RPC's output type. */
export function declareReply(interaction: RpcInteraction, response: unknown, reply: ReplyHeaders): RpcInteraction {
  const { method } = interaction;
  const isStream = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming';
  return {
    ...interaction,
    responses: compileMessages(method.output, response, isStream, `${nameOf(method)}: response`),
    responseHeaders: compileHeaders(reply.headers ?? {}, 'headers'),
    responseTrailers: compileHeaders(reply.trailers ?? {}, 'trailers'),
  };
}

/** Returns the interaction ending with an error. @throws LiteralError when a detail is none of its type. */
export function declareFailure(
  interaction: RpcInteraction,
  code: Code,
  message: string | Matcher<string>,
  details: readonly ErrorDetail[],
): RpcInteraction {
  const what = `${nameOf(interaction.method)}: error`;
  const compiled = details.map(({ desc, value }, index): DetailPattern => {
    const [pattern] = compileMessages(desc, value, false, `${what} detail ${index + 1}`);
    return { desc, pattern: pattern ?? { kind: 'message', fields: [] } };
  });
  const { message: text } = compileHeaders({ message }, what);
  const failure: Failure = { code, message: text ?? { kind: 'equal', example: '' }, details: compiled };
  return { ...interaction, failure };
}

function compileMessages(desc: DescMessage, literals: unknown, isStream: boolean, what: string) {
  if (isStream && !Array.isArray(literals)) throw new TypeError(`${what}: a stream is a list of messages`);
  const list = (isStream ? literals : [literals]) as object[];
  return list.map((literal, index) => {
    try {
      return compilePattern(desc, literal);
    } catch (error) {
      const which = isStream ? `${what} ${index + 1}` : what;
      throw new TypeError(`${which}: ${(error as Error).message}`, { cause: error });
    }
  });
}

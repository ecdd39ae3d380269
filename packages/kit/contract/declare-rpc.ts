// The interaction that a test declares for one RPC, with every literal checked against the RPC's message types.

import type { DescMessage, DescMethod, Registry } from '@bufbuild/protobuf';
import type { Code } from '@connectrpc/connect';
import { streamsRequests, streamsResponses } from '../base/method-kind.ts';
import { nameOf } from '../base/rpc-name.ts';
import type { DetailPattern, Failure, ProviderState, RpcInteraction } from '../contract-file/interaction.ts';
import { compileLiteral } from '../matching/compile-literal.ts';
import { compileHeaders, type HeaderLiteral } from '../matching/header-pattern.ts';
import type { Matcher } from '../matching/matchers.ts';
import type { MessageLiteral } from '../matching/message-literal.ts';
import { createTypeRegistry } from '../matching/type-registry.ts';

/** The request of an RPC: a literal, or a list of literals when the requests are a stream; either, if the RPC is known by its name alone. */
export type RequestLiteral<M extends DescMethod> = DescMethod extends M
  ? LiteralOrList<M['input']>
  : M extends { methodKind: 'unary' | 'server_streaming' }
    ? MessageLiteral<M['input']>
    : readonly MessageLiteral<M['input']>[];

/** The response of an RPC: a literal, or a list of literals when the responses are a stream; either, if the RPC is known by its name alone. */
export type ResponseLiteral<M extends DescMethod> = DescMethod extends M
  ? LiteralOrList<M['output']>
  : M extends { methodKind: 'unary' | 'client_streaming' }
    ? MessageLiteral<M['output']>
    : readonly MessageLiteral<M['output']>[];

type LiteralOrList<Desc extends DescMessage> = MessageLiteral<Desc> | readonly MessageLiteral<Desc>[];

/** A detail of an error: a message type, and a literal of it. */
export type ErrorDetail = {
  readonly desc: DescMessage;
  readonly value: object;
};

/** Returns a detail of an error. The compiler checks its literal against its type. */
export function detail<Desc extends DescMessage>(desc: Desc, value: MessageLiteral<Desc>): ErrorDetail {
  return { desc, value: value as object };
}

/** The headers and trailers of a reply. */
export type ReplyHeaders = {
  readonly headers?: HeaderLiteral;
  readonly trailers?: HeaderLiteral;
};

/**
 * Returns an interaction with a request and no reply yet.
 *
 * @throws {TypeError} There is no such RPC, or a request does not fit its input type.
 */
export function declareCall(
  description: string,
  states: readonly ProviderState[],
  method: DescMethod | undefined,
  request: unknown,
  registry?: Registry,
): RpcInteraction {
  if (method?.kind !== 'rpc')
    throw new TypeError(`calls: "${description}" names an RPC that its service does not have`);
  return {
    kind: 'rpc',
    description,
    states,
    method,
    requests: compileMessages(method.input, request, streamsRequests(method), `${nameOf(method)}: request`, registry),
    metadata: {},
    deadline: undefined,
    responses: [],
    responseHeaders: {},
    responseTrailers: {},
    failure: undefined,
  };
}

/** Returns the interaction with its reply. @throws {TypeError} A response does not fit the RPC's output type. */
export function declareReply(
  interaction: RpcInteraction,
  response: unknown,
  reply: ReplyHeaders,
  registry?: Registry,
): RpcInteraction {
  const { method } = interaction;
  return {
    ...interaction,
    responses: compileMessages(
      method.output,
      response,
      streamsResponses(method),
      `${nameOf(method)}: response`,
      registry,
    ),
    responseHeaders: compileHeaders(reply.headers ?? {}, 'headers'),
    responseTrailers: compileHeaders(reply.trailers ?? {}, 'trailers'),
  };
}

/** Returns the interaction with an error at its end. @throws {TypeError} A detail does not fit its type. */
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

// Without a registry, JSON may hold the types of the message's own file.
function compileMessages(
  desc: DescMessage,
  literals: unknown,
  isStream: boolean,
  what: string,
  registry: Registry = createTypeRegistry([desc]),
) {
  if (isStream && !Array.isArray(literals)) throw new TypeError(`${what}: a stream is a list of messages`);
  const list = (isStream ? literals : [literals]) as object[];
  return list.map((literal, index) => {
    try {
      return compileLiteral(desc, literal, registry);
    } catch (error) {
      const which = isStream ? `${what} ${index + 1}` : what;
      throw new TypeError(`${which}: ${(error as Error).message}`, { cause: error });
    }
  });
}

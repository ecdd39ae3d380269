// The registration of an RPC that is known only at run time, whatever its kind.

import type { DescMethod, Message } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { singleResponse, streamsRequests, streamsResponses } from './method-kind.ts';

/** The requests of a call: exactly one, unless requests are a stream. */
export type Requests = Iterable<Message> | AsyncIterable<Message>;

/** Returns the responses to a call: exactly one, unless responses are a stream. */
export type AnswerRpc = (requests: Requests, context: HandlerContext) => AsyncIterable<Message>;

/** Registers an RPC whose calls `answer` answers. */
export function routeRpc(router: ConnectRouter, method: DescMethod, jsonOptions: object, answer: AnswerRpc): void {
  const answerAll = (given: Message | AsyncIterable<Message>, context: HandlerContext) =>
    answer(streamsRequests(method) ? (given as AsyncIterable<Message>) : [given as Message], context);
  const implementation = streamsResponses(method)
    ? answerAll
    : (given: Message | AsyncIterable<Message>, context: HandlerContext) => singleResponse(answerAll(given, context));
  router.rpc(method, implementation as never, { jsonOptions });
}

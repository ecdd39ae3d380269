// Interactions as the routes of a server: in all protocols, and for all four kinds of RPCs.

import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import type { RpcServerOptions } from '@touchstone/rpc-server';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders } from '../matching/header-pattern.ts';
import { toConnectError } from './connect-error.ts';
import { noteDecision } from './decided-calls.ts';
import { type IncomingCall, type InteractionBook, NoInteractionError } from './interaction-registry.ts';

type Requests = Iterable<Message> | AsyncIterable<Message>;

export interface InteractionRoutes {
  /** What a server needs to know of them. */
  readonly options: Pick<RpcServerOptions, 'routes' | 'jsonOptions'>;
  /** How many calls are being answered. */
  runningCalls(): number;
}

/** Returns routes that answer calls of these services from a book. */
export function createInteractionRoutes(services: readonly DescService[], book: InteractionBook): InteractionRoutes {
  let running = 0;
  async function* answer(method: DescMethod, requests: Requests, context: HandlerContext): AsyncGenerator<Message> {
    running += 1;
    try {
      yield* answerFromBook(book, method, requests, context);
    } catch (error) {
      throw error instanceof NoInteractionError ? tell(error) : error;
    } finally {
      running -= 1;
    }
  }
  const methods = new Set(services.flatMap((service) => service.methods));
  return {
    options: {
      routes: (router) => {
        for (const method of methods) route(router, method, (requests, context) => answer(method, requests, context));
      },
      // A field that the schema does not have is a fault of the consumer, in JSON as in binary.
      jsonOptions: { registry: book.registry, ignoreUnknownFields: false },
    },
    runningCalls: () => running,
  };
}

/**
 * Answers a call from a book. In a conversation each request gets the response of the same number as soon as it is clear
 * which conversation it is.
 *
 * @throws NoInteractionError when none accepts it, or two do; ConnectError where an interaction ends with one.
 */
export async function* answerFromBook(
  book: InteractionBook,
  method: DescMethod,
  requests: Requests,
  context: HandlerContext,
): AsyncGenerator<Message> {
  const received: Message[] = [];
  const call: IncomingCall = { method, requests: received, header: context.requestHeader };
  let answered = 0;
  for await (const request of requests) {
    received.push(request);
    if (method.methodKind !== 'bidi_streaming') continue;
    const interaction = book.foresee(call);
    if (interaction) yield* respond(interaction, answered, received.length, context);
    if (interaction) answered = received.length;
  }
  const decision = book.choose(call);
  noteDecision(context.values, decision);
  yield* respond(decision.chosen, answered, Number.POSITIVE_INFINITY, context);
  if (decision.chosen.failure) throw toConnectError(decision.chosen.failure);
}

function route(
  router: ConnectRouter,
  method: DescMethod,
  answer: (requests: Requests, context: HandlerContext) => AsyncGenerator<Message>,
): void {
  const register = (implementation: unknown) => router.rpc(method, implementation as never);
  switch (method.methodKind) {
    case 'unary':
      return void register((request: Message, context: HandlerContext) => onlyOf(answer([request], context)));
    case 'server_streaming':
      return void register((request: Message, context: HandlerContext) => answer([request], context));
    case 'client_streaming':
      return void register((requests: AsyncIterable<Message>, context: HandlerContext) =>
        onlyOf(answer(requests, context)),
      );
    case 'bidi_streaming':
      return void register(answer);
  }
}

async function onlyOf(responses: AsyncIterable<Message>): Promise<Message | undefined> {
  let last: Message | undefined;
  for await (const response of responses) last = response;
  return last;
}

function* respond(interaction: RpcInteraction, from: number, to: number, context: HandlerContext): Generator<Message> {
  setHeaders(context.responseHeader, createExampleHeaders(interaction.responseHeaders));
  setHeaders(context.responseTrailer, createExampleHeaders(interaction.responseTrailers));
  for (const pattern of interaction.responses.slice(from, to)) {
    yield createExample(interaction.method.output, pattern);
  }
}

function setHeaders(target: Headers, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) target.set(name, value);
}

function tell(error: NoInteractionError): ConnectError {
  return new ConnectError(error.message, error.isAmbiguous ? Code.Internal : Code.Unimplemented);
}

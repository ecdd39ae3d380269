// A stand-in for a provider: a real server on a real port that answers from a book of interactions, in all protocols
// and all four kinds of RPCs.

import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { type AnswerMemory, createRpcServer, type HealthRegistry } from '@touchstone/rpc-server';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders } from '../matching/header-pattern.ts';
import { toConnectError } from './connect-error.ts';
import { noteDecision } from './decided-calls.ts';
import type { RpcInteraction } from './interaction.ts';
import type { IncomingCall, InteractionBook } from './interaction-book.ts';

export interface InteractionServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly health: HealthRegistry;
  /** Ends running calls with `unavailable` and closes the port. */
  stop(): Promise<void>;
}

interface InteractionServerOptions {
  readonly services: readonly DescService[];
  readonly book: InteractionBook;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Knows the answers of calls that need not go the usual way. */
  readonly answerMemory?: AnswerMemory;
}

/** @throws Error naming host and port when the address cannot be had. */
export async function startInteractionServer(options: InteractionServerOptions): Promise<InteractionServer> {
  const methods = new Set(options.services.flatMap((service) => service.methods));
  const server = createRpcServer({
    routes: (router) => {
      for (const method of methods) route(router, method, options.book);
    },
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    // A field that the schema does not have is a fault of the consumer, in JSON as in binary.
    jsonOptions: { registry: options.book.registry, ignoreUnknownFields: false },
    ...(options.answerMemory && { answerMemory: options.answerMemory }),
  });
  const address = await server.listen();
  return { ...address, health: server.health, stop: () => server.stop({ graceMs: 0 }) };
}

function route(router: ConnectRouter, method: DescMethod, book: InteractionBook): void {
  const register = (implementation: unknown) => router.rpc(method, implementation as never);
  switch (method.methodKind) {
    case 'unary':
      return void register((request: Message, context: HandlerContext) =>
        onlyOf(answer(method, [request], context, book)),
      );
    case 'server_streaming':
      return void register((request: Message, context: HandlerContext) => answer(method, [request], context, book));
    case 'client_streaming':
      return void register((requests: AsyncIterable<Message>, context: HandlerContext) =>
        onlyOf(answer(method, requests, context, book)),
      );
    case 'bidi_streaming':
      return void register((requests: AsyncIterable<Message>, context: HandlerContext) =>
        answer(method, requests, context, book),
      );
  }
}

async function onlyOf(responses: AsyncIterable<Message>): Promise<Message | undefined> {
  let last: Message | undefined;
  for await (const response of responses) last = response;
  return last;
}

// In a conversation each request gets the response of the same number as soon as it is clear which conversation it is.
async function* answer(
  method: DescMethod,
  requests: Iterable<Message> | AsyncIterable<Message>,
  context: HandlerContext,
  book: InteractionBook,
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

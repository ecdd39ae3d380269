// The routes of a server that answers from a registry of interactions, for all four kinds of RPCs.

import { setTimeout as delay } from 'node:timers/promises';
import type { DescMethod, DescService, Message, Registry } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import type { RpcServerOptions } from '@touchstone/rpc-server';
import { singleResponse } from '../base/method-kind.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { exactJson } from '../matching/exact-json.ts';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders } from '../matching/header-pattern.ts';
import { recordMatch } from './answer-cache.ts';
import { toConnectError } from './connect-error.ts';
import { type IncomingCall, type InteractionRegistry, NoInteractionError } from './interaction-registry.ts';

type Requests = Iterable<Message> | AsyncIterable<Message>;

export type InteractionRoutes = {
  /** The options for a server that serves these routes. */
  readonly options: Pick<RpcServerOptions, 'routes' | 'allowedHosts'>;
  /** How many calls are running. */
  runningCalls(): number;
};

/** Returns routes that answer calls of these services from a registry. */
export function createInteractionRoutes(
  services: readonly DescService[],
  registry: InteractionRegistry,
): InteractionRoutes {
  let running = 0;
  async function* answer(method: DescMethod, requests: Requests, context: HandlerContext): AsyncGenerator<Message> {
    running += 1;
    try {
      yield* answerFromRegistry(registry, method, requests, context);
    } catch (error) {
      throw error instanceof NoInteractionError ? toUnmatchedError(error) : error;
    } finally {
      running -= 1;
    }
  }
  const methods = new Set(services.flatMap((service) => service.methods));
  return {
    options: {
      routes: (router) => {
        for (const method of methods) route(router, method, registry.registry, answer);
      },
      // Tests reach it by whatever name they gave it.
      allowedHosts: ['*'],
    },
    runningCalls: () => running,
  };
}

/**
 * Answers a call from a registry. In a bidirectional stream each request is answered with the response of the same number as
 * soon as only one interaction matches.
 *
 * @throws {NoInteractionError} No interaction accepts the call, or two do.
 * @throws {ConnectError} The interaction ends with an error.
 */
export async function* answerFromRegistry(
  registry: InteractionRegistry,
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
    const interaction = registry.matchPartially(call);
    if (interaction) yield* respond(interaction, answered, received.length, context);
    if (interaction) answered = received.length;
  }
  const match = registry.match(call);
  recordMatch(context.values, match);
  yield* respond(match.interaction, answered, Number.POSITIVE_INFINITY, context);
  await pause(match.interaction, match.interaction.responses.length, context);
  if (match.interaction.failure) throw toConnectError(match.interaction.failure);
}

function route(
  router: ConnectRouter,
  method: DescMethod,
  registry: Registry,
  answerCall: (method: DescMethod, requests: Requests, context: HandlerContext) => AsyncGenerator<Message>,
): void {
  // Connect ignores unknown JSON fields by default: a misspelt field of the consumer would go unnoticed.
  const options = { jsonOptions: exactJson(method, registry, 'refused') };
  const register = (implementation: unknown) => router.rpc(method, implementation as never, options);
  const answer = (requests: Requests, context: HandlerContext) => answerCall(method, requests, context);
  switch (method.methodKind) {
    case 'unary':
      return void register((request: Message, context: HandlerContext) => singleResponse(answer([request], context)));
    case 'server_streaming':
      return void register((request: Message, context: HandlerContext) => answer([request], context));
    case 'client_streaming':
      return void register((requests: AsyncIterable<Message>, context: HandlerContext) =>
        singleResponse(answer(requests, context)),
      );
    case 'bidi_streaming':
      return void register(answer);
  }
}

async function* respond(
  interaction: RpcInteraction,
  from: number,
  to: number,
  context: HandlerContext,
): AsyncGenerator<Message> {
  setHeaders(context.responseHeader, createExampleHeaders(interaction.responseHeaders));
  setHeaders(context.responseTrailer, createExampleHeaders(interaction.responseTrailers));
  for (const [index, pattern] of interaction.responses.slice(from, to).entries()) {
    await pause(interaction, from + index, context);
    yield createExample(interaction.method.output, pattern);
  }
}

/** Waits before a response, or before the end, as the interaction says. @throws the reason of the abort, if the call is aborted. */
async function pause({ pauses }: RpcInteraction, index: number, { signal }: HandlerContext): Promise<void> {
  const pauseMs = pauses?.[index] ?? 0;
  if (pauseMs === 0) return;
  try {
    await delay(pauseMs, undefined, { signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}

function setHeaders(target: Headers, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) target.set(name, value);
}

function toUnmatchedError(error: NoInteractionError): ConnectError {
  return new ConnectError(error.message, error.isAmbiguous ? Code.Internal : Code.Unimplemented);
}

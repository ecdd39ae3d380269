// The routes of a server that answers from a registry of interactions, for all four kinds of RPCs.

import { setTimeout as delay } from 'node:timers/promises';
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type ContextValues, type HandlerContext } from '@connectrpc/connect';
import { type Requests, routeRpc } from '../base/route-rpc.ts';
import { nameOf } from '../base/rpc-name.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { exactJson } from '../matching/exact-json.ts';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders } from '../matching/header-pattern.ts';
import { UnmatchedError } from '../matching/match-call.ts';
import { toConnectError } from './connect-error.ts';
import type { IncomingCall, InteractionRegistry } from './interaction-registry.ts';

export type InteractionRoutes = {
  register(router: ConnectRouter): void;
  /** Observes a call from before its request is read. */
  watch(context: HandlerContext): void;
  /** How many calls are running. */
  runningCalls(): number;
};

/** Returns routes that answer calls of these services from a registry. */
export function createInteractionRoutes(
  services: readonly DescService[],
  registry: InteractionRegistry,
): InteractionRoutes {
  let running = 0;
  const read = new WeakSet<ContextValues>();
  const recordUnread = (method: DescMethod, error: unknown) => {
    if (!(error instanceof ConnectError) || error.code !== Code.InvalidArgument) return;
    registry.recordRefused(`${nameOf(method)}: the request cannot be read: ${error.rawMessage}`);
  };
  async function* readAll(method: DescMethod, requests: Requests): AsyncGenerator<Message> {
    try {
      yield* requests;
    } catch (error) {
      recordUnread(method, error);
      throw error;
    }
  }
  async function* answer(method: DescMethod, requests: Requests, context: HandlerContext): AsyncGenerator<Message> {
    running += 1;
    read.add(context.values);
    try {
      yield* answerFromRegistry(registry, method, readAll(method, requests), context);
    } catch (error) {
      throw error instanceof UnmatchedError ? new ConnectError(error.message, error.code) : error;
    } finally {
      running -= 1;
    }
  }
  const methods = new Set(services.flatMap((service) => service.methods));
  return {
    register(router) {
      for (const method of methods) {
        // Connect ignores unknown JSON fields by default: a misspelt field of the consumer would go unnoticed.
        const jsonOptions = exactJson(method, registry.registry, 'refused');
        routeRpc(router, method, jsonOptions, (requests, context) => answer(method, requests, context));
      }
    },
    watch({ method, signal, values }) {
      // Connect ends a call with its error before it answers. A call whose single request cannot be read gets no further.
      signal.addEventListener('abort', () => {
        if (!read.has(values)) recordUnread(method, signal.reason);
      });
    },
    runningCalls: () => running,
  };
}

/**
 * Answers a call from a registry. In a bidirectional stream each request is answered with the response of the same number as
 * soon as only one interaction matches.
 *
 * @throws {UnmatchedError} No interaction accepts the call, or two do.
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
  const interaction = registry.match(call);
  yield* respond(interaction, answered, Number.POSITIVE_INFINITY, context);
  await pause(interaction, interaction.responses.length, context);
  if (interaction.failure) throw toConnectError(interaction.failure);
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

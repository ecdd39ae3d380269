// The answers to calls that match no stub, from the interactions of contracts.

import type { DescMethod, Message } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import type { Requests } from '../base/route-rpc.ts';
import { answerFromRegistry } from '../contract/interaction-routes.ts';
import type { SelectedInteractions } from '../contract/selected-interactions.ts';
import { UnmatchedError } from '../matching/match-call.ts';

/** A call that matches no stub. */
export type UnstubbedCall = {
  readonly method: DescMethod;
  readonly requests: Requests;
  readonly context: HandlerContext;
  /** Why no stub matches, for the error. */
  readonly why: UnmatchedError;
};

/** Returns whether an interaction of the selected states calls this RPC. */
export function covers({ registry }: SelectedInteractions, method: DescMethod): boolean {
  return registry.interactions.some((interaction) => interaction.method === method);
}

/**
 * Answers a call as its interaction says.
 *
 * @throws {UnmatchedError} No interaction accepts the call, or two do.
 * @throws {ConnectError} The interaction ends with an error.
 */
export async function* answerFromContract(
  { registry }: SelectedInteractions,
  { method, requests, context, why }: UnstubbedCall,
): AsyncGenerator<Message> {
  try {
    yield* answerFromRegistry(registry, method, requests, context);
  } catch (error) {
    if (!(error instanceof UnmatchedError)) throw error;
    const { code, nearest = why.nearest } = error;
    throw new UnmatchedError(`${error.message}; ${why.message}`, { code, nearest, cause: error });
  }
}

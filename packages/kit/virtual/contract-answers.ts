// The interactions of contract files, as what a virtual service answers where no stub is for a call.

import type { DescMethod, DescService, Message, Registry } from '@bufbuild/protobuf';
import { Code, type HandlerContext } from '@connectrpc/connect';
import { InteractionRegistry, NoInteractionError } from '../contract/interaction-registry.ts';
import { answerFromRegistry } from '../contract/interaction-routes.ts';
import { loadInteractions, selectGiven } from '../contract/load-interactions.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { StubError } from './stub-registry.ts';

interface ContractSource {
  readonly services: readonly DescService[];
  readonly registry: Registry;
  /** Those interactions only that are given none but these states. */
  readonly states: readonly string[] | undefined;
}

export class ContractAnswers {
  readonly #interactions: readonly RpcInteraction[];
  readonly #book: InteractionRegistry;

  constructor(interactions: readonly RpcInteraction[], registry: Registry) {
    this.#interactions = interactions;
    this.#book = new InteractionRegistry(interactions, { registry, ignoresDeadline: true });
  }

  /** Tells whether there is an interaction with this RPC. */
  covers(method: DescMethod): boolean {
    return this.#interactions.some((interaction) => interaction.method === method);
  }

  /**
   * Answers a call as its interaction says.
   *
   * @param why what is told of the stubs when no interaction accepts the call either.
   * @throws StubError when none accepts it, or two do; ConnectError where an interaction ends with one.
   */
  async *answer(
    method: DescMethod,
    requests: Iterable<Message> | AsyncIterable<Message>,
    context: HandlerContext,
    why: string,
  ): AsyncGenerator<Message> {
    try {
      yield* answerFromRegistry(this.#book, method, requests, context);
    } catch (error) {
      if (!(error instanceof NoInteractionError)) throw error;
      const code = error.isAmbiguous ? Code.Internal : Code.Unimplemented;
      throw new StubError(`${error.message}; ${why}`, { code, cause: error });
    }
  }
}

/**
 * Reads contracts: a file, a folder or a list of both.
 *
 * @throws ContractFileError when a file cannot be read or does not fit the services, when there is nothing in them to
 *   answer, or no interaction is given one of the states.
 */
export async function loadContractAnswers(
  files: string | readonly string[],
  { services, registry, states }: ContractSource,
): Promise<ContractAnswers> {
  const interactions = await loadInteractions(files, { services, registry });
  return new ContractAnswers(selectGiven(interactions, states, 'contractStates'), registry);
}

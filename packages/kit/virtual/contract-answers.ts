// The interactions of contract files, from which a virtual service answers calls that match no stub.

import type { DescMethod, DescService, Message, Registry } from '@bufbuild/protobuf';
import { Code, type HandlerContext } from '@connectrpc/connect';
import { InteractionRegistry, NoInteractionError } from '../contract/interaction-registry.ts';
import { answerFromRegistry } from '../contract/interaction-routes.ts';
import { loadInteractions, selectGiven } from '../contract/load-interactions.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { StubError } from './stub-registry.ts';

type ContractSource = {
  readonly services: readonly DescService[];
  readonly registry: Registry;
  /** Leaves out interactions that need any other state. */
  readonly states: readonly string[] | undefined;
};

export class ContractAnswers {
  readonly #interactions: readonly RpcInteraction[];
  readonly #registry: InteractionRegistry;

  constructor(interactions: readonly RpcInteraction[], registry: Registry, prefersGiven: boolean) {
    this.#interactions = interactions;
    this.#registry = new InteractionRegistry(interactions, { registry, ignoresDeadline: true, prefersGiven });
  }

  /** Returns whether an interaction calls this RPC. */
  covers(method: DescMethod): boolean {
    return this.#interactions.some((interaction) => interaction.method === method);
  }

  /**
   * Answers a call as its interaction says.
   *
   * @param why the reason why no stub matches, for the error.
   * @throws {StubError} if no interaction accepts the call, or two do.
   * @throws {ConnectError} if the interaction ends with an error.
   */
  async *answer(
    method: DescMethod,
    requests: Iterable<Message> | AsyncIterable<Message>,
    context: HandlerContext,
    why: string,
  ): AsyncGenerator<Message> {
    try {
      yield* answerFromRegistry(this.#registry, method, requests, context);
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
 * @throws {ContractFileError} if a file cannot be read or does not fit the services, or if no interaction is left to answer.
 */
export async function loadContractAnswers(
  files: string | readonly string[],
  { services, registry, states }: ContractSource,
): Promise<ContractAnswers> {
  const interactions = await loadInteractions(files, { services, registry });
  return new ContractAnswers(selectGiven(interactions, states, 'contractStates'), registry, states !== undefined);
}

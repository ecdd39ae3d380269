// The interactions of contract files, from which a virtual service answers calls that match no stub.

import type { DescMethod, DescService, Message, Registry } from '@bufbuild/protobuf';
import { Code, type HandlerContext } from '@connectrpc/connect';
import { InteractionRegistry, NoInteractionError } from '../contract/interaction-registry.ts';
import { answerFromRegistry } from '../contract/interaction-routes.ts';
import { loadInteractions, selectGiven } from '../contract/load-interactions.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { type Mismatch, StubError } from './stub-registry.ts';

type ContractSource = {
  readonly services: readonly DescService[];
  readonly registry: Registry;
  /** Leaves out interactions that need any other state. */
  readonly states: readonly string[] | undefined;
};

export class ContractAnswers {
  readonly #interactions: readonly RpcInteraction[];
  readonly #registry: InteractionRegistry;
  readonly #firstStates: readonly string[] | undefined;
  #states: readonly string[] | undefined;

  /** @throws {ContractFileError} if no interaction is given one of the states. */
  constructor(interactions: readonly RpcInteraction[], registry: Registry, states: readonly string[] | undefined) {
    this.#interactions = interactions;
    this.#registry = new InteractionRegistry([], { registry, ignoresDeadline: true });
    this.#firstStates = states;
    this.use(states);
  }

  /** The names of all states of its interactions. */
  get knownStates(): readonly string[] {
    return [...new Set(this.#interactions.flatMap(({ states }) => states.map(({ name }) => name)))];
  }

  /** The selected states; `undefined` if all interactions answer. */
  get states(): readonly string[] | undefined {
    return this.#states;
  }

  /**
   * Answers with the interactions of these states from now on; with all of them if `states` is undefined.
   *
   * @throws {ContractFileError} if no interaction is given one of the states.
   */
  use(states: readonly string[] | undefined): void {
    this.#registry.use(selectGiven(this.#interactions, states, 'contractStates'), states !== undefined);
    this.#states = states;
  }

  /** Returns to the states of the beginning, and forgets which interactions answered. */
  reset(): void {
    this.#registry.clear();
    this.use(this.#firstStates);
  }

  /** Returns whether an interaction of the selected states calls this RPC. */
  covers(method: DescMethod): boolean {
    return this.#registry.interactions.some((interaction) => interaction.method === method);
  }

  /**
   * Answers a call as its interaction says.
   *
   * @param why why no stub matches, for the error.
   * @throws {StubError} if no interaction accepts the call, or two do.
   * @throws {ConnectError} if the interaction ends with an error.
   */
  async *answer(
    method: DescMethod,
    requests: Iterable<Message> | AsyncIterable<Message>,
    context: HandlerContext,
    why: Mismatch,
  ): AsyncGenerator<Message> {
    try {
      yield* answerFromRegistry(this.#registry, method, requests, context);
    } catch (error) {
      if (!(error instanceof NoInteractionError)) throw error;
      const code = error.isAmbiguous ? Code.Internal : Code.Unimplemented;
      const nearest = error.nearest ?? why.nearest;
      throw new StubError(`${error.message}; ${why.message}`, { code, nearest, cause: error });
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
  return new ContractAnswers(interactions, registry, states);
}

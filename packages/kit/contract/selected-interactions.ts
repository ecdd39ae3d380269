// The RPC interactions of contract files, for a server that answers in the provider's place: those that the selected states allow.

import { ContractFileError } from '../contract-file/contract-document.ts';
import { loadContracts } from '../contract-file/contract-store.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { readInteraction, type Schema } from '../contract-file/interaction-json.ts';
import { InteractionRegistry } from './interaction-registry.ts';

/** Which interactions answer. */
export type StateSelection = {
  /** Leaves out interactions that need any other state. Default: all interactions answer. */
  readonly states: readonly string[] | undefined;
  /** The name of the option that has the states, for errors. */
  readonly option: string;
};

/** Interactions that answer calls, whatever deadlines their contracts expect. */
export class SelectedInteractions {
  readonly registry: InteractionRegistry;
  readonly #all: readonly RpcInteraction[];
  readonly #first: StateSelection;
  #states: readonly string[] | undefined;

  /** @throws {ContractFileError} No interaction is given one of the states. */
  constructor(all: readonly RpcInteraction[], { registry }: Pick<Schema, 'registry'>, selection: StateSelection) {
    this.#all = all;
    this.#first = selection;
    this.registry = new InteractionRegistry([], { registry, ignoresDeadline: true });
    this.use(selection.states);
  }

  /** The names of all states of its interactions. */
  get knownStates(): readonly string[] {
    return [...new Set(this.#all.flatMap(({ states }) => states.map(({ name }) => name)))];
  }

  /** The selected states; `undefined` if all interactions answer. */
  get states(): readonly string[] | undefined {
    return this.#states;
  }

  /**
   * Answers with the interactions of these states from now on; with all of them if `states` is undefined.
   *
   * @throws {ContractFileError} No interaction is given one of the states: names them all.
   */
  use(states: readonly string[] | undefined): void {
    this.registry.use(states === undefined ? this.#all : this.#givenAll(states), states !== undefined);
    this.#states = states;
  }

  /** Returns to the states of the beginning, and forgets the calls. */
  reset(): void {
    this.registry.clear();
    this.use(this.#first.states);
  }

  #givenAll(states: readonly string[]): RpcInteraction[] {
    const unknown = states.find((name) => !this.knownStates.includes(name));
    if (unknown !== undefined) {
      const existing = this.knownStates.join(', ') || 'none';
      throw new ContractFileError(
        `${this.#first.option}: no interaction is given "${unknown}"; the states are: ${existing}`,
      );
    }
    return this.#all.filter((interaction) => interaction.states.every(({ name }) => states.includes(name)));
  }
}

/**
 * Reads the RPC interactions of contracts: of a file, a folder or a list of both.
 *
 * @throws {ContractFileError} A file cannot be read or does not fit the services, there is no interaction in the files, or none is given
 *   one of the states.
 */
export async function loadInteractions(
  files: string | readonly string[],
  schema: Schema,
  selection: StateSelection,
): Promise<SelectedInteractions> {
  const contracts = await loadContracts(files);
  const interactions = contracts
    .flatMap(({ document }) => document.interactions)
    .filter(({ type }) => type !== 'Asynchronous/Messages')
    .map((json) => readInteraction(json, schema) as RpcInteraction);
  if (interactions.length === 0) throw new ContractFileError(`${[files].flat().join(', ')}: no interaction to answer`);
  return new SelectedInteractions(interactions, schema, selection);
}

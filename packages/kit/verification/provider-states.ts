// Brings a provider into the states that an interaction is given, and out of them again.

import type { JsonObject } from '@bufbuild/protobuf';
import { reasonOf } from '../base/error-reason.ts';
import { ResourceStack } from '../base/resource-stack.ts';
import { type Interaction, type ProviderState, titleOf } from '../contract-file/interaction.ts';

/** Brings the provider into a state. What it returns is undone after the interaction, and has the values that the state has chosen. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler with nothing to undo returns nothing.
export type StateHandler = (params: JsonObject) => StateOutcome | void | Promise<StateOutcome | void>;

/** What comes of bringing the provider into a state. */
export type StateOutcome = {
  /** Undoes the state. */
  teardown?(): unknown;
  /** The values of `fromState` by name, in proto3 JSON, such as the id that a database gave. */
  readonly values?: JsonObject;
};

/** What undoes a state. */
export type Teardown = Required<Pick<StateOutcome, 'teardown'>>;

/** Handlers by the name of the state. */
export type StateHandlers = Readonly<Record<string, StateHandler>>;

/** A state could not be reached or left: names it. */
export class StateError extends Error {}

/**
 * Checks that there is a handler for every state.
 *
 * @throws {StateError} naming each state that has none, and an interaction that is given it.
 */
export function assertHandled(interactions: readonly Interaction[], handlers: StateHandlers): void {
  const missing = new Map<string, string>();
  for (const interaction of interactions) {
    for (const { name } of interaction.states) {
      if (!Object.hasOwn(handlers, name)) missing.set(name, titleOf(interaction));
    }
  }
  if (missing.size === 0) return;
  const list = [...missing].map(([name, title]) => `\n  "${name}", for "${title}"`).join('');
  throw new StateError(`states: there is no handler for${list}`);
}

/**
 * Runs `act` in these states: set up in their order, torn down in reverse, also when something fails. It gets the parameters of the states
 * and the values that their handlers returned.
 *
 * @throws {StateError} naming the state whose handler or teardown threw; what `act` threw.
 */
export async function inStates<T>(
  states: readonly ProviderState[],
  handlers: StateHandlers,
  act: (values: JsonObject) => Promise<T>,
): Promise<T> {
  await using reached = new ResourceStack();
  const values: JsonObject = {};
  for (const { name, params } of states) {
    const outcome = await named(name, 'setting it up', () => handlers[name]?.(params));
    if (outcome?.teardown) reached.defer(() => named(name, 'tearing it down', () => outcome.teardown?.()));
    Object.assign(values, params, outcome?.values);
  }
  return await act(values);
}

async function named<T>(name: string, what: string, act: () => T): Promise<Awaited<T>> {
  try {
    return await act();
  } catch (error) {
    const reason = reasonOf(error);
    throw new StateError(`state "${name}": ${what} failed: ${reason}`, { cause: error });
  }
}

// The RPC interactions of contract files, for a server that answers in the provider's place.

import { ContractFileError } from '../contract-file/contract-document.ts';
import { loadContracts } from '../contract-file/contract-store.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { readInteraction, type Schema } from '../contract-file/interaction-json.ts';

/**
 * Reads the RPC interactions of contracts: of a file, a folder or a list of both.
 *
 * @throws {ContractFileError} A file cannot be read or does not fit the services, or there is no interaction in the files.
 */
export async function loadInteractions(files: string | readonly string[], schema: Schema): Promise<RpcInteraction[]> {
  const contracts = await loadContracts(files);
  const interactions = contracts
    .flatMap(({ document }) => document.interactions)
    .filter(({ type }) => type !== 'Asynchronous/Messages')
    .map((json) => readInteraction(json, schema) as RpcInteraction);
  if (interactions.length === 0) throw new ContractFileError(`${[files].flat().join(', ')}: no interaction to answer`);
  return interactions;
}

/**
 * Returns the interactions whose states are all in `states`; all interactions when `states` is `undefined`.
 *
 * @param option the name of the option that has the states, for errors.
 * @throws {ContractFileError} No interaction is given one of the states.
 */
export function selectGiven(
  interactions: readonly RpcInteraction[],
  states: readonly string[] | undefined,
  option: string,
): readonly RpcInteraction[] {
  if (states === undefined) return interactions;
  const known = new Set(interactions.flatMap((interaction) => interaction.states.map(({ name }) => name)));
  const unknown = states.find((name) => !known.has(name));
  if (unknown !== undefined) {
    const existing = [...known].join(', ') || 'none';
    throw new ContractFileError(`${option}: no interaction is given "${unknown}"; the states are: ${existing}`);
  }
  return interactions.filter((interaction) => interaction.states.every(({ name }) => states.includes(name)));
}

// The RPCs of contract files, for whoever plays their provider.

import { ContractFileError } from '../contract-file/contract-document.ts';
import { loadContracts } from '../contract-file/contract-store.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { readInteraction, type Schema } from '../contract-file/interaction-json.ts';

/**
 * Reads the RPC interactions of contracts: of a file, a folder or a list of both.
 *
 * @throws ContractFileError when a file cannot be read or does not fit the services, or there is no interaction in them.
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
 * Returns the interactions that are given no other states than these; all of them where `states` is `undefined`.
 *
 * @param option the name of the option that has the states, for errors.
 * @throws ContractFileError when no interaction is given one of them.
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
    const there = [...known].join(', ') || 'none';
    throw new ContractFileError(`${option}: no interaction is given "${unknown}"; there is ${there}`);
  }
  return interactions.filter((interaction) => interaction.states.every(({ name }) => states.includes(name)));
}

// The events of contract files as their consumers tested them: mocks of what the provider publishes.

import { ContractFileError } from '../contract-file/contract-document.ts';
import { loadContracts } from '../contract-file/contract-store.ts';
import type { EventInteraction } from '../contract-file/interaction.ts';
import { readInteraction } from '../contract-file/interaction-json.ts';
import { createTypeRegistry, type KnownType } from '../matching/type-registry.ts';
import type { CapturedEvent } from './captured-event.ts';
import { createExampleEvent } from './declare-event.ts';

/**
 * Returns an example of each event in contracts: files, folders of them, or both.
 *
 * @throws {ContractFileError} A file cannot be read or does not fit the types, or there is no event in the files.
 */
export async function loadExampleEvents(
  files: string | readonly string[],
  types: readonly KnownType[],
): Promise<CapturedEvent[]> {
  const registry = createTypeRegistry(types);
  const contracts = await loadContracts(files);
  const events = contracts
    .flatMap(({ document }) => document.interactions)
    .filter(({ type }) => type === 'Asynchronous/Messages')
    .map((json) => createExampleEvent(readInteraction(json, { services: [], registry }) as EventInteraction));
  if (events.length === 0) throw new ContractFileError(`${[files].flat().join(', ')}: there is no event to publish`);
  return events;
}

// The recorder of a contract: writes the interactions that a test exercised to the contract file, one for each name.

import type { DescMessage, DescService, Registry } from '@bufbuild/protobuf';
import { createTypeRegistry, type KnownType } from '../matching/type-registry.ts';
import { renderInteraction } from './contract-document.ts';
import { ContractError } from './contract-error.ts';
import { ContractStore } from './contract-store.ts';
import { type Interaction, keyOf, titleOf } from './interaction.ts';
import { identityOf, writeInteraction } from './interaction-json.ts';
import { noteRecorded } from './recorded-run.ts';

type RecorderOptions = {
  readonly directory: string;
  readonly types?: readonly KnownType[];
};

/** Writes the interactions of one contract to its file. */
export class ContractRecorder {
  readonly consumer: string;
  readonly provider: string;
  readonly #types: readonly KnownType[];
  readonly #store: ContractStore;
  readonly #written = new Map<string, string>();
  #last: { readonly types: Set<DescService | KnownType>; readonly registry: Registry } | undefined;

  /** @throws {TypeError} when a name cannot be part of a file name. */
  constructor(consumer: string, provider: string, options: RecorderOptions) {
    this.consumer = consumer;
    this.provider = provider;
    this.#types = options.types ?? [];
    this.#store = new ContractStore(options.directory, consumer, provider);
  }

  /** Returns what may be in a `google.protobuf.Any` of these interactions. */
  registryOf(interactions: readonly Interaction[]): Registry {
    return this.registryWith(typesOf(interactions));
  }

  /** Returns what may be in a `google.protobuf.Any` of messages of these services and types. */
  registryWith(own: readonly (DescService | KnownType)[]): Registry {
    const types = new Set([...own, ...this.#types]);
    // Most tests of a contract use the same service as the previous test.
    if (this.#last?.types.symmetricDifference(types).size !== 0) {
      this.#last = { types, registry: createTypeRegistry([...types]) };
    }
    return this.#last.registry;
  }

  /**
   * Writes interactions into the contract's file.
   *
   * @returns the file's path.
   * @throws {ContractError} when one has the name of another that this contract has already recorded.
   */
  async record(interactions: readonly Interaction[]): Promise<string> {
    const registry = this.registryOf(interactions);
    const jsons = interactions.map((interaction) => {
      const json = writeInteraction(interaction, registry);
      const text = renderInteraction(json);
      const before = this.#written.get(keyOf(interaction)) ?? text;
      if (before !== text) {
        throw new ContractError(`"${titleOf(interaction)}" names two different interactions: rename one of them`);
      }
      this.#written.set(keyOf(interaction), text);
      return json;
    });
    await this.#store.merge(jsons);
    noteRecorded(this.#store.file, interactions.map(keyOf));
    return this.#store.file;
  }

  /** Removes the interactions of the file that this contract has not recorded, and returns their descriptions. */
  async prune(): Promise<string[]> {
    const removed = await this.#store.prune((json) => this.#written.has(identityOf(json)));
    return removed.map(({ description }) => description);
  }
}

function typesOf(interactions: readonly Interaction[]): (DescService | DescMessage)[] {
  return interactions.flatMap((interaction): (DescService | DescMessage)[] => {
    if (interaction.kind === 'event') return [interaction.desc];
    const details = interaction.failure?.details ?? [];
    return [interaction.method.parent, ...details.map(({ desc }) => desc)];
  });
}

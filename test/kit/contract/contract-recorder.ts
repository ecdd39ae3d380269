// Takes the interactions that a test has seen exercised to the contract's file. One name stands for one interaction.

import type { DescMessage, DescService, Registry } from '@bufbuild/protobuf';
import { createTypeRegistry } from '../matching/type-registry.ts';
import { fileNameOf } from './contract-document.ts';
import { ContractError } from './contract-error.ts';
import { storeInteractions } from './contract-store.ts';
import { type Interaction, keyOf, titleOf } from './interaction.ts';
import { writeInteraction } from './interaction-json.ts';

interface RecorderOptions {
  readonly directory: string;
  readonly types?: readonly DescMessage[];
}

/** The way of a contract's interactions to its file. */
export class ContractRecorder {
  readonly consumer: string;
  readonly provider: string;
  readonly #options: RecorderOptions;
  readonly #written = new Map<string, string>();

  /** @throws TypeError when a name cannot be part of a file name. */
  constructor(consumer: string, provider: string, options: RecorderOptions) {
    fileNameOf(consumer, provider);
    this.consumer = consumer;
    this.provider = provider;
    this.#options = options;
  }

  /** Returns what may be in a `google.protobuf.Any` of these interactions. */
  registryOf(interactions: readonly Interaction[]): Registry {
    const own = interactions.flatMap((interaction): (DescService | DescMessage)[] => {
      if (interaction.kind === 'event') return [interaction.desc];
      const details = interaction.failure?.details ?? [];
      return [interaction.method.parent, ...details.map(({ desc }) => desc)];
    });
    return createTypeRegistry([...own, ...(this.#options.types ?? [])]);
  }

  /**
   * Writes interactions into the contract's file.
   *
   * @returns the file's path.
   * @throws ContractError when one has the name of another that this contract has already recorded.
   */
  async record(interactions: readonly Interaction[]): Promise<string> {
    const registry = this.registryOf(interactions);
    const jsons = interactions.map((interaction) => {
      const json = writeInteraction(interaction, registry);
      const text = JSON.stringify(json);
      const before = this.#written.get(keyOf(interaction)) ?? text;
      if (before !== text) {
        throw new ContractError(
          `"${titleOf(interaction)}" stands for two different interactions: give one another name`,
        );
      }
      this.#written.set(keyOf(interaction), text);
      return json;
    });
    return storeInteractions(this.#options.directory, this.consumer, this.provider, jsons);
  }
}

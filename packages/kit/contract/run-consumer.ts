// The run of a consumer against a mock provider, and the record of the interactions that the consumer exercised.

import { ContractError } from '../contract-file/contract-error.ts';
import type { ContractRecorder } from '../contract-file/contract-recorder.ts';
import { type RpcInteraction, titleOf } from '../contract-file/interaction.ts';
import { findDuplicates, type InteractionRegistry } from './interaction-registry.ts';
import { type MockProvider, MockProviderPool } from './mock-provider-pool.ts';

/** Runs the consumer against a mock provider. */
export type UseConsumer<T> = (provider: MockProvider) => T | Promise<T>;

/** Runs the consumer of one contract. */
export class ConsumerRunner {
  readonly #recorder: ContractRecorder;
  readonly #providers: MockProviderPool;

  constructor(recorder: ContractRecorder, keepsPort: boolean) {
    this.#recorder = recorder;
    this.#providers = new MockProviderPool(keepsPort);
  }

  /**
   * Runs `useConsumer`, and writes the contract when every interaction was exercised and every call matched one.
   *
   * @returns what `useConsumer` returned.
   * @throws {ContractError} A call matched no interaction, or an interaction had no call: names them all. Otherwise what
   *   `useConsumer` throws.
   */
  async run<T>(interactions: readonly RpcInteraction[], useConsumer: UseConsumer<T>): Promise<T> {
    assertRunnable(interactions);
    const recorder = this.#recorder;
    return this.#providers.withProvider(
      interactions,
      recorder.registryOf(interactions),
      async ({ provider, registry }) => {
        let result: T;
        try {
          result = await useConsumer(provider);
        } catch (error) {
          // An unmatched call is the likely reason why the consumer failed, and the more useful error.
          assertAllMatched(registry, recorder, error);
          throw error;
        }
        assertAllMatched(registry, recorder);
        assertAllExercised(registry, recorder);
        await recorder.record(interactions);
        return result;
      },
    );
  }
}

function assertRunnable(interactions: readonly RpcInteraction[]): void {
  if (interactions.length === 0) throw new ContractError('there is no interaction to run a consumer against');
  const [duplicate] = findDuplicates(interactions);
  if (duplicate !== undefined) throw new ContractError(`two interactions are named "${duplicate}": rename one of them`);
}

function assertAllMatched(
  registry: InteractionRegistry,
  { consumer, provider }: ContractRecorder,
  cause?: unknown,
): void {
  const unmatched = registry.unmatchedRequests();
  if (unmatched.length === 0) return;
  const list = [...new Set(unmatched)].map((reason) => `\n  ${reason}`).join('');
  throw new ContractError(`${consumer} calls ${provider} otherwise than declared:${list}`, { cause });
}

function assertAllExercised(registry: InteractionRegistry, { consumer, provider }: ContractRecorder): void {
  const unexercised = registry.unexercised();
  if (unexercised.length === 0) return;
  const list = unexercised.map((interaction) => `\n  ${titleOf(interaction)}`).join('');
  throw new ContractError(`${consumer} was declared to call ${provider}, and did not:${list}`);
}

// Runs a consumer against a stand-in for its provider, and records the interactions that it really had.

import { ContractError } from '../contract-file/contract-error.ts';
import type { ContractRecorder } from '../contract-file/contract-recorder.ts';
import { type RpcInteraction, titleOf } from '../contract-file/interaction.ts';
import { findRepeats, type InteractionBook } from './interaction-registry.ts';
import type { Provider } from './mock-provider-server.ts';
import { StandIns } from './mock-providers.ts';

/** A consumer in action. */
export type UseConsumer<T> = (provider: Provider) => T | Promise<T>;

/** The runs of a contract's consumer. */
export class ConsumerRuns {
  readonly #recorder: ContractRecorder;
  readonly #standIns: StandIns;

  constructor(recorder: ContractRecorder, keepsPort: boolean) {
    this.#recorder = recorder;
    this.#standIns = new StandIns(keepsPort);
  }

  /**
   * Runs `useConsumer` and writes the contract when every interaction was exercised and no call went astray.
   *
   * @returns what `useConsumer` returned.
   * @throws ContractError naming calls that no interaction is for and interactions that no call was for; otherwise what
   *   `useConsumer` threw.
   */
  async run<T>(interactions: readonly RpcInteraction[], useConsumer: UseConsumer<T>): Promise<T> {
    assertRunnable(interactions);
    const recorder = this.#recorder;
    return this.#standIns.lend(interactions, recorder.registryOf(interactions), async ({ provider, book }) => {
      let result: T;
      try {
        result = await useConsumer(provider);
      } catch (error) {
        // A call that found no interaction is why the consumer failed, more often than not.
        assertKept(book, recorder, error);
        throw error;
      }
      assertKept(book, recorder);
      assertExercised(book, recorder);
      await recorder.record(interactions);
      return result;
    });
  }
}

function assertRunnable(interactions: readonly RpcInteraction[]): void {
  if (interactions.length === 0) throw new ContractError('there is no interaction to run a consumer against');
  const [repeated] = findRepeats(interactions);
  if (repeated !== undefined)
    throw new ContractError(`"${repeated}" stands for two interactions: give one another name`);
}

function assertKept(book: InteractionBook, { consumer, provider }: ContractRecorder, cause?: unknown): void {
  const misses = book.misses();
  if (misses.length === 0) return;
  const list = [...new Set(misses)].map((miss) => `\n  ${miss}`).join('');
  throw new ContractError(`${consumer} calls ${provider} otherwise than declared:${list}`, { cause });
}

function assertExercised(book: InteractionBook, { consumer, provider }: ContractRecorder): void {
  const untouched = book.untouched();
  if (untouched.length === 0) return;
  const list = untouched.map((interaction) => `\n  ${titleOf(interaction)}`).join('');
  throw new ContractError(`${consumer} was declared to call ${provider}, and did not:${list}`);
}

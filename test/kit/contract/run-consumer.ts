// Runs a consumer against a stand-in for its provider, and records the interactions that it really had.

import { ContractError } from './contract-error.ts';
import type { ContractRecorder } from './contract-recorder.ts';
import { DirectAnswers } from './direct-answers.ts';
import { type RpcInteraction, titleOf } from './interaction.ts';
import { findRepeats, InteractionBook } from './interaction-book.ts';
import { startInteractionServer } from './interaction-server.ts';

/** Where the stand-in listens. It speaks gRPC, gRPC-Web and Connect, over HTTP/1.1 and HTTP/2. */
export interface Provider {
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

/**
 * Runs `useConsumer` and writes the contract when every interaction was exercised and no call went astray.
 *
 * @returns what `useConsumer` returned.
 * @throws ContractError naming calls that no interaction is for and interactions that no call was for; otherwise what
 *   `useConsumer` threw.
 */
export async function runConsumer<T>(
  interactions: readonly RpcInteraction[],
  recorder: ContractRecorder,
  useConsumer: (provider: Provider) => T | Promise<T>,
): Promise<T> {
  assertRunnable(interactions);
  const book = new InteractionBook(interactions, { registry: recorder.registryOf(interactions) });
  const services = new Set(interactions.map(({ method }) => method.parent));
  const server = await startInteractionServer({
    services: [...services],
    book,
    answerMemory: new DirectAnswers(book),
  });
  const { url, host, port } = server;
  let result: T;
  try {
    result = await useConsumer({ url, host, port });
  } catch (error) {
    // A call that found no interaction is why the consumer failed, more often than not.
    assertKept(book, recorder, error);
    throw error;
  } finally {
    await server.stop();
  }
  assertKept(book, recorder);
  assertExercised(book, recorder);
  await recorder.record(interactions);
  return result;
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

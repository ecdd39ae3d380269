// What a consumer's test finds in its provider's place. A contract keeps it from one test to the next, with its port open
// and the consumer's connections warm. Only one that was left in order is kept, and not for long.

import { clearTimeout, setTimeout } from 'node:timers';
import type { Registry } from '@bufbuild/protobuf';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { InteractionBook } from './interaction-registry.ts';
import { type Provider, StandInServer } from './mock-provider-server.ts';

// Longer than from one test to the next, too short to be seen at the end of the last.
const keptForMs = 100;

/** A server in a provider's place, where it is, and what it answers with. */
export interface StandIn {
  readonly book: InteractionBook;
  readonly server: StandInServer;
  readonly provider: Provider;
}

/** The stand-ins of one contract: one at a time, or more where tests run at the same time. */
export class StandIns {
  readonly #keeps: boolean;
  #kept: { readonly standIn: StandIn; readonly timer: NodeJS.Timeout } | undefined;

  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }

  /**
   * Lends a stand-in that answers with these interactions for as long as `use` takes. It is stopped afterwards when `use`
   * fails or calls are left over: what a test leaves behind must not come to the next one.
   *
   * @returns what `use` returned.
   */
  async lend<T>(
    interactions: readonly RpcInteraction[],
    registry: Registry,
    use: (standIn: StandIn) => Promise<T>,
  ): Promise<T> {
    const standIn = (await this.#takeKept(registry)) ?? (await startStandIn(interactions, registry));
    standIn.book.use(interactions);
    let isInOrder = false;
    try {
      const result = await use(standIn);
      isInOrder = isQuiet(standIn);
      return result;
    } finally {
      if (isInOrder && this.#keeps && !this.#kept) this.#keep(standIn);
      else await standIn.server.stop();
    }
  }

  #keep(standIn: StandIn): void {
    standIn.book.clear();
    const timer = setTimeout(() => {
      this.#kept = undefined;
      void standIn.server.stop();
    }, keptForMs);
    this.#kept = { standIn, timer };
  }

  async #takeKept(registry: Registry): Promise<StandIn | undefined> {
    if (!this.#kept) return undefined;
    const { standIn, timer } = this.#kept;
    this.#kept = undefined;
    clearTimeout(timer);
    if (standIn.book.registry === registry && isQuiet(standIn)) return standIn;
    await standIn.server.stop();
    return undefined;
  }
}

async function startStandIn(interactions: readonly RpcInteraction[], registry: Registry): Promise<StandIn> {
  const book = new InteractionBook(interactions, { registry });
  const services = [...new Set(interactions.map(({ method }) => method.parent))];
  const server = new StandInServer(services, book);
  return { book, server, provider: await server.listen() };
}

// Nobody is calling it, and nobody called while it was in nobody's hands.
function isQuiet({ book, server }: StandIn): boolean {
  return server.runningCalls() === 0 && book.misses().length === 0;
}

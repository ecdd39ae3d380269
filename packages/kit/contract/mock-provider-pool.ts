// The mock providers of a contract's tests. The pool keeps an idle one from one test to the next, with its port open and the
// consumer's connections warm. It keeps only a mock provider that the test left clean, and only for a short time.

import { clearTimeout, setTimeout } from 'node:timers';
import type { Registry } from '@bufbuild/protobuf';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { InteractionRegistry } from './interaction-registry.ts';
import { InteractionServer } from './interaction-server.ts';

// Longer than the gap between two tests, too short to delay the end of the test run noticeably.
const KEEP_IDLE_MS = 100;

/** Where a mock provider listens. It speaks gRPC, gRPC-Web and Connect, over HTTP/1.1 and HTTP/2. */
export type MockProvider = {
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
};

/** A mock provider with its server and the interactions it answers with. */
export type PooledProvider = {
  readonly registry: InteractionRegistry;
  readonly server: InteractionServer;
  readonly provider: MockProvider;
};

/** The mock providers of one contract: one, or more when tests run at the same time. */
export class MockProviderPool {
  readonly #keepsIdle: boolean;
  #idle: { readonly pooled: PooledProvider; readonly timer: NodeJS.Timeout } | undefined;

  constructor(keepsIdle: boolean) {
    this.#keepsIdle = keepsIdle;
  }

  /**
   * Runs `use` with a mock provider that answers with these interactions. The mock provider is stopped afterwards when `use`
   * fails or calls are still running: the calls of one test must not reach the next one.
   *
   * @returns what `use` returned.
   */
  async withProvider<T>(
    interactions: readonly RpcInteraction[],
    types: Registry,
    use: (pooled: PooledProvider) => Promise<T>,
  ): Promise<T> {
    const pooled = (await this.#acquireIdle(types)) ?? (await startProvider(interactions, types));
    pooled.registry.use(interactions);
    let isReusable = false;
    try {
      const result = await use(pooled);
      isReusable = isIdle(pooled);
      return result;
    } finally {
      if (isReusable && this.#keepsIdle && !this.#idle) this.#release(pooled);
      else await pooled.server.stop();
    }
  }

  #release(pooled: PooledProvider): void {
    pooled.registry.clear();
    const timer = setTimeout(() => {
      this.#idle = undefined;
      void pooled.server.stop();
    }, KEEP_IDLE_MS);
    this.#idle = { pooled, timer };
  }

  async #acquireIdle(types: Registry): Promise<PooledProvider | undefined> {
    if (!this.#idle) return undefined;
    const { pooled, timer } = this.#idle;
    this.#idle = undefined;
    clearTimeout(timer);
    if (pooled.registry.registry === types && isIdle(pooled)) return pooled;
    await pooled.server.stop();
    return undefined;
  }
}

async function startProvider(interactions: readonly RpcInteraction[], types: Registry): Promise<PooledProvider> {
  const registry = new InteractionRegistry(interactions, { registry: types });
  const services = [...new Set(interactions.map(({ method }) => method.parent))];
  const server = new InteractionServer({ services, interactions: registry });
  return { registry, server, provider: await server.listen() };
}

// No call is running, and no unmatched call has arrived since the registry was cleared.
function isIdle({ registry, server }: PooledProvider): boolean {
  return server.runningCalls() === 0 && registry.unmatchedRequests().length === 0;
}

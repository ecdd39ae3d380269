// A provider played from a book of interactions: a real server on a real port.

import type { DescService } from '@bufbuild/protobuf';
import { type AnswerMemory, createRpcServer, type HealthRegistry } from '@touchstone/rpc-server';
import type { InteractionBook } from './interaction-registry.ts';
import { createInteractionRoutes } from './interaction-routes.ts';

export interface InteractionServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly health: HealthRegistry;
  /** Ends running calls with `unavailable` and closes the port. */
  stop(): Promise<void>;
}

interface InteractionServerOptions {
  readonly services: readonly DescService[];
  readonly book: InteractionBook;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Knows the answers of calls that need not go the usual way. */
  readonly answerMemory?: AnswerMemory;
}

/** @throws Error naming host and port when the address cannot be had. */
export async function startInteractionServer(options: InteractionServerOptions): Promise<InteractionServer> {
  const { services, book, host = '127.0.0.1', port = 0, answerMemory } = options;
  const routes = createInteractionRoutes(services, book);
  const server = createRpcServer({ ...routes.options, host, port, ...(answerMemory && { answerMemory }) });
  const address = await server.listen();
  return { ...address, health: server.health, stop: () => server.stop({ graceMs: 0 }) };
}

// A server that answers from a registry of interactions on a real port.

import type { DescService } from '@bufbuild/protobuf';
import { type AnswerMemory, createRpcServer, type HealthRegistry } from '@touchstone/rpc-server';
import { type BrowserAccess, corsOf } from '../base/browser-access.ts';
import { SERVER_LIMITS } from '../base/server-limits.ts';
import { type ServerTls, serverTlsOf } from '../base/server-tls.ts';
import type { InteractionRegistry } from './interaction-registry.ts';
import { createInteractionRoutes } from './interaction-routes.ts';

export type InteractionServer = {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly health: HealthRegistry;
  /** Ends running calls with `unavailable` and closes the port. */
  stop(): Promise<void>;
};

type InteractionServerOptions = BrowserAccess &
  ServerTls & {
    readonly services: readonly DescService[];
    readonly interactions: InteractionRegistry;
    readonly host?: string | undefined;
    readonly port?: number | undefined;
    /** Answers calls before they are decoded. */
    readonly answerMemory?: AnswerMemory;
  };

/** @throws {Error} The server cannot listen on the address: names host and port. */
export async function startInteractionServer(options: InteractionServerOptions): Promise<InteractionServer> {
  const { services, interactions, host = '127.0.0.1', port = 0, answerMemory } = options;
  const routes = createInteractionRoutes(services, interactions);
  const server = createRpcServer({
    ...routes.options,
    ...SERVER_LIMITS,
    ...corsOf(options),
    ...serverTlsOf(options),
    // Callers know it by the name of the service that it stands for, which is that of its certificate.
    allowedHosts: ['*'],
    host,
    port,
    ...(answerMemory && { answerMemory }),
  });
  const address = await server.listen();
  return { ...address, health: server.health, stop: () => server.stop({ graceMs: 0 }) };
}

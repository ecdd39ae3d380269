// The stub server: answers the interactions of contract files on a real port, so that a consumer runs without its provider.

import type { DescService } from '@bufbuild/protobuf';
import type { HealthRegistry } from '@touchstone/rpc-server';
import type { BrowserAccess } from '../base/browser-access.ts';
import type { ServerTls } from '../base/server-tls.ts';
import { createTypeRegistry, type KnownType } from '../matching/type-registry.ts';
import { startInteractionServer } from './interaction-server.ts';
import { loadInteractions } from './selected-interactions.ts';

/** The options of a stub server. */
export type StubServerOptions = BrowserAccess &
  ServerTls & {
    /** The services that have the contract's RPCs. */
    readonly services: readonly DescService[];
    /** Types that messages may hold in a `google.protobuf.Any` or an error in its details, beyond those in the services' files. */
    readonly types?: readonly KnownType[];
    /**
     * The states of the provider: interactions given other states are left out. Without this option all interactions are
     * answered, and two that accept the same call in different states are ambiguous.
     */
    readonly states?: readonly string[];
    /** Address to listen on. Default `127.0.0.1`. */
    readonly host?: string;
    /** Port to listen on; 0, the default, lets the system choose a free one. */
    readonly port?: number;
  };

/** A running stub server. It stops when it is disposed of. */
export type StubServer = AsyncDisposable & {
  /** The address it listens on, such as `http://127.0.0.1:40123`. It speaks gRPC, gRPC-Web and Connect. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The statuses that its health service returns. */
  readonly health: HealthRegistry;
  /** Answers with the interactions of these states from now on, as the option `states` does. */
  useStates(...states: string[]): void;
  /** Returns the error of each call that was refused or matched no interaction, or more than one: also when the client swallowed it. */
  unmatchedRequests(): readonly string[];
  /** Ends running calls with `unavailable` and closes the port. */
  stop(): Promise<void>;
};

/**
 * Starts a server that answers as the contracts in `files` say: a file, a folder, or a list of both. A call that no
 * interaction accepts is answered `unimplemented` with the nearest interaction and the differences, an ambiguous one
 * `internal`. The deadlines that a contract expects of its consumer are not checked.
 *
 * @throws {ContractFileError} A file cannot be read or does not fit the services, or there is no interaction in the files.
 * @throws {Error} The server cannot listen on the address: names host and port.
 */
export async function startStubServer(
  files: string | readonly string[],
  options: StubServerOptions,
): Promise<StubServer> {
  const { services, types = [], states } = options;
  const registry = createTypeRegistry([...services, ...types]);
  const interactions = await loadInteractions(files, { services, registry }, { states, option: 'states' });
  const server = await startInteractionServer({ ...options, interactions: interactions.registry });
  return {
    ...server,
    useStates: (...chosen) => interactions.use(chosen),
    unmatchedRequests: () => interactions.registry.unmatchedRequests(),
    [Symbol.asyncDispose]: server.stop,
  };
}

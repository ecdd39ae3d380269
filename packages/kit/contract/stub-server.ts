// A provider out of a contract file: a real server that answers every interaction of it, for running a consumer by itself.

import type { DescMessage, DescService } from '@bufbuild/protobuf';
import type { HealthRegistry } from '@touchstone/rpc-server';
import { createTypeRegistry } from '../matching/type-registry.ts';
import { DecidedCalls } from './decided-calls.ts';
import { InteractionBook } from './interaction-registry.ts';
import { startInteractionServer } from './interaction-server.ts';
import { loadInteractions, selectGiven } from './load-interactions.ts';

/** What a stub server needs beside its contract files. */
export interface StubServerOptions {
  /** The services that the contract's RPCs are of. */
  readonly services: readonly DescService[];
  /** Types that messages may hold in a `google.protobuf.Any` or an error in its details, beyond those in the services' files. */
  readonly types?: readonly DescMessage[];
  /**
   * The states the provider is in: interactions given other states are left out. Without it all interactions are
   * answered, and two that accept the same call in different states are ambiguous.
   */
  readonly states?: readonly string[];
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port to listen on; 0, the default, lets the system choose a free one. */
  readonly port?: number;
}

/** A running stub server. It stops when it is disposed of. */
export interface StubServer extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:40123`. It speaks gRPC, gRPC-Web and Connect there. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The statuses its health service answers with. */
  readonly health: HealthRegistry;
  /** Goes on with the interactions of these states, as the option `states` does. */
  useStates(...states: string[]): void;
  /** Returns why calls found no interaction, or more than one: also when the caller swallowed the error it got. */
  misses(): readonly string[];
  /** Ends running calls with `unavailable` and closes the port. */
  stop(): Promise<void>;
}

/**
 * Starts a server that answers as the contracts in `files` say: a file, a folder, or a list of both. A call that no
 * interaction accepts is answered `unimplemented` with the nearest one and what differs, an ambiguous one `internal`.
 * Deadlines that a contract expects of its consumer are not asked for.
 *
 * @throws ContractFileError when a file cannot be read or does not fit the services, or there is no interaction in them;
 *   Error naming host and port when the address cannot be had.
 */
export async function startStubServer(
  files: string | readonly string[],
  options: StubServerOptions,
): Promise<StubServer> {
  const { services, types = [] } = options;
  const registry = createTypeRegistry([...services, ...types]);
  const interactions = await loadInteractions(files, { services, registry });
  const book = new InteractionBook(selectGiven(interactions, options.states, 'states'), {
    registry,
    ignoresDeadline: true,
  });
  const { url, host, port, health, stop } = await startInteractionServer({
    ...options,
    book,
    answerMemory: new DecidedCalls(book),
  });
  return {
    url,
    host,
    port,
    health,
    useStates: (...states) => book.use(selectGiven(interactions, states, 'states')),
    misses: () => book.misses(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

// A service out of a recording: a real server that answers each call as the service did when it was recorded.

import type { DescMessage, DescService, Registry } from '@bufbuild/protobuf';
import type { HealthRegistry } from '@touchstone/rpc-server';
import { startInteractionServer } from '../contract/interaction-server.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { createTypeRegistry } from '../matching/type-registry.ts';
import type { RecordedExchange, Recording } from './exchange.ts';
import type { PatternChoices } from './message-pattern.ts';
import {
  describeExchange,
  explainLeftOut,
  type InteractionChoices,
  methodsOf,
  toInteraction,
} from './recorded-interaction.ts';
import { RecordingError } from './recording-error.ts';
import { readRecording } from './recording-file.ts';
import { ReplayBook } from './replay-registry.ts';

/** What a replay needs beside its recording. */
export interface ReplayOptions {
  /** The services that the recorded RPCs are of. */
  readonly services: readonly DescService[];
  /** Types that messages may hold in a `google.protobuf.Any` or an error in its details, beyond those in the services' files. */
  readonly types?: readonly DescMessage[];
  /** Names of headers that a call must have as it was recorded. Default: headers do not matter. */
  readonly headers?: readonly string[];
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port to listen on; 0, the default, lets the system choose a free one. */
  readonly port?: number;
}

/** A running replay. It stops when it is disposed of. */
export interface Replay extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:40123`. It speaks gRPC, gRPC-Web and Connect there. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The statuses its health service answers with. */
  readonly health: HealthRegistry;
  /** How many exchanges it answers with. */
  readonly exchanges: number;
  /** What is missing from the recording, and which exchanges of it are left out and why. */
  readonly warnings: readonly string[];
  /** Returns why calls found no exchange: also when the caller swallowed the error it got. */
  unmatchedRequests(): readonly string[];
  /** Ends running calls with `unavailable` and closes the port. */
  stop(): Promise<void>;
}

/**
 * Starts a server that answers as a recording says, in every protocol. Calls are told apart by what they mean; redacted
 * values match anything. Equal calls are answered in the recorded order, then with the last answer again. A call that
 * was not recorded is answered `unimplemented`, with the nearest exchange and what differs.
 *
 * @param source a recording, or its file.
 * @throws RecordingError when the file is no recording, does not fit the services or has no exchange to answer with;
 *   Error naming host and port when the address cannot be had.
 */
export async function startReplay(source: string | Recording, options: ReplayOptions): Promise<Replay> {
  const { services, types = [] } = options;
  const recording = typeof source === 'string' ? await readRecording(source) : source;
  const registry = createTypeRegistry([...services, ...types]);
  const unanswered = recording.exchanges.filter((exchange) => !isAnswered(exchange));
  const answered = recording.exchanges.filter(isAnswered);
  if (answered.length === 0) throw new RecordingError('the recording has no exchange to answer with');
  const interactions = toInteractions(answered, options, registry);
  const book = new ReplayBook(interactions, registry);
  const { url, host, port, health, stop } = await startInteractionServer({ ...options, interactions: book });
  return {
    url,
    host,
    port,
    health,
    exchanges: interactions.length,
    warnings: [...recording.warnings, ...unanswered.map(explainLeftOut)],
    unmatchedRequests: () => book.unmatchedRequests(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

// A stream that was broken off is worth the messages it had; most callers of endless ones leave them so.
function isAnswered({ brokenOff, response }: RecordedExchange): boolean {
  return brokenOff === undefined || response.messages.length > 0;
}

function toInteractions(
  exchanges: readonly RecordedExchange[],
  { services, headers = [] }: ReplayOptions,
  registry: Registry,
): RpcInteraction[] {
  const patterns: PatternChoices = {
    registry,
    redactedAs: 'anything',
    placeholders: new Map(),
    loosened: 'none',
    statesDefaults: false,
  };
  const names = new Set(headers.map((name) => name.toLowerCase()));
  const choices: Omit<InteractionChoices, 'description'> = {
    methods: methodsOf(services),
    states: [],
    requests: patterns,
    responses: patterns,
    takesHeader: (name, of) => of === 'response' || names.has(name),
  };
  return exchanges.map((exchange) => {
    const description = `exchange ${exchange.number}: ${describeExchange(exchange)}`;
    return toInteraction(exchange, { ...choices, description });
  });
}

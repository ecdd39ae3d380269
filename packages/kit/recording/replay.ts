// The replay: a real server that answers each call as the recorded service did.

import type { DescService, Registry } from '@bufbuild/protobuf';
import type { HealthRegistry } from '@touchstone/rpc-server';
import type { BrowserAccess } from '../base/browser-access.ts';
import type { ServerTls } from '../base/server-tls.ts';
import { startInteractionServer } from '../contract/interaction-server.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { createTypeRegistry, type KnownType } from '../matching/type-registry.ts';
import type { RecordedExchange, Recording } from './exchange.ts';
import type { PatternChoices } from './message-pattern.ts';
import {
  describeExchange,
  explainOmission,
  type InteractionChoices,
  methodsOf,
  toInteraction,
} from './recorded-interaction.ts';
import { pausesOf } from './recorded-timing.ts';
import { RecordingError } from './recording-error.ts';
import { readRecording } from './recording-file.ts';
import { ReplayRegistry } from './replay-registry.ts';

/** The services of a replay, and the address it listens on. */
export type ReplayOptions = BrowserAccess &
  ServerTls & {
    /** The services of the recorded RPCs. */
    readonly services: readonly DescService[];
    /** Types that a `google.protobuf.Any` or an error detail may hold, in addition to those of the services' files. */
    readonly types?: readonly KnownType[];
    /** Names of headers that must match the recording. Default: headers are ignored. */
    readonly headers?: readonly string[];
    /** Whether answers take as long as the recorded ones, message by message. Default `none`: they come at once. */
    readonly timing?: 'none' | 'recorded';
    /** Address to listen on. Default `127.0.0.1`. */
    readonly host?: string;
    /** Port to listen on. Default 0: any free port. */
    readonly port?: number;
  };

/** A running replay. Disposing of it stops it. */
export type Replay = AsyncDisposable & {
  /** Its URL, such as `http://127.0.0.1:40123`. It speaks gRPC, gRPC-Web and Connect. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The statuses that its health service reports. */
  readonly health: HealthRegistry;
  /** The number of exchanges it answers from. */
  readonly exchanges: number;
  /** What is missing from the recording, and which exchanges are left out and why. */
  readonly warnings: readonly string[];
  /** Returns the errors of calls that matched no exchange. Useful if the client under test swallows errors. */
  unmatchedRequests(): readonly string[];
  /** Ends calls in flight with `unavailable` and closes the port. */
  stop(): Promise<void>;
};

/**
 * Starts a server that answers from a recording, in every protocol. Calls are matched by the meaning of their requests; redacted
 * values match anything. Equal calls are answered in the recorded order, and then with the last answer again. A call that was
 * not recorded fails as `unimplemented`, with the nearest exchange and the differences.
 *
 * @param source a recording, or the path of its file.
 * @throws {RecordingError} if the file is not a recording, does not fit the services or has no exchange to answer from.
 * @throws {Error} naming host and port if the address is not available.
 */
export async function startReplay(source: string | Recording, options: ReplayOptions): Promise<Replay> {
  const { services, types = [] } = options;
  const recording = typeof source === 'string' ? await readRecording(source) : source;
  const registry = createTypeRegistry([...services, ...types]);
  const unanswered = recording.exchanges.filter((exchange) => !isAnswered(exchange));
  const answered = recording.exchanges.filter(isAnswered);
  if (answered.length === 0) throw new RecordingError('the recording has no exchange to answer from');
  const interactions = toInteractions(answered, options, registry);
  const exchangeRegistry = new ReplayRegistry(interactions, registry);
  const server = await startInteractionServer({ ...options, interactions: exchangeRegistry });
  return {
    ...server,
    exchanges: interactions.length,
    warnings: [...recording.warnings, ...unanswered.map(explainOmission), ...explainTiming(answered, options)],
    unmatchedRequests: () => exchangeRegistry.unmatchedRequests(),
    [Symbol.asyncDispose]: server.stop,
  };
}

// A stream that was broken off is replayed up to there: callers usually leave an endless stream this way.
function isAnswered({ brokenOff, response }: RecordedExchange): boolean {
  return brokenOff === undefined || response.messages.length > 0;
}

function toInteractions(
  exchanges: readonly RecordedExchange[],
  { services, headers = [], timing = 'none' }: ReplayOptions,
  registry: Registry,
): RpcInteraction[] {
  const patterns: PatternChoices = {
    registry,
    redactedAs: 'anything',
    placeholders: new Map(),
    loosened: 'none',
    includesDefaults: false,
  };
  const names = new Set(headers.map((name) => name.toLowerCase()));
  const choices: Omit<InteractionChoices, 'description'> = {
    methods: methodsOf(services),
    states: [],
    requests: patterns,
    responses: patterns,
    includesHeader: (name, of) => of === 'response' || names.has(name),
  };
  return exchanges.map((exchange) => {
    const description = `exchange ${exchange.number}: ${describeExchange(exchange)}`;
    const interaction = toInteraction(exchange, { ...choices, description });
    const pauses = timing === 'recorded' ? pausesOf(exchange) : undefined;
    return { ...interaction, ...(pauses && { pauses }) };
  });
}

function explainTiming(exchanges: readonly RecordedExchange[], { timing }: ReplayOptions): string[] {
  const count = timing === 'recorded' ? exchanges.filter((exchange) => !pausesOf(exchange)).length : 0;
  if (count === 0) return [];
  return [`${count} of ${exchanges.length} exchanges were recorded without times, and are answered at once`];
}

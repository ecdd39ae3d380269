// Promotion: the exchanges of a recording become interactions of a consumer contract, against which the provider is verified.

import type { DescService, JsonObject, JsonValue, Registry } from '@bufbuild/protobuf';
import { fileNameOf } from '../contract-file/contract-document.ts';
import { storeInteractions } from '../contract-file/contract-store.ts';
import { keyOf, type ProviderState, type RpcInteraction, titleOf } from '../contract-file/interaction.ts';
import { writeInteraction } from '../contract-file/interaction-json.ts';
import { createTypeRegistry, type KnownType } from '../matching/type-registry.ts';
import { collapseExchanges } from './collapse-exchanges.ts';
import type { RecordedExchange, Recording } from './exchange.ts';
import { FieldRules } from './field-rules.ts';
import type { PatternChoices } from './message-pattern.ts';
import { readPlaceholders } from './placeholders.ts';
import { describeExchange, explainLosses, explainOmission, methodsOf, toInteraction } from './recorded-interaction.ts';
import { RecordingError } from './recording-error.ts';
import { readRecording } from './recording-file.ts';

/** The exchanges to promote, the contract to write, and how strictly it matches. */
export type PromoteOptions = {
  /** The name of the caller. */
  readonly consumer: string;
  /** The name of the recorded service. */
  readonly provider: string;
  /** The folder of the contract file, `<consumer>-<provider>.json`. Interactions in the file are kept unless one of the same name is written. */
  readonly directory: string;
  /** The services of the recorded RPCs. */
  readonly services: readonly DescService[];
  /** Types that a `google.protobuf.Any` or an error detail may hold, in addition to those of the services' files. */
  readonly types?: readonly KnownType[];
  /** Selects exchanges. Default: all. Those that were broken off are always left out. */
  readonly select?: (exchange: RecordedExchange) => boolean;
  /** Returns the name of an interaction. Default: its method and its request. */
  readonly describe?: (exchange: RecordedExchange) => string;
  /** Returns the provider states of an interaction. Default: none. */
  readonly given?: (exchange: RecordedExchange) => readonly PromotedState[];
  /**
   * Fields that match any value of their type: rules in the form of those of `Redaction.fields`, or `responses` for all values
   * of responses. Default: every value must be equal.
   */
  readonly loosen?: 'responses' | readonly string[];
  /** Values to use for redacted ones, in proto3 JSON, by field such as `pkg.Message.field`. */
  readonly placeholders?: Readonly<Record<string, JsonValue>>;
  /** Names of headers and trailers to include in the contract. Default: none. */
  readonly headers?: readonly string[];
};

/** A provider state and the parameters of its handler. */
export type PromotedState = {
  readonly name: string;
  readonly params?: JsonObject;
};

/** The result of a promotion. */
export type Promotion = {
  /** The path of the contract file. */
  readonly file: string;
  /** The names of the written interactions. */
  readonly interactions: readonly string[];
  /** How many exchanges were duplicates of another, with the same call and answer. */
  readonly collapsed: number;
  /** What the exchanges have and a contract has no place for. */
  readonly omitted: readonly ('times' | 'deadlines')[];
  /** What is missing from the recording, and which exchanges were left out or lack something, and why. */
  readonly warnings: readonly string[];
};

/**
 * Writes exchanges of a recording as interactions of a contract. A redacted value becomes a matcher that accepts any value of
 * its type. Exchanges that were broken off are left out.
 *
 * @param source a recording, or the path of its file.
 * @throws {RecordingError} if the file is not a recording or does not fit the services, if no exchange is selected, or if two
 *   exchanges answer the same call differently.
 * @throws {TypeError} if a name cannot be part of a file name.
 * @throws {ContractFileError} if the existing contract file is invalid.
 */
export async function promoteRecording(source: string | Recording, options: PromoteOptions): Promise<Promotion> {
  const { consumer, provider, directory, services, types = [], select = () => true } = options;
  fileNameOf(consumer, provider);
  const recording = typeof source === 'string' ? await readRecording(source) : source;
  const registry = createTypeRegistry([...services, ...types]);
  const selected = recording.exchanges.filter(select);
  const complete = selected.filter(({ brokenOff }) => brokenOff === undefined);
  if (complete.length === 0) throw new RecordingError('no complete exchange of the recording is selected');
  const promoted = collapseExchanges(complete, createReader(options, registry), {
    registry,
    isLoose: Array.isArray(options.loosen) && options.loosen.length > 0,
  });
  const interactions = makeNamesUnique(promoted);
  const file = await storeInteractions(
    directory,
    consumer,
    provider,
    interactions.map((interaction) => writeInteraction(interaction, registry)),
  );
  const brokenOff = selected.filter((exchange) => exchange.brokenOff !== undefined);
  return {
    file,
    interactions: interactions.map(titleOf),
    collapsed: complete.length - interactions.length,
    omitted: omittedFrom(complete),
    warnings: [...recording.warnings, ...brokenOff.map(explainOmission), ...complete.flatMap(explainLosses)],
  };
}

function omittedFrom(exchanges: readonly RecordedExchange[]): Promotion['omitted'] {
  const hasTimes = exchanges.some(({ response }) => response.messages.some(({ atMs }) => atMs !== undefined));
  const hasDeadlines = exchanges.some(({ deadlineMs }) => deadlineMs !== undefined);
  return [...(hasTimes ? (['times'] as const) : []), ...(hasDeadlines ? (['deadlines'] as const) : [])];
}

type Reader = (exchange: RecordedExchange) => RpcInteraction;

function createReader(options: PromoteOptions, registry: Registry): Reader {
  const { services, loosen = [], placeholders = {}, describe = describeExchange, given = () => [] } = options;
  const rules = new FieldRules(loosen === 'responses' ? [] : loosen, registry, 'loosen');
  const requests: PatternChoices = {
    registry,
    redactedAs: 'like',
    placeholders: readPlaceholders(placeholders, registry),
    loosened: rules,
    includesDefaults: false,
  };
  const responses: PatternChoices = {
    ...requests,
    loosened: loosen === 'responses' ? 'all' : rules,
    includesDefaults: true,
  };
  const methods = methodsOf(services);
  const names = new Set((options.headers ?? []).map((name) => name.toLowerCase()));
  return (exchange) =>
    toInteraction(exchange, {
      methods,
      description: describe(exchange),
      states: given(exchange).map(({ name, params = {} }): ProviderState => ({ name, params })),
      requests,
      responses,
      includesHeader: (name) => names.has(name),
    });
}

// Names contain shortened requests, so two interactions can have the same name.
function makeNamesUnique(interactions: readonly RpcInteraction[]): RpcInteraction[] {
  const taken = new Map<string, number>();
  return interactions.map((interaction) => {
    const count = (taken.get(keyOf(interaction)) ?? 0) + 1;
    taken.set(keyOf(interaction), count);
    return count === 1 ? interaction : { ...interaction, description: `${interaction.description} (${count})` };
  });
}

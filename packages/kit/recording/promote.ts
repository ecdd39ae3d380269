// A contract out of a recording: what a consumer really asked and was told, for its provider to be held to.

import type { DescMessage, DescService, JsonObject, JsonValue, Registry } from '@bufbuild/protobuf';
import { fileNameOf } from '../contract-file/contract-document.ts';
import { storeInteractions } from '../contract-file/contract-store.ts';
import { keyOf, type ProviderState, type RpcInteraction, titleOf } from '../contract-file/interaction.ts';
import { writeInteraction } from '../contract-file/interaction-json.ts';
import { createTypeRegistry } from '../matching/type-registry.ts';
import { collapseExchanges } from './collapse-exchanges.ts';
import type { RecordedExchange, Recording } from './exchange.ts';
import { FieldRules } from './field-rules.ts';
import type { PatternChoices } from './message-pattern.ts';
import { readPlaceholders } from './placeholder.ts';
import { describeExchange, explainLeftOut, methodsOf, toInteraction } from './recorded-interaction.ts';
import { RecordingError } from './recording-error.ts';
import { readRecording } from './recording-file.ts';

/** Which exchanges become interactions of which contract, and how exactly they are meant. */
export interface PromoteOptions {
  /** Who called. */
  readonly consumer: string;
  /** Who answered. */
  readonly provider: string;
  /** The folder of the contract file, `<consumer>-<provider>.json`; what is in the file stays, unless it has the same name. */
  readonly directory: string;
  /** The services that the recorded RPCs are of. */
  readonly services: readonly DescService[];
  /** Types that messages may hold in a `google.protobuf.Any` or an error in its details, beyond those in the services' files. */
  readonly types?: readonly DescMessage[];
  /** Which exchanges. Default: all that have an end. */
  readonly select?: (exchange: RecordedExchange) => boolean;
  /** What an interaction is called. Default: its method and its request. */
  readonly describe?: (exchange: RecordedExchange) => string;
  /** The states that the provider has to be in. Default: none. */
  readonly given?: (exchange: RecordedExchange) => readonly PromotedState[];
  /**
   * Values that need not be as they were recorded, only like them: the fields that these rules name (they are those of
   * redaction), or `responses` for all that is answered. Default: all values are exact.
   */
  readonly loosen?: 'responses' | readonly string[];
  /** Values in the place of redacted ones, by field such as `pkg.Message.field`, in proto3 JSON. */
  readonly placeholders?: Readonly<Record<string, JsonValue>>;
  /** Names of headers of calls, answers and trailers that the contract holds. Default: none. */
  readonly headers?: readonly string[];
}

/** A state that the provider has to be in, and what its test needs to get there. */
export interface PromotedState {
  readonly name: string;
  readonly params?: JsonObject;
}

/** What came of a promotion. */
export interface Promotion {
  /** The path of the contract file. */
  readonly file: string;
  /** The names of the interactions that were written. */
  readonly interactions: readonly string[];
  /** How many exchanges said the same as another. */
  readonly collapsed: number;
  /** What is missing from the recording, and which exchanges of it are left out and why. */
  readonly warnings: readonly string[];
}

/**
 * Writes exchanges of a recording as interactions of a contract. A redacted value becomes one that accepts all of its
 * type. Exchanges that were broken off are left out.
 *
 * @param source a recording, or its file.
 * @throws RecordingError when the file is no recording or does not fit the services, nothing is chosen, or two
 *   exchanges answer the same call differently; TypeError when a name cannot be part of a file name; ContractFileError
 *   when the contract file there cannot be used.
 */
export async function promoteRecording(source: string | Recording, options: PromoteOptions): Promise<Promotion> {
  const { consumer, provider, directory, services, types = [], select = () => true } = options;
  fileNameOf(consumer, provider);
  const recording = typeof source === 'string' ? await readRecording(source) : source;
  const registry = createTypeRegistry([...services, ...types]);
  const selected = recording.exchanges.filter(select);
  const whole = selected.filter(({ brokenOff }) => brokenOff === undefined);
  if (whole.length === 0) throw new RecordingError('no exchange of the recording was chosen that has an end');
  const promoted = collapseExchanges(whole, createReader(options, registry), {
    registry,
    isLoose: Array.isArray(options.loosen) && options.loosen.length > 0,
  });
  const interactions = giveNames(promoted);
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
    collapsed: whole.length - interactions.length,
    warnings: [...recording.warnings, ...brokenOff.map(explainLeftOut)],
  };
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
    statesDefaults: false,
  };
  const responses: PatternChoices = {
    ...requests,
    loosened: loosen === 'responses' ? 'all' : rules,
    statesDefaults: true,
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
      takesHeader: (name) => names.has(name),
    });
}

// Long requests are shortened in a name, and may be alike then.
function giveNames(interactions: readonly RpcInteraction[]): RpcInteraction[] {
  const taken = new Map<string, number>();
  return interactions.map((interaction) => {
    const count = (taken.get(keyOf(interaction)) ?? 0) + 1;
    taken.set(keyOf(interaction), count);
    return count === 1 ? interaction : { ...interaction, description: `${interaction.description} (${count})` };
  });
}

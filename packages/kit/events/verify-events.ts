// The provider's side of an event contract: a published event is compared with what consumers rely on.

import { type DescMessage, fromBinary, type Message, type Registry } from '@bufbuild/protobuf';
import { ContractFileError } from '../contract-file/contract-document.ts';
import { loadContracts } from '../contract-file/contract-store.ts';
import { type EventInteraction, type ProviderState, titleOf } from '../contract-file/interaction.ts';
import { digestOf } from '../contract-file/interaction-digest.ts';
import { readInteraction } from '../contract-file/interaction-json.ts';
import { type Difference, differencesWithin, fewestDifferences } from '../matching/difference.ts';
import { matchHeaders } from '../matching/header-pattern.ts';
import { matchMessage } from '../matching/match-message.ts';
import { createTypeRegistry, type KnownType } from '../matching/type-registry.ts';
import { assertHandled, inStates, StateError, type StateHandlers } from '../verification/provider-states.ts';
import {
  type Check,
  createVerification,
  type Verification,
  type VerifiedInteraction,
} from '../verification/verification.ts';
import { type CapturedEvent, headerOf } from './captured-event.ts';

/** The options of `verifyEvents`. */
export type VerifyEventsOptions = {
  /** Contract files, folders of them, or both. */
  readonly contracts: string | readonly string[];
  /** Only contracts with this provider. Default: all. */
  readonly provider?: string;
  /** The types of the provider's events, and those they may hold in a `google.protobuf.Any`. */
  readonly types: readonly KnownType[];
  /** Handlers that bring the provider into the states of the contracts. */
  readonly states?: StateHandlers;
  /**
   * Makes the provider publish, and returns the events as they were on the broker: at least one of them has to match. Called
   * in the states of the interaction.
   */
  readonly publish: (expected: ExpectedEvent) => CapturedEvent[] | Promise<CapturedEvent[]>;
};

/** An event that a consumer relies on. */
export type ExpectedEvent = {
  readonly consumer: string;
  readonly description: string;
  readonly states: readonly ProviderState[];
  readonly subject: string;
  readonly typeName: string;
  /** Returns whether an event is as the consumer relies on. */
  readonly isMatch: (event: CapturedEvent) => boolean;
};

/** Returns the differences between a captured event and what a consumer relies on. */
export function matchEvent(interaction: EventInteraction, event: CapturedEvent, registry: Registry): Difference[] {
  const { desc, subject, headers, body } = interaction;
  const subjects = { path: 'subject', expected: JSON.stringify(subject), actual: JSON.stringify(event.subject) };
  const message = decode(desc, event.payload);
  const unreadable = { path: 'body', expected: `a ${desc.typeName}`, actual: 'bytes that are none' };
  return [
    ...(event.subject === subject ? [] : [subjects]),
    ...matchHeaders(headers, (name) => headerOf(event, name), 'headers'),
    ...(message
      ? differencesWithin('body', matchMessage(desc, body, message, { isClosed: false, registry }))
      : [unreadable]),
  ];
}

function decode(desc: DescMessage, payload: Uint8Array): Message | undefined {
  try {
    return fromBinary(desc, payload);
  } catch {
    // Undecodable bytes are reported as a difference, together with the others.
    return undefined;
  }
}

/**
 * Checks each event of the contracts against what the provider publishes.
 *
 * @returns the result for each; it compares the published event with the fewest differences.
 * @throws {ContractFileError} A file cannot be read or has no event.
 * @throws {StateError} A state has no handler. Otherwise what `publish` throws.
 */
export async function verifyEvents(options: VerifyEventsOptions): Promise<Verification> {
  const registry = createTypeRegistry(options.types);
  const loaded = await loadContracts(options.contracts);
  const planned = loaded
    .map(({ document }) => document)
    .filter(({ provider }) => options.provider === undefined || provider.name === options.provider)
    .flatMap(({ consumer, provider, interactions }) =>
      interactions
        .filter(({ type }) => type === 'Asynchronous/Messages')
        .map((json) => ({ consumer: consumer.name, provider: provider.name, json })),
    );
  if (planned.length === 0) {
    throw new ContractFileError(`${[options.contracts].flat().join(', ')}: there is no event to verify`);
  }
  const readable = planned.map((plan) => ({ ...plan, ...readEvent(plan.json, registry) }));
  assertHandled(
    readable.flatMap(({ interaction }) => (interaction ? [interaction] : [])),
    options.states ?? {},
  );
  const verified: VerifiedInteraction[] = [];
  for (const { consumer, provider, json, interaction, fault } of readable) {
    const title = interaction ? titleOf(interaction) : json.description;
    const found = interaction ? await verifyOne(consumer, interaction, options, registry) : { differences: [], fault };
    verified.push({ consumer, provider, title, digest: digestOf(json), checks: [{ wire: 'event', ...found }] });
  }
  return createVerification(verified);
}

function readEvent(json: Parameters<typeof readInteraction>[0], registry: Registry) {
  try {
    const interaction = readInteraction(json, { services: [], registry }) as EventInteraction;
    return { interaction, fault: undefined };
  } catch (error) {
    // The provider's schema no longer has what a consumer relies on: a finding of the verification, not an error of the caller.
    return { interaction: undefined, fault: (error as Error).message };
  }
}

async function verifyOne(
  consumer: string,
  interaction: EventInteraction,
  options: VerifyEventsOptions,
  registry: Registry,
): Promise<Pick<Check, 'differences' | 'fault'>> {
  const { description, states, subject, desc } = interaction;
  try {
    const events = await inStates(states, options.states ?? {}, async () =>
      options.publish({
        consumer,
        description,
        states,
        subject,
        typeName: desc.typeName,
        isMatch: (event) => matchEvent(interaction, event, registry).length === 0,
      }),
    );
    const nearest = fewestDifferences(events.map((event) => matchEvent(interaction, event, registry)));
    const nothing = [{ path: 'event', expected: JSON.stringify(subject), actual: 'nothing was published' }];
    return { differences: nearest ?? nothing, fault: undefined };
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    return { differences: [], fault: error.message };
  }
}

// The provider's side of an event contract: an event that the provider really published is what its consumers rely on.

import { type DescMessage, fromBinary, type Message, type Registry } from '@bufbuild/protobuf';
import { ContractFileError } from '../contract-file/contract-document.ts';
import { loadContracts } from '../contract-file/contract-store.ts';
import { type EventInteraction, type ProviderState, titleOf } from '../contract-file/interaction.ts';
import { readInteraction } from '../contract-file/interaction-json.ts';
import type { Difference } from '../matching/difference.ts';
import { fieldPath } from '../matching/difference.ts';
import { matchHeaders } from '../matching/header-pattern.ts';
import { matchMessage } from '../matching/match-message.ts';
import { createTypeRegistry } from '../matching/type-registry.ts';
import { assertHandled, inStates, StateError, type StateHandlers } from '../verification/provider-states.ts';
import {
  type Check,
  createVerification,
  type Verification,
  type VerifiedInteraction,
} from '../verification/verification.ts';
import { type CapturedEvent, headerOf } from './captured-event.ts';

/** What `verifyEvents` verifies, and how the provider is made to publish. */
export interface VerifyEventsOptions {
  /** Contract files, folders of them, or both. */
  readonly contracts: string | readonly string[];
  /** Only contracts with this provider. Default: all. */
  readonly provider?: string;
  /** The types of the provider's events, and those they may hold in a `google.protobuf.Any`. */
  readonly types: readonly DescMessage[];
  /** What brings the provider into each state that its consumers speak of. */
  readonly states?: StateHandlers;
  /**
   * Makes the provider publish, and returns the events as they were on the broker: at least one of them has to be what
   * the consumer relies on. Called in the states of the interaction.
   */
  readonly publish: (expected: ExpectedEvent) => CapturedEvent[] | Promise<CapturedEvent[]>;
}

/** What a consumer relies on being published. */
export interface ExpectedEvent {
  readonly consumer: string;
  readonly description: string;
  readonly states: readonly ProviderState[];
  readonly subject: string;
  readonly typeName: string;
}

/** Returns where a captured event differs from what a consumer relies on. */
export function matchEvent(interaction: EventInteraction, event: CapturedEvent, registry: Registry): Difference[] {
  const { desc, subject, headers, body } = interaction;
  const subjects = { path: 'subject', expected: JSON.stringify(subject), actual: JSON.stringify(event.subject) };
  const message = decode(desc, event.payload);
  const unreadable = { path: 'body', expected: `a ${desc.typeName}`, actual: 'bytes that are none' };
  return [
    ...(event.subject === subject ? [] : [subjects]),
    ...matchHeaders(headers, (name) => headerOf(event, name), 'headers'),
    ...(message
      ? matchMessage(desc, body, message, { isClosed: false, registry }).map(({ path, ...difference }) => ({
          path: fieldPath('body', path),
          ...difference,
        }))
      : [unreadable]),
  ];
}

function decode(desc: DescMessage, payload: Uint8Array): Message | undefined {
  try {
    return fromBinary(desc, payload);
  } catch {
    // What the bytes are not is a difference to be shown with the others.
    return undefined;
  }
}

/**
 * Checks each event of the contracts against what the provider publishes.
 *
 * @returns what came of each; the nearest published event is the one that is compared.
 * @throws ContractFileError when a file cannot be read or holds no event, StateError when a state has no handler, what
 *   `publish` throws.
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
    verified.push({ consumer, provider, title, checks: [{ wire: 'event', ...found }] });
  }
  return createVerification(verified);
}

function readEvent(json: Parameters<typeof readInteraction>[0], registry: Registry) {
  try {
    const interaction = readInteraction(json, { services: [], registry }) as EventInteraction;
    return { interaction, fault: undefined };
  } catch (error) {
    // The provider's schema has lost what a consumer relies on: a finding, not a mistake of the caller.
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
      options.publish({ consumer, description, states, subject, typeName: desc.typeName }),
    );
    const [nearest] = events
      .map((event) => matchEvent(interaction, event, registry))
      .sort((a, b) => a.length - b.length);
    const nothing = [{ path: 'event', expected: JSON.stringify(subject), actual: 'nothing was published' }];
    return { differences: nearest ?? nothing, fault: undefined };
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    return { differences: [], fault: error.message };
  }
}

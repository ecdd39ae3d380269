// Runs a consumer's real handler with example events, in every delivery asked for, and records the interactions.

import { reasonOf } from '../base/error-reason.ts';
import { ContractError } from '../contract-file/contract-error.ts';
import type { ContractRecorder } from '../contract-file/contract-recorder.ts';
import { type EventInteraction, titleOf } from '../contract-file/interaction.ts';
import type { CapturedEvent } from './captured-event.ts';
import { createExampleEvent } from './declare-event.ts';
import { type Delivery, planDeliveries, type Schedule } from './deliveries.ts';

/** The consumer's handler. What it throws fails the test. */
export type EventHandler = (event: CapturedEvent) => unknown;

/** A handler of one run, and what must be true after it. */
export type EventConsumer = {
  readonly handle: EventHandler;
  /** Called after the last event of the run; throws when the consumer is not as it should be. */
  readonly check?: (delivery: Delivery) => unknown;
};

/** How events are delivered to the handler. */
export type HandleOptions = {
  /** Which deliveries the handler is run with. Default: `once`. */
  readonly deliveries?: readonly Delivery[];
};

/** A handler for all runs; or what makes a new one, with nothing handled yet, for each. */
export type HandlerSource =
  | EventHandler
  | { readonly start: (delivery: Delivery) => EventConsumer | Promise<EventConsumer> };

/** A declared event. */
export type EventDeclaration = {
  readonly interaction: EventInteraction;
  /**
   * Runs the handler with the event and writes the contract when it has handled it.
   *
   * @throws {ContractError} naming the delivery and the event that the handler failed with, or the check that failed.
   */
  handledBy(handler: HandlerSource, options?: HandleOptions): Promise<void>;
};

/** Runs a handler with the events of these interactions, in their order, and records them. */
export async function handleEvents(
  interactions: readonly EventInteraction[],
  recorder: Pick<ContractRecorder, 'record'>,
  source: HandlerSource,
  { deliveries = ['once'] }: HandleOptions = {},
): Promise<void> {
  if (interactions.length === 0 || deliveries.length === 0) throw new ContractError('there is no event to handle');
  for (const schedule of deliveries.flatMap((delivery) => planDeliveries(interactions, delivery))) {
    await runSchedule(schedule, source);
  }
  await recorder.record(interactions);
}

async function runSchedule({ delivery, events }: Schedule<EventInteraction>, source: HandlerSource): Promise<void> {
  const consumer = typeof source === 'function' ? { handle: source } : await source.start(delivery);
  for (const [index, interaction] of events.entries()) {
    await attempt(`${delivery}: event ${index + 1}, ${titleOf(interaction)}`, () =>
      consumer.handle(createExampleEvent(interaction)),
    );
  }
  await attempt(`${delivery}: the check after it`, () => consumer.check?.(delivery));
}

async function attempt(what: string, act: () => unknown): Promise<void> {
  try {
    await act();
  } catch (error) {
    const reason = reasonOf(error);
    throw new ContractError(`${what}: ${reason}`, { cause: error });
  }
}

// The worker that advances a rebuild. Each step is idempotent, so a crash only repeats it: the events that every stream holds are
// applied again, beside the service's own consumers, and then the new generation is served.

import { DOMAIN } from '../domain.ts';
import { streamOf } from '../platform/base/domain.ts';
import type { Broker, BrokerSession } from '../platform/messaging/broker.ts';
import type { Subscription } from '../platform/messaging/event-handler.ts';
import { applyStored } from '../platform/messaging/stream-reader.ts';
import { isStreamMissing } from '../platform/messaging/streams.ts';
import type { Logger } from '../platform/observability/log.ts';
import type { Database } from '../platform/storage/database.ts';
import type { BuildingGeneration, GenerationStore } from './generation-store.ts';
import { PRODUCERS, type Producer } from './sales.ts';

const CARRY_LIMIT = 10_000;
const DELETE_LIMIT = 5_000;

export type RebuilderDependencies = {
  readonly generations: GenerationStore;
  readonly subscriptions: readonly (Subscription & { readonly producer: Producer })[];
  readonly database: Database;
  readonly broker: Pick<Broker, 'session' | 'status'>;
  /** Notifies watchers that the sums have changed. */
  readonly changed: () => void;
  readonly log: Logger;
};

/** Advances the rebuild as far as possible now, or deletes the rows of retired generations. Returns whether more work is due. */
export type Rebuilder = (signal: AbortSignal) => Promise<boolean>;

/** Creates the rebuilder of one replica. It remembers what it has read; another replica, or a restart, begins again. */
export function createRebuilder(dependencies: RebuilderDependencies): Rebuilder {
  const { generations, broker, changed, log } = dependencies;
  let reading: { readonly generation: number; readonly next: Map<Producer, number> } | undefined;

  return async (signal) => {
    const building = await generations.findBuilding();
    if (building === undefined) return await generations.deleteRetired(DELETE_LIMIT);
    const session = await broker.session(signal);
    if (session === undefined || !broker.status().connected) return false;
    const pending = PRODUCERS.filter((producer) => building.rewound[producer] === undefined);
    for (const producer of pending) {
      if (signal.aborted) return false;
      await prepare(dependencies, session, building.generation, producer);
    }
    if (pending.length > 0) return true;
    if (reading?.generation !== building.generation) reading = { generation: building.generation, next: new Map() };
    if (!(await readAll(dependencies, session, building, reading.next, signal))) return false;
    if (await generations.finish(building.generation)) {
      log.info({ generation: building.generation }, 'rebuild of the sales finished');
      changed();
    }
    return true;
  };
}

// Events that are published after this are applied to the new generation by the service's own consumer.
async function prepare(
  { generations }: RebuilderDependencies,
  { manager }: BrokerSession,
  generation: number,
  producer: Producer,
): Promise<void> {
  const stream = await readStream(manager, producer);
  while (await generations.carryOver(generation, producer, stream.horizon, CARRY_LIMIT));
  await generations.markRewound(generation, producer, stream.lastSequence);
}

/** Applies what the streams held when the rebuild began. Returns whether all of it is applied. */
async function readAll(
  { subscriptions, database, log }: RebuilderDependencies,
  { manager }: BrokerSession,
  { rewound }: BuildingGeneration,
  next: Map<Producer, number>,
  signal: AbortSignal,
): Promise<boolean> {
  for (const subscription of subscriptions) {
    const { producer } = subscription;
    const last = rewound[producer] ?? 0;
    // The first number of an empty stream is 0, and no event has that.
    let first = Math.max(1, next.get(producer) ?? 0, (await readStream(manager, producer)).firstSequence);
    while (first <= last) {
      if (signal.aborted) return false;
      first = await applyStored(manager, { first, last }, { domain: DOMAIN, subscription, database, log });
      next.set(producer, first);
    }
  }
  return true;
}

/** Reads the first and the last sequence of a stream, and the time from which on it holds every event. */
async function readStream(manager: BrokerSession['manager'], producer: Producer) {
  try {
    const { state } = await manager.streams.info(streamOf(DOMAIN, producer));
    const horizon = state.messages === 0 ? new Date() : new Date(state.first_ts);
    return { firstSequence: state.first_seq, lastSequence: state.last_seq, horizon };
  } catch (error) {
    // Nothing is left to read.
    if (isStreamMissing(error))
      return { firstSequence: Number.POSITIVE_INFINITY, lastSequence: 0, horizon: new Date() };
    throw error;
  }
}

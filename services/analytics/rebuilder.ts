// The worker that advances a rebuild. Each step is idempotent, so a crash only repeats it: the service's own consumers read every stream
// from its start, and once all have caught up the new generation is served.

import { DOMAIN } from '../domain.ts';
import { streamOf } from '../platform/base/domain.ts';
import type { Broker, BrokerSession } from '../platform/messaging/broker.ts';
import { isConsumerMissing, isStreamMissing } from '../platform/messaging/streams.ts';
import type { Logger } from '../platform/observability/log.ts';
import type { BuildingGeneration, GenerationStore } from './generation-store.ts';
import { PRODUCERS, type Producer } from './sales.ts';

const CARRY_LIMIT = 10_000;
const DELETE_LIMIT = 5_000;

export type RebuilderDependencies = {
  /** The durable consumer's name. */
  readonly service: string;
  readonly generations: GenerationStore;
  readonly broker: Pick<Broker, 'session' | 'status'>;
  /** Notifies watchers that the sums have changed. */
  readonly changed: () => void;
  readonly log: Logger;
};

/** Advances the rebuild as far as possible now, or deletes the rows of retired generations. Returns whether more work is due. */
export async function advanceRebuild(dependencies: RebuilderDependencies, signal: AbortSignal): Promise<boolean> {
  const { generations, broker, changed, log } = dependencies;
  const building = await generations.findBuilding();
  if (building === undefined) return await generations.deleteRetired(DELETE_LIMIT);
  const session = await broker.session(signal);
  if (session === undefined || !broker.status().connected) return false;
  const pending = PRODUCERS.filter((producer) => building.rewound[producer] === undefined);
  for (const producer of pending) {
    if (signal.aborted) return false;
    await rewind(dependencies, session, building.generation, producer);
  }
  if (pending.length > 0) return true;
  if (!(await isCaughtUp(dependencies, session, building))) return false;
  if (await generations.finish(building.generation)) {
    log.info({ generation: building.generation }, 'rebuild of the sales finished');
    changed();
  }
  return true;
}

// Deletes the durable consumer; the event consumer creates it again, at the stream's start. After a crash before markRewound it is
// deleted once more: the inbox keeps the events read in between from counting twice.
async function rewind(
  { service, generations }: RebuilderDependencies,
  { manager }: BrokerSession,
  generation: number,
  producer: Producer,
): Promise<void> {
  const stream = await readStream(manager, producer);
  while (await generations.carryOver(generation, producer, stream.horizon, CARRY_LIMIT));
  try {
    await manager.consumers.delete(streamOf(DOMAIN, producer), service);
  } catch (error) {
    if (!isConsumerMissing(error) && !isStreamMissing(error)) throw error;
  }
  await generations.markRewound(generation, producer, stream.lastSequence);
}

/** Reads the last sequence of a stream, and the time from which on it holds every event. */
async function readStream(manager: BrokerSession['manager'], producer: Producer) {
  try {
    const { state } = await manager.streams.info(streamOf(DOMAIN, producer));
    const horizon = state.messages === 0 ? new Date() : new Date(state.first_ts);
    return { lastSequence: state.last_seq, horizon };
  } catch (error) {
    if (isStreamMissing(error)) return { lastSequence: 0, horizon: new Date() };
    throw error;
  }
}

async function isCaughtUp(
  { service }: RebuilderDependencies,
  { manager }: BrokerSession,
  { rewound }: BuildingGeneration,
): Promise<boolean> {
  for (const producer of PRODUCERS) {
    const target = rewound[producer] ?? 0;
    if (target === 0) continue;
    try {
      const info = await manager.consumers.info(streamOf(DOMAIN, producer), service);
      const isEmpty = info.num_pending === 0 && info.num_ack_pending === 0;
      if (info.ack_floor.stream_seq < target && !isEmpty) return false;
    } catch (error) {
      if (isConsumerMissing(error)) return false; // Not created again yet.
      if (!isStreamMissing(error)) throw error; // The stream was deleted: nothing is left to read.
    }
  }
  return true;
}

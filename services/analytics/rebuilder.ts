// Carries a rebuild through, step by step, each of which may be cut off and taken again: every stream is read from its start
// by the service's own consumer, and when all have caught up the new sums take the place of the old ones.

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
  /** Tells watchers that the sums have changed. */
  readonly changed: () => void;
  readonly log: Logger;
};

/** Takes the rebuild as far as it goes now, or tidies up after the last one. Returns whether more is waiting. */
export async function advanceRebuild(dependencies: RebuilderDependencies, signal: AbortSignal): Promise<boolean> {
  const { generations, broker, changed, log } = dependencies;
  const building = await generations.findBuilding();
  if (building === undefined) return await generations.deleteRetired(DELETE_LIMIT);
  const session = await broker.session(signal);
  if (session === undefined || !broker.status().connected) return false;
  const waiting = PRODUCERS.filter((producer) => building.rewound[producer] === undefined);
  for (const producer of waiting) {
    if (signal.aborted) return false;
    await rewind(dependencies, session, building.generation, producer);
  }
  if (waiting.length > 0) return true;
  if (!(await isCaughtUp(dependencies, session, building))) return false;
  if (await generations.finish(building.generation)) {
    log.info({ generation: building.generation }, 'all sales are made anew');
    changed();
  }
  return true;
}

// The consumer is deleted; whoever consumes makes it again, from the stream's start. Cut off before that is noted, it is deleted
// once more: receipts keep what was read meanwhile from counting twice.
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

/** The last sequence of a stream, and since when it holds everything. */
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
      if (isConsumerMissing(error)) return false; // Not made again yet.
      if (!isStreamMissing(error)) throw error; // Gone with all it held: nothing is left to read.
    }
  }
  return true;
}

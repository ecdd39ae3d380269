// Generated events for one consumer, and what its behaviour shows: that it stopped, lost events, or applied one that is broken.
import { pause } from '#services/platform/base/backoff.ts';
import type { FuzzedEvent } from './event-generator.ts';

/** A consumer of a running service. */
export type ConsumerUnderTest = {
  publish(event: FuzzedEvent): Promise<void>;
  /** How many events are not yet delivered to it or not yet acknowledged by it. */
  waiting(): Promise<number>;
  /** How many events it has handled so far: applied, ignored as duplicates, or stored as dead letters. */
  handled(): Promise<number>;
  /** The ids of the events that are its dead letters. */
  deadLetterIds(): Promise<ReadonlySet<string>>;
};

export type ConsumerReport = {
  readonly events: number;
  readonly deadLetters: number;
  /** One line each; empty if the consumer did what it must. */
  readonly findings: readonly string[];
};

const POLL_MS = 100;

/**
 * Publishes events and waits until the consumer has handled all of them.
 * @param timeoutMs after how long without progress it counts as stopped.
 */
export async function fuzzConsumer(
  consumer: ConsumerUnderTest,
  events: readonly FuzzedEvent[],
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ConsumerReport> {
  const handledBefore = await consumer.handled();
  for (const event of events) await consumer.publish(event);
  const waiting = await awaitIdle(consumer, timeoutMs, signal);
  const handled = (await consumer.handled()) - handledBefore;
  const deadLetterIds = await consumer.deadLetterIds();
  const deadLetters = events.filter(({ id }) => deadLetterIds.has(id)).length;
  const findings =
    waiting > 0
      ? [`stopped: ${waiting} events wait, and none was handled for ${timeoutMs} ms`]
      : [
          ...(handled < events.length ? [`lost events: ${events.length} were published, ${handled} handled`] : []),
          ...findApplied(events, deadLetterIds),
        ];
  return { events: events.length, deadLetters, findings };
}

/** Waits until no event waits, or as long as their number changes. Returns the number of those that still wait. */
async function awaitIdle(consumer: ConsumerUnderTest, timeoutMs: number, signal: AbortSignal): Promise<number> {
  let latest = await consumer.waiting();
  let end = performance.now() + timeoutMs;
  while (latest > 0 && performance.now() < end) {
    await pause(POLL_MS, signal);
    signal.throwIfAborted();
    const waiting = await consumer.waiting();
    if (waiting !== latest) end = performance.now() + timeoutMs;
    latest = waiting;
  }
  return latest;
}

// One line for each kind of fault, with the first event that has it.
function findApplied(events: readonly FuzzedEvent[], deadLetterIds: ReadonlySet<string>): string[] {
  const kinds = new Map<string, { count: number; first: FuzzedEvent }>();
  for (const event of events) {
    if (event.fault === undefined || deadLetterIds.has(event.id)) continue;
    const kind = `a ${event.subject} that ${event.fault}`;
    const known = kinds.get(kind);
    if (known) known.count += 1;
    else kinds.set(kind, { count: 1, first: event });
  }
  return [...kinds].map(([kind, { count, first }]) => {
    const body = Buffer.from(first.payload.subarray(0, 200)).toString('hex');
    const cause = first.cause === '' ? '' : `, because of ${first.cause}`;
    return `applied ${kind}${cause}: ${count} times; no dead letter of ${first.id}, body ${body}`;
  });
}

// The events that a broker delivers within a time.

import type { CapturedEvent } from '../events/captured-event.ts';
import type { Broker } from './broker.ts';

/** What to collect. */
export type CollectOptions = {
  readonly subject: string;
  /** How long to wait. */
  readonly timeoutMs: number;
  /** Called once the broker delivers. The provider publishes then. */
  readonly trigger: () => Promise<void>;
  /** Ends the collection early. */
  readonly isEnough: (events: readonly CapturedEvent[]) => boolean;
};

/** Listens to a subject, triggers the provider, and returns the events that arrive until there are enough or the time is over. */
export async function collectEvents(broker: Broker, options: CollectOptions): Promise<CapturedEvent[]> {
  const { subject, timeoutMs, trigger, isEnough } = options;
  const stop = new AbortController();
  const events: CapturedEvent[] = [];
  const arriving = await broker.listen(subject, { isStored: false, signal: stop.signal });
  const collected = (async () => {
    for await (const event of arriving) {
      events.push(event);
      if (isEnough(events)) return;
    }
  })();
  let timer: NodeJS.Timeout | undefined;
  try {
    await trigger();
    timer = setTimeout(() => stop.abort(), timeoutMs);
    await collected;
    return events;
  } finally {
    clearTimeout(timer);
    stop.abort();
    await collected;
  }
}

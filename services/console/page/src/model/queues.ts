// The queues of a service: events it made that are not published yet, and events that wait for it.
import type { ServiceRates } from './rates.ts';

export type WaitingEvents = { readonly process: string; readonly waiting: bigint };

export type QueueLengths = {
  /** Events in its outbox. */
  readonly outbox: number;
  /** Events in the streams that it has not applied yet. */
  readonly waiting: number;
};

/** Shorter ones come and go with every order. */
const SHOWN_FROM = 10;

/**
 * The queues of a service. `queues` are as the broker counts them; where it is not asked, what the service says of itself is taken, which a
 * service that does not answer cannot.
 */
export function queuesOf(
  service: string,
  rates: Pick<ServiceRates, 'outbox' | 'pending'> | undefined,
  queues: readonly WaitingEvents[] | undefined,
): QueueLengths {
  const counted = queues?.filter((queue) => queue.process === service);
  const waiting = counted?.reduce((sum, queue) => sum + Number(queue.waiting), 0) ?? rates?.pending ?? 0;
  return { outbox: rates?.outbox ?? 0, waiting };
}

/** The queues worth a look, in a few words. */
export function describeQueues({ outbox, waiting }: QueueLengths): string {
  return [
    ...(outbox >= SHOWN_FROM ? [`outbox ${outbox}`] : []),
    ...(waiting >= SHOWN_FROM ? [`queue ${waiting}`] : []),
  ].join(' · ');
}

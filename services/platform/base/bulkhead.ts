// A bulkhead: at most so many at work at once, a bounded queue before them, and a limit to the wait in it. One stands before each
// neighbour, so that a slow one cannot take all there is, and one before a service's own work. cockatiel's keeps whoever waits
// until a place is free, even when its time is long over.

/** The work was not begun: the queue is full, or its place did not come in time. */
export class BulkheadFullError extends Error {
  override readonly name = 'BulkheadFullError';
}

export type BulkheadView = { readonly limit: number; readonly inUse: number; readonly queued: number };

export type Bulkhead = {
  /**
   * Takes a place, at once or after at most `maxWaitMs` milliseconds in the queue. Returns what gives the place back, once however
   * often it is called. Throws BulkheadFullError, or the reason of `signal` when it aborts the wait.
   */
  enter(maxWaitMs: number, signal?: AbortSignal): Promise<() => void>;
  /** Refuses whoever waits longest, if anybody does. */
  refuseOldest(): void;
  view(): BulkheadView;
};

export type BulkheadOptions = {
  /** Places; a function where that changes. */
  readonly maxConcurrent: number | (() => number);
  /** How many may wait for one. */
  readonly maxQueued: number;
  /**
   * Who is next: by default whoever waits longest. With `newest`, those at the end of a queue that does not get shorter still find
   * their callers waiting, instead of everybody being served too late.
   */
  readonly next?: 'oldest' | 'newest';
};

type Waiting = { readonly take: () => void; readonly refuse: () => void };

/** Makes an empty bulkhead. */
export function createBulkhead({ maxConcurrent, maxQueued, next = 'oldest' }: BulkheadOptions): Bulkhead {
  const waiting: Waiting[] = [];
  let inUse = 0;
  const limit = typeof maxConcurrent === 'number' ? () => maxConcurrent : maxConcurrent;

  // A place changes hands: nobody who comes in between can take it. There may be more places by now, or fewer.
  const letIn = (): void => {
    while (inUse < limit() && waiting.length > 0) {
      inUse += 1;
      (next === 'oldest' ? waiting[0] : waiting.at(-1))?.take();
    }
  };

  const takePlace = (): (() => void) => {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      inUse -= 1;
      letIn();
    };
  };

  return {
    enter: async (maxWaitMs, signal) => {
      signal?.throwIfAborted();
      if (inUse < limit()) inUse += 1;
      else if (waiting.length < maxQueued && maxWaitMs > 0) await waitForPlace(waiting, maxWaitMs, signal);
      else throw new BulkheadFullError(`${inUse} are at work and ${waiting.length} wait`);
      return takePlace();
    },
    refuseOldest: () => waiting[0]?.refuse(),
    view: () => ({ limit: limit(), inUse, queued: waiting.length }),
  };
}

async function waitForPlace(queue: Waiting[], maxWaitMs: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const waiting: Waiting = {
    take: () => {
      leave();
      resolve();
    },
    refuse: () => {
      leave();
      reject(new BulkheadFullError('others need the place in the queue'));
    },
  };
  const giveUp = (): void => {
    leave();
    reject(signal?.reason);
  };
  const timer = setTimeout(() => {
    leave();
    reject(new BulkheadFullError(`no place was free within ${Math.round(maxWaitMs)} ms`));
  }, maxWaitMs);
  const leave = (): void => {
    queue.splice(queue.indexOf(waiting), 1);
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  };
  queue.push(waiting);
  signal?.addEventListener('abort', giveUp, { once: true });
  return await promise;
}

// A bulkhead: limits how many calls are in flight at once, with a bounded queue in front and a limit to the time spent in it. One
// stands before each dependency, so that a slow one cannot use up everything, and one before a service's own work. cockatiel's
// bulkhead has no limit to the time in the queue: a call would wait for a slot long after its deadline.

/** The call was rejected before it began: the queue is full, or no slot became free in time. */
export class BulkheadRejectedError extends Error {
  override readonly name = 'BulkheadRejectedError';
}

export type BulkheadView = { readonly limit: number; readonly inFlight: number; readonly queued: number };

export type Bulkhead = {
  /**
   * Takes a slot, at once or after at most `maxWaitMs` milliseconds in the queue. Returns a function that releases the slot; further
   * calls of it do nothing.
   *
   * @throws {BulkheadRejectedError} when the queue is full or the wait takes too long; the reason of `signal` when it aborts the wait.
   */
  acquire(maxWaitMs: number, signal?: AbortSignal): Promise<() => void>;
  /** Rejects the call that has waited longest; does nothing when the queue is empty. */
  rejectOldest(): void;
  view(): BulkheadView;
};

export type BulkheadOptions = {
  /** Slots; a function where their number changes. */
  readonly maxConcurrent: number | (() => number);
  /** How many calls may wait for a slot. */
  readonly maxQueued: number;
  /**
   * Which queued call gets the next slot; a function where it changes, `fifo` by default. With `lifo`, the newest calls of a queue that
   * never drains are answered before their callers give up, instead of every call being answered too late.
   */
  readonly order?: QueueOrder | (() => QueueOrder);
};

type QueueOrder = 'fifo' | 'lifo';

type QueuedCall = { readonly admit: () => void; readonly reject: () => void };

/** Creates an empty bulkhead. */
export function createBulkhead({ maxConcurrent, maxQueued, order = 'fifo' }: BulkheadOptions): Bulkhead {
  const queue: QueuedCall[] = [];
  let inFlight = 0;
  const limit = typeof maxConcurrent === 'number' ? () => maxConcurrent : maxConcurrent;
  const currentOrder = typeof order === 'string' ? () => order : order;

  // The slot is taken before the queued call runs, so that a new call cannot take it in between. The limit may have changed.
  const admitQueued = (): void => {
    while (inFlight < limit() && queue.length > 0) {
      inFlight += 1;
      (currentOrder() === 'fifo' ? queue[0] : queue.at(-1))?.admit();
    }
  };

  const createRelease = (): (() => void) => {
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      inFlight -= 1;
      admitQueued();
    };
  };

  return {
    acquire: async (maxWaitMs, signal) => {
      signal?.throwIfAborted();
      if (inFlight < limit()) inFlight += 1;
      else if (queue.length < maxQueued && maxWaitMs > 0) await waitForSlot(queue, maxWaitMs, signal);
      else throw new BulkheadRejectedError(`${inFlight} are in flight and ${queue.length} queued`);
      return createRelease();
    },
    rejectOldest: () => queue[0]?.reject(),
    view: () => ({ limit: limit(), inFlight, queued: queue.length }),
  };
}

async function waitForSlot(queue: QueuedCall[], maxWaitMs: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const call: QueuedCall = {
    admit: () => {
      leaveQueue();
      resolve();
    },
    reject: () => {
      leaveQueue();
      reject(new BulkheadRejectedError('rejected in favour of newer calls'));
    },
  };
  const onAbort = (): void => {
    leaveQueue();
    reject(signal?.reason);
  };
  const timer = setTimeout(() => {
    leaveQueue();
    reject(new BulkheadRejectedError(`no slot became free within ${Math.round(maxWaitMs)} ms`));
  }, maxWaitMs);
  const leaveQueue = (): void => {
    queue.splice(queue.indexOf(call), 1);
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
  queue.push(call);
  signal?.addEventListener('abort', onAbort, { once: true });
  return await promise;
}

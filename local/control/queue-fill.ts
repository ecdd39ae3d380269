// The fault that fills a queue: what works the queue off is held, and a burst of real orders makes events that wait in it. Bounded in
// orders and in time. Nothing is lost: released, the events are published or applied as after any outage.
import { failedPrecondition, notFound } from '../../services/platform/base/errors.ts';
import type { Burst } from './traffic.ts';

const ORDERS = 200;
// More than a busy machine serves would be refused, and make no event.
const ORDERS_PER_SECOND = 10;
const HOLD_MS = 60_000;
const RETRY_MS = 5_000;

/** What keeps a queue from being worked off. */
export type Hold = {
  /** @throws {DomainError} when it cannot be held. */
  hold(): Promise<void>;
  release(): Promise<void>;
  isHeld(): boolean;
};

export type QueueFillState = {
  readonly process: string;
  readonly orders: number;
  readonly sent: number;
  readonly failed: number;
  readonly end: Date;
};

export type QueueFill = Disposable & {
  canFill(process: string): boolean;
  /** What is being filled, undefined once the queue is released, however that came. */
  state(): QueueFillState | undefined;
  /** @throws {DomainError} `not_found` for a process without such a queue, `failed_precondition` while one is being filled. */
  start(process: string): Promise<QueueFillState>;
  /** Ends the burst. Who heals everything releases the queue too. */
  cancel(): void;
};

export type QueueFillOptions = {
  /** By the process whose queue it is. */
  readonly holds: Readonly<Record<string, Hold>>;
  startBurst(orders: number, ordersPerSecond: number): Burst;
};

type Filling = { readonly process: string; readonly end: Date; readonly burst: Burst; timer: NodeJS.Timeout };

/** Creates the fault; nothing is held before `start`. */
export function createQueueFill({ holds, startBurst }: QueueFillOptions): QueueFill {
  let filling: Filling | undefined;
  let isStarting = false;
  const holdOf = (process: string): Hold | undefined => (Object.hasOwn(holds, process) ? holds[process] : undefined);

  const cancel = (): void => {
    clearTimeout(filling?.timer);
    filling?.burst[Symbol.dispose]();
    filling = undefined;
  };
  const state = (): QueueFillState | undefined => {
    if (filling === undefined || holdOf(filling.process)?.isHeld() !== true) return undefined;
    const { process, end, burst } = filling;
    return { process, end, orders: ORDERS, ...burst.state() };
  };
  // The queue is shown as held until it is released, however often that fails.
  const end = async (hold: Hold): Promise<void> => {
    const ending = filling;
    ending?.burst[Symbol.dispose]();
    try {
      await hold.release();
    } catch {
      // A process that has ended in the meantime is not held any more.
      if (hold.isHeld() && ending !== undefined && filling === ending) {
        ending.timer = setTimeout(() => end(hold), RETRY_MS).unref();
        return;
      }
    }
    if (filling === ending) filling = undefined;
  };
  const begin = async (process: string, hold: Hold): Promise<void> => {
    try {
      await hold.hold();
    } catch (error) {
      // Of several replicas, some may be held. One that cannot be released is shown as the fault that it is.
      await hold.release().catch(() => undefined);
      throw error;
    }
    // One that was released by hand still has its timer.
    cancel();
    filling = {
      ...{ process, timer: setTimeout(() => end(hold), HOLD_MS).unref() },
      end: new Date(Date.now() + HOLD_MS),
      burst: startBurst(ORDERS, ORDERS_PER_SECOND),
    };
  };
  return {
    canFill: (process) => holdOf(process) !== undefined,
    state,
    start: async (process) => {
      const hold = holdOf(process);
      if (hold === undefined) throw notFound('QUEUE_UNKNOWN', `${process} has no queue that can be filled`);
      if (isStarting || state() !== undefined)
        throw failedPrecondition('QUEUE_FILLING', 'a queue is being filled: heal it first');
      isStarting = true;
      try {
        await begin(process, hold);
      } finally {
        isStarting = false;
      }
      const started = state();
      if (started !== undefined) return started;
      throw failedPrecondition('QUEUE_RELEASED', `${process} was released before its queue was filled`);
    },
    cancel,
    [Symbol.dispose]: cancel,
  };
}

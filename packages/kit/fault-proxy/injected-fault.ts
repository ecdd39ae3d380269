// A fault that is switched on in a proxy: it selects targets, counts those it hit, and can be removed.

import type { Direction, Fault, FaultContext, FaultTarget, ProxiedCall } from './core/fault.ts';
import type { Pipe } from './core/pipe.ts';
import { createRandom } from './core/random.ts';
import { Schedule, type ScheduleOptions } from './core/schedule.ts';

/** Which calls or connections a fault affects. Default: all. */
export type InjectOptions = ScheduleOptions & {
  /**
   * The RPC to affect: `pkg.Service/Method`, `pkg.Service/*` or `*`. Only calls that begin later are affected, not those in
   * flight. Without it the fault affects whole connections, open ones included, or every RPC if it affects only calls.
   */
  readonly rpc?: string;
  /** `up` is towards the upstream service, `down` is the way back. Default: the directions of the fault. */
  readonly direction?: Direction | 'both';
};

/** A fault that is or was switched on, with its counts. */
export type FaultState = {
  readonly id: string;
  readonly name: string;
  /** The RPCs it affects; undefined if it affects connections. */
  readonly rpc: string | undefined;
  /** How many calls or connections it really affected. */
  readonly hits: number;
  /** How many calls or connections matched, whether or not the schedule selected them. */
  readonly seen: number;
};

/** A handle to a fault that was switched on. Disposing of it removes the fault. */
export interface FaultHandle extends FaultState, Disposable {
  /** Switches the fault off and passes on at once what it held. Its counts stay. Removing it again has no effect. */
  remove(): void;
}

const RPC_PATTERN = /^(\*|[\w.]+\/(\w+|\*))$/;

type InjectedFaultOptions = {
  readonly options: InjectOptions;
  readonly seed: number;
  /** Counts the faults of a proxy, from 1. It is the fault's id, and part of what seeds its random numbers. */
  readonly sequenceNumber: number;
  readonly onRemove: () => void;
};

export class InjectedFault implements FaultHandle {
  readonly id: string;
  readonly fault: Fault;
  readonly rpc: string | undefined;
  readonly #directions: readonly Direction[];
  readonly #schedule: Schedule;
  readonly #seed: number;
  readonly #sequenceNumber: number;
  readonly #onRemove: () => void;
  readonly #removers = new Set<() => void>();
  #hits = 0;
  #isRemoved = false;

  /** @throws {TypeError} naming the option that is invalid, or that does not apply to the fault. */
  constructor(fault: Fault, { options, seed, sequenceNumber, onRemove }: InjectedFaultOptions) {
    const { rpc, direction, ...schedule } = options;
    if (rpc !== undefined && !RPC_PATTERN.test(rpc)) {
      throw new TypeError(`"rpc" must be "pkg.Service/Method", "pkg.Service/*" or "*", not "${rpc}"`);
    }
    if (rpc !== undefined && fault.hits === 'connections') {
      throw new TypeError(`"rpc" does not apply to ${fault.name}, which hits whole connections`);
    }
    if (direction !== undefined && !['up', 'down', 'both'].includes(direction)) {
      throw new TypeError(`"direction" must be "up", "down" or "both", not "${direction}"`);
    }
    this.id = String(sequenceNumber);
    this.fault = fault;
    this.rpc = rpc ?? (fault.hits === 'calls' ? '*' : undefined);
    this.#directions = directionsOf(fault, direction);
    this.#schedule = new Schedule({ ...fault.schedule, ...schedule });
    this.#seed = seed;
    this.#sequenceNumber = sequenceNumber;
    this.#onRemove = onRemove;
  }

  get name(): string {
    return this.fault.name;
  }

  get hits(): number {
    return this.#hits;
  }

  get seen(): number {
    return this.#schedule.seen;
  }

  /** Offers a call or connection that begins, or an open connection. Applies the fault to it if it is selected. */
  offer(target: FaultTarget): void {
    if (this.#isRemoved || target.isOver || !this.#matches(target)) return;
    const random = createRandom(this.#seed, this.#sequenceNumber, this.#schedule.seen + 1);
    if (!this.#schedule.selectsNext(random)) return;
    let isHit = false;
    const context: FaultContext = {
      target,
      directions: this.#directions,
      random,
      countHit: () => {
        if (!isHit) this.#hits += 1;
        isHit = true;
      },
      insertStage: (direction, stage) =>
        this.#addRemover(target.pipes[direction].insert(stage), [target.pipes[direction]]),
      onRemove: (listener) => this.#addRemover(listener, Object.values(target.connection.pipes)),
    };
    this.fault.apply(context);
  }

  remove(): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    for (const remove of [...this.#removers]) remove();
    this.#removers.clear();
    this.#onRemove();
  }

  [Symbol.dispose](): void {
    this.remove();
  }

  /** Registers work for the removal of the fault. It is dropped once all these pipes are over. */
  #addRemover(remove: () => void, pipes: readonly Pipe[]): void {
    this.#removers.add(remove);
    let open = pipes.length;
    for (const pipe of pipes) {
      pipe.onOver(() => {
        open -= 1;
        if (open === 0) this.#removers.delete(remove);
      });
    }
  }

  #matches(target: FaultTarget): boolean {
    if (this.rpc === undefined) return target.scope === 'connection';
    if (target.scope === 'connection') return false;
    const { rpc } = target as ProxiedCall;
    return this.rpc === '*' || this.rpc === rpc || (this.rpc.endsWith('/*') && rpc.startsWith(this.rpc.slice(0, -1)));
  }
}

function directionsOf(fault: Fault, direction: InjectOptions['direction']): readonly Direction[] {
  if (direction === undefined) return fault.directions;
  return direction === 'both' ? ['up', 'down'] : [direction];
}

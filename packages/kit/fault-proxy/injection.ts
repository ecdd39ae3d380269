// One fault that was switched on: which targets it takes, what it did to them, and how it is switched off.

import type { CallPort, Direction, Fault, Target, TargetPort } from './core/fault.ts';
import type { Lane } from './core/pipe.ts';
import { createRandom } from './core/random.ts';
import { Schedule, type ScheduleOptions } from './core/schedule.ts';

/** Which calls or connections a fault hits. Default: all. */
export interface InjectOptions extends ScheduleOptions {
  /**
   * The RPC to hit: `pkg.Service/Method`, `pkg.Service/*` or `*`. Calls that begin later are hit, those that run are not.
   * Without it, whole connections are hit, those that stand included; faults that know only calls then hit every RPC.
   */
  readonly rpc?: string;
  /** `up` is towards the upstream service, `down` is back. Default: what the fault says. */
  readonly direction?: Direction | 'both';
}

/** A fault that is, or was, on, and what it did. */
export interface FaultState {
  readonly id: string;
  readonly name: string;
  /** The RPCs it hits; undefined when it hits connections. */
  readonly rpc: string | undefined;
  /** Calls or connections it was really done to, each once. */
  readonly hits: number;
  /** Calls or connections that came by and were meant, taken or not. */
  readonly seen: number;
}

/** A fault that was switched on, to look at and to switch off. It is removed when it is disposed of. */
export interface FaultHandle extends FaultState, Disposable {
  /** Switches the fault off. What it held back goes on at once; its counts stay. A second time does nothing. */
  remove(): void;
}

const rpcPattern = /^(\*|[\w.]+\/(\w+|\*))$/;

export class Injection implements FaultHandle {
  readonly id: string;
  readonly fault: Fault;
  readonly rpc: string | undefined;
  readonly #directions: readonly Direction[];
  readonly #schedule: Schedule;
  readonly #seed: number;
  readonly #number: number;
  readonly #onRemove: () => void;
  readonly #removers = new Set<() => void>();
  #hits = 0;
  #isRemoved = false;

  /** @throws TypeError naming the option that cannot be used, or does not go with the fault. */
  constructor(fault: Fault, options: InjectOptions, seed: number, number: number, onRemove: () => void) {
    const { rpc, direction, ...schedule } = options;
    if (rpc !== undefined && !rpcPattern.test(rpc)) {
      throw new TypeError(`"rpc" must be "pkg.Service/Method", "pkg.Service/*" or "*", not "${rpc}"`);
    }
    if (rpc !== undefined && fault.hits === 'connections') {
      throw new TypeError(`"rpc" does not go with ${fault.name}, which hits whole connections`);
    }
    if (direction !== undefined && !['up', 'down', 'both'].includes(direction)) {
      throw new TypeError(`"direction" must be "up", "down" or "both", not "${direction}"`);
    }
    this.id = String(number);
    this.fault = fault;
    this.rpc = rpc ?? (fault.hits === 'calls' ? '*' : undefined);
    this.#directions = directionsOf(fault, direction);
    this.#schedule = new Schedule({ ...fault.schedule, ...schedule });
    this.#seed = seed;
    this.#number = number;
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

  /** Offers a connection or call that begins, or a connection that stands. */
  offer(port: TargetPort): void {
    if (this.#isRemoved || port.isOver || !this.#isMeant(port)) return;
    const random = createRandom(this.#seed, this.#number, this.#schedule.seen + 1);
    if (!this.#schedule.takesNext(random)) return;
    let isHit = false;
    const target: Target = {
      port,
      directions: this.#directions,
      random,
      hit: () => {
        if (!isHit) this.#hits += 1;
        isHit = true;
      },
      insert: (direction, stage) => this.#keep(port.lanes[direction].insert(stage), [port.lanes[direction]]),
      onRemove: (listener) => this.#keep(listener, Object.values(port.connection.lanes)),
    };
    this.fault.begin(target);
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

  /** Keeps what the removal has to do, until all these lanes are over. */
  #keep(remove: () => void, lanes: readonly Lane[]): void {
    this.#removers.add(remove);
    let open = lanes.length;
    for (const lane of lanes) {
      lane.onOver(() => {
        open -= 1;
        if (open === 0) this.#removers.delete(remove);
      });
    }
  }

  #isMeant(port: TargetPort): boolean {
    if (this.rpc === undefined) return port.scope === 'connection';
    if (port.scope === 'connection') return false;
    const { rpc } = port as CallPort;
    return this.rpc === '*' || this.rpc === rpc || (this.rpc.endsWith('/*') && rpc.startsWith(this.rpc.slice(0, -1)));
  }
}

function directionsOf(fault: Fault, direction: InjectOptions['direction']): readonly Direction[] {
  if (direction === undefined) return fault.directions;
  return direction === 'both' ? ['up', 'down'] : [direction];
}

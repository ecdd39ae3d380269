// What a fault is, and what it may do to the connection or the call it hits. Each file in faults/ makes one.

import type { Lane } from './pipe.ts';
import type { Random } from './random.ts';
import type { ScheduleOptions } from './schedule.ts';
import type { Piece, Stage } from './stage.ts';

/** `up` is from the client to the upstream service, `down` is back. */
export type Direction = 'up' | 'down';

/** One kind of harm. The functions of the kit make them, such as `latency`; `inject` switches one on. */
export interface Fault {
  readonly name: string;
  /** Whether it hits connections, calls (RPCs) or, depending on whether it is given an RPC, either. */
  readonly hits: 'connections' | 'calls' | 'either';
  /** Where it acts when `inject` is not told. */
  readonly directions: readonly Direction[];
  /** Which targets it takes when `inject` is not told. */
  readonly schedule?: ScheduleOptions;
  /** Whether the port is closed as long as it is on. */
  readonly closesPort?: boolean;
  /** Begins to act on one target: at once, or by putting stages in its way. */
  begin(target: Target): void;
}

/** What a fault needs of the connection or call it hits. */
export interface TargetPort {
  readonly scope: 'connection' | 'call';
  readonly lanes: Readonly<Record<Direction, Lane>>;
  /** Whether nothing can be done to it any more. */
  readonly isOver: boolean;
  /** The connection itself, or the one the call came by. */
  readonly connection: TargetPort;
  /** Breaks it off: RST_STREAM with this code for an HTTP/2 call, a TCP reset of the connection for all else. */
  reset(http2Code: number): void;
  /** Ends it towards the client, after what was passed on, and drops it towards the upstream service. */
  close(): void;
  /** Passes on the beginning of a piece as if the rest were to follow, and ends the connection. */
  tear(direction: Direction, piece: Piece, keptBytes: number): void;
  /** Calls `listener` when the client has given up. */
  onClientGone(listener: () => void): void;
  /** Forgets it without a word to anybody: what it holds is dropped. */
  drop(): void;
}

/** A call: one HTTP request with its answer. */
export interface CallPort extends TargetPort {
  readonly scope: 'call';
  /** `pkg.Service/Method`. */
  readonly rpc: string;
  readonly protocol: 'http1' | 'http2';
  /** Answers with an HTTP status and no body, in the upstream service's place. */
  answer(status: number): void;
  /** Sends GOAWAY; with `refuses`, one that leaves this call out. Over HTTP/1.1, which has none, returns false. */
  goAway(http2Code: number, refuses: boolean): boolean;
}

/** One connection or call, as the fault that hits it sees it. */
export interface Target {
  readonly port: TargetPort;
  readonly directions: readonly Direction[];
  readonly random: Random;
  /** Counts the target as hit: to be called when something is really done to it. It counts once. */
  hit(): void;
  /** Puts a stage in the way of one direction, until the fault is removed. */
  insert(direction: Direction, stage: Stage): void;
  /** Calls `listener` when the fault is removed, if the target's connection still stands then. */
  onRemove(listener: () => void): void;
}

/** Returns the target's port as a call's. @throws TypeError when it is a connection. */
export function callOf({ port }: Target): CallPort {
  if (port.scope !== 'call') throw new TypeError('this fault hits calls');
  return port as CallPort;
}

/** Puts a stage of its own into each direction the fault acts in. */
export function insertEverywhere(target: Target, createStage: (direction: Direction) => Stage): void {
  for (const direction of target.directions) target.insert(direction, createStage(direction));
}

// The interface of a fault. Each file in faults/ implements one; README.md lists the steps to add another.
//
//            pipe "up":    client ──► stage ──► stage ──► upstream service
//   client ◄──────────────────────── fault proxy ────────────────────────► upstream service
//            pipe "down":  client ◄── stage ◄── stage ◄── upstream service
//
// Every connection has such a pair of pipes, and so does every call (RPC) that the proxy recognises on it. A fault acts on a
// connection or a call in two ways: at once (reset it, answer in the service's place), or by inserting a stage into a pipe,
// which passes each chunk on later, changed or never.

import type { Chunk, Stage } from './chunk.ts';
import type { Pipe } from './pipe.ts';
import type { Random } from './random.ts';
import type { ScheduleOptions } from './schedule.ts';

/** `up` is from the client to the upstream service, `down` is the way back. */
export type Direction = 'up' | 'down';

/** A kind of fault with its settings, such as `latency({ delayMs: 100 })` returns. `inject` switches it on. */
export type Fault = {
  readonly name: string;
  /** Whether it affects connections, calls (RPCs), or either: calls if `inject` names an RPC, connections if not. */
  readonly hits: 'connections' | 'calls' | 'either';
  /** The directions it acts in, unless `inject` names one. */
  readonly directions: readonly Direction[];
  /** The targets it selects, unless `inject` says otherwise. */
  readonly schedule?: ScheduleOptions;
  /** Whether the proxy's port is closed while the fault is on. */
  readonly closesPort?: boolean;
  /** Starts to affect one target: at once, or by inserting stages into its pipes. */
  apply(context: FaultContext): void;
};

/** A connection or a call that a fault can affect. */
export interface FaultTarget {
  readonly scope: 'connection' | 'call';
  readonly pipes: Readonly<Record<Direction, Pipe>>;
  /** Whether it has ended, so that a fault can no longer affect it. */
  readonly isOver: boolean;
  /** The connection itself, or the connection of the call. */
  readonly connection: FaultTarget;
  /** Sends RST_STREAM with this code for an HTTP/2 call; resets the TCP connection in all other cases. */
  reset(http2Code: number): void;
  /** Ends it towards the client, after the bytes already passed on, and aborts it towards the upstream service. */
  close(): void;
  /** Passes on the first `keptBytes` of a chunk as if the rest were to follow, and closes the connection. */
  truncate(direction: Direction, chunk: Chunk, keptBytes: number): void;
  /** Calls `listener` when the client has closed its side. */
  onClientClosed(listener: () => void): void;
  /** Discards it silently, with every byte that is held: the client is sent neither an end nor a reset. */
  drop(): void;
}

/** One call: an HTTP request and its response. */
export interface ProxiedCall extends FaultTarget {
  readonly scope: 'call';
  /** `pkg.Service/Method`. */
  readonly rpc: string;
  readonly protocol: 'http1' | 'http2';
  /** Answers with an HTTP status and an empty body, in the upstream service's place. */
  answer(status: number): void;
  /** Sends GOAWAY; `refuses` excludes this call from those still served. Returns false over HTTP/1.1, which has no GOAWAY. */
  goAway(http2Code: number, refuses: boolean): boolean;
}

/** What a fault receives with each target. */
export type FaultContext = {
  readonly target: FaultTarget;
  readonly directions: readonly Direction[];
  readonly random: Random;
  /** Counts the target as hit. A fault calls this when it really affects the target; further calls do not count. */
  countHit(): void;
  /** Inserts a stage into the pipe of one direction. Removing the fault removes the stage. */
  insertStage(direction: Direction, stage: Stage): void;
  /** Calls `listener` when the fault is removed, if the target's connection is still open then. */
  onRemove(listener: () => void): void;
};

/**
 * Returns the target as a call.
 *
 * @throws {TypeError} if the target is a connection.
 */
export function callOf({ target }: FaultContext): ProxiedCall {
  if (target.scope !== 'call') throw new TypeError('this fault hits calls');
  return target as ProxiedCall;
}

/** Inserts a new stage into the pipe of each direction in which the fault acts. */
export function insertStages(context: FaultContext, createStage: (direction: Direction) => Stage): void {
  for (const direction of context.directions) context.insertStage(direction, createStage(direction));
}

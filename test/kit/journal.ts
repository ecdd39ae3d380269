// What a virtual service was asked, in order, with a limit, so that a test can look back at it.

import type { DescMethod, MessageShape } from '@bufbuild/protobuf';
import type { AnyMessage, StubbableMethod } from './stub.ts';

/** `running` also when a call hangs; `abandoned` when its caller gave up; `missed` when no single stub matched. */
export type CallOutcome = 'running' | 'answered' | 'failed' | 'abandoned' | 'missed';

/** One call, as the virtual service saw it. */
export interface Call<M extends StubbableMethod = StubbableMethod> {
  readonly method: M;
  readonly request: MessageShape<M['input']>;
  readonly requestHeader: Headers;
  /** How the call ended, as far as it has. */
  readonly outcome: CallOutcome;
  /** The error it was answered with. */
  readonly error: unknown;
}

/** The call as the journal keeps it: the outcome is written when it is known. */
export interface RunningCall {
  readonly method: StubbableMethod;
  readonly request: AnyMessage;
  readonly requestHeader: Headers;
  outcome: CallOutcome;
  error: unknown;
}

/** The last `limit` calls. */
export class Journal {
  readonly #limit: number;
  #calls: RunningCall[] = [];
  #dropped = new Map<DescMethod, number>();

  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1)
      throw new TypeError(`journalLimit must be a whole number above 0, but is ${limit}`);
    this.#limit = limit;
  }

  add(call: RunningCall): void {
    this.#calls.push(call);
    if (this.#calls.length <= this.#limit) return;
    const oldest = this.#calls.shift();
    if (oldest) this.#dropped.set(oldest.method, this.droppedOf(oldest.method) + 1);
  }

  /** Returns the calls of one RPC in the order they came. */
  of<M extends StubbableMethod>(method: M): Call<M>[] {
    return this.#calls.filter((call) => call.method === method) as unknown as Call<M>[];
  }

  all(): readonly Call[] {
    return this.#calls;
  }

  /** Returns how many calls of one RPC the limit has pushed out: nothing can be said about those. */
  droppedOf(method: DescMethod): number {
    return this.#dropped.get(method) ?? 0;
  }

  clear(): void {
    this.#calls = [];
    this.#dropped = new Map();
  }
}

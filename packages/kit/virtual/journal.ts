// The journal of a virtual service: the latest calls with their requests and outcomes, up to a limit.

import type { DescMethod, Message, MessageShape } from '@bufbuild/protobuf';

/**
 * How a call ended:
 * - `running`: it has not ended, or hangs;
 * - `answered`, `failed`: it got responses, or an error;
 * - `abandoned`: its caller gave up;
 * - `unmatched`: no stub matched, or two that are equally specific;
 * - `faulted`: the wire fault of a stub affected its answer.
 */
export type CallOutcome = 'running' | 'answered' | 'failed' | 'abandoned' | 'unmatched' | 'faulted';

/** A call that a virtual service received. */
export type Call<M extends DescMethod = DescMethod> = {
  /** Its number on this server, from 1, in the order of arrival. */
  readonly id: number;
  readonly arrivedAt: Date;
  readonly method: M;
  /** The request; the first one of a stream, which may have none. */
  readonly request: M['methodKind'] extends 'unary' | 'server_streaming'
    ? MessageShape<M['input']>
    : MessageShape<M['input']> | undefined;
  /** The requests in the order of arrival: exactly one, unless requests are a stream. */
  readonly requests: readonly MessageShape<M['input']>[];
  readonly requestHeader: Headers;
  readonly outcome: CallOutcome;
  /** The error it was answered with. */
  readonly error: unknown;
  /** The name of the fault that affected its answer. */
  readonly fault: string | undefined;
  /** Whether it was forwarded to the real service. */
  readonly isForwarded: boolean;
};

/** A call in the journal. Its outcome is set when it ends. */
export class RunningCall {
  readonly id: number;
  readonly arrivedAt = new Date();
  readonly method: DescMethod;
  readonly requestHeader: Headers;
  readonly requests: Message[] = [];
  #outcome: CallOutcome = 'running';
  #error: unknown;
  #fault: string | undefined;
  #isForwarded = false;

  constructor(id: number, method: DescMethod, requestHeader: Headers) {
    this.id = id;
    this.method = method;
    this.requestHeader = requestHeader;
  }

  get request(): Message | undefined {
    return this.requests[0];
  }

  get outcome(): CallOutcome {
    return this.#fault === undefined ? this.#outcome : 'faulted';
  }

  get error(): unknown {
    return this.#error;
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  get isForwarded(): boolean {
    return this.#isForwarded;
  }

  /** Records how the call ended. Only the first outcome counts. */
  end(outcome: CallOutcome, error?: unknown): void {
    if (this.#outcome !== 'running') return;
    this.#outcome = outcome;
    this.#error = error;
  }

  /** Records that it is forwarded to the real service. */
  markForwarded(): void {
    this.#isForwarded = true;
  }

  /** Records that a fault affected its answer. */
  markFaulted(fault: string): void {
    this.#fault = fault;
  }
}

/** The latest calls, with at most `limit` requests in total. */
export class Journal {
  readonly #limit: number;
  // Oldest first.
  #calls = new Set<RunningCall>();
  #size = 0;
  #arrived = 0;
  #dropped = new Map<DescMethod, number>();

  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1)
      throw new TypeError(`journalLimit must be a whole number above 0, but is ${limit}`);
    this.#limit = limit;
  }

  /** How many requests are kept, of one call and of all. */
  get limit(): number {
    return this.#limit;
  }

  /** Adds a call that begins. */
  begin(method: DescMethod, requestHeader: Headers): RunningCall {
    this.#arrived += 1;
    const call = new RunningCall(this.#arrived, method, requestHeader);
    this.#calls.add(call);
    // A stream counts as one request even while it has none, so that empty streams cannot fill the memory.
    this.#size += 1;
    this.#dropOldest();
    return call;
  }

  /** Adds a request of a call. If this call alone exceeds the limit, its oldest request is dropped. */
  addRequest(call: RunningCall, request: Message): void {
    call.requests.push(request);
    if (call.requests.length > this.#limit) call.requests.shift();
    else if (call.requests.length > 1 && this.#calls.has(call)) this.#size += 1;
    this.#dropOldest();
  }

  /** Returns the calls of one RPC in the order of arrival. */
  of<M extends DescMethod>(method: M): Call<M>[] {
    return [...this.#calls].filter((call) => call.method === method) as unknown as Call<M>[];
  }

  all(): readonly Call[] {
    return [...this.#calls] as unknown as Call[];
  }

  /** How many calls were dropped because of the limit. */
  get dropped(): number {
    return [...this.#dropped.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Returns how many calls of one RPC were dropped because of the limit. */
  droppedOf(method: DescMethod): number {
    return this.#dropped.get(method) ?? 0;
  }

  clear(): void {
    this.#calls = new Set();
    this.#size = 0;
    this.#dropped = new Map();
  }

  #dropOldest(): void {
    for (const oldest of this.#calls) {
      if (this.#size <= this.#limit || this.#calls.size === 1) return;
      this.#calls.delete(oldest);
      this.#size -= Math.max(1, oldest.requests.length);
      this.#dropped.set(oldest.method, this.droppedOf(oldest.method) + 1);
    }
  }
}

// What a virtual service was asked, in order, with a limit, so that a test can look back at it.

import type { DescMethod, Message, MessageShape } from '@bufbuild/protobuf';

/**
 * How a call ended: `running` also when it hangs; `abandoned` when its caller gave up; `missed` when no single stub
 * matched; `harmed` when a fault that a stub is told of was done to its answer on the wire.
 */
export type CallOutcome = 'running' | 'answered' | 'failed' | 'abandoned' | 'missed' | 'harmed';

/** One call, as the virtual service saw it. */
export interface Call<M extends DescMethod = DescMethod> {
  readonly method: M;
  /** The request; of a stream the first one, which may be missing. */
  readonly request: M['methodKind'] extends 'unary' | 'server_streaming'
    ? MessageShape<M['input']>
    : MessageShape<M['input']> | undefined;
  /** The requests in the order they came; but for streams there is one. */
  readonly requests: readonly MessageShape<M['input']>[];
  readonly requestHeader: Headers;
  /** How the call ended, as far as it has. */
  readonly outcome: CallOutcome;
  /** The error it was answered with. */
  readonly error: unknown;
  /** The name of the fault that was done to its answer. */
  readonly fault: string | undefined;
}

/** A call as the journal keeps it: what becomes of it is written when it is known. */
export class RunningCall {
  readonly method: DescMethod;
  readonly requestHeader: Headers;
  readonly requests: Message[] = [];
  #outcome: CallOutcome = 'running';
  #error: unknown;
  #fault: string | undefined;

  constructor(method: DescMethod, requestHeader: Headers) {
    this.method = method;
    this.requestHeader = requestHeader;
  }

  get request(): Message | undefined {
    return this.requests[0];
  }

  get outcome(): CallOutcome {
    return this.#fault === undefined ? this.#outcome : 'harmed';
  }

  get error(): unknown {
    return this.#error;
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  /** Notes how the call ended; it ends once. */
  end(outcome: CallOutcome, error?: unknown): void {
    if (this.#outcome !== 'running') return;
    this.#outcome = outcome;
    this.#error = error;
  }

  /** Notes that a fault was done to its answer. */
  harm(fault: string): void {
    this.#fault = fault;
  }
}

/** The last calls with `limit` requests together; a call that is not a stream has one. */
export class Journal {
  readonly #limit: number;
  // Oldest first.
  #calls = new Set<RunningCall>();
  #size = 0;
  #dropped = new Map<DescMethod, number>();

  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1)
      throw new TypeError(`journalLimit must be a whole number above 0, but is ${limit}`);
    this.#limit = limit;
  }

  /** How many requests are kept, of one call or of all. */
  get limit(): number {
    return this.#limit;
  }

  /** Takes in a call that begins. */
  begin(method: DescMethod, requestHeader: Headers): RunningCall {
    const call = new RunningCall(method, requestHeader);
    this.#calls.add(call);
    // A stream without requests has its cost too.
    this.#size += 1;
    this.#forgetOldest();
    return call;
  }

  /** Takes in a request of a call. Of a call that alone has more than the limit, the oldest ones are forgotten. */
  addRequest(call: RunningCall, request: Message): void {
    call.requests.push(request);
    if (call.requests.length > this.#limit) call.requests.shift();
    else if (call.requests.length > 1 && this.#calls.has(call)) this.#size += 1;
    this.#forgetOldest();
  }

  /** Returns the calls of one RPC in the order they came. */
  of<M extends DescMethod>(method: M): Call<M>[] {
    return [...this.#calls].filter((call) => call.method === method) as unknown as Call<M>[];
  }

  all(): readonly Call[] {
    return [...this.#calls] as unknown as Call[];
  }

  /** Returns how many calls of one RPC the limit has pushed out: nothing can be said about those. */
  droppedOf(method: DescMethod): number {
    return this.#dropped.get(method) ?? 0;
  }

  clear(): void {
    this.#calls = new Set();
    this.#size = 0;
    this.#dropped = new Map();
  }

  #forgetOldest(): void {
    for (const oldest of this.#calls) {
      if (this.#size <= this.#limit || this.#calls.size === 1) return;
      this.#calls.delete(oldest);
      this.#size -= Math.max(1, oldest.requests.length);
      this.#dropped.set(oldest.method, this.droppedOf(oldest.method) + 1);
    }
  }
}

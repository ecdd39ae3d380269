// The stage of every fault that delays: a queue in which each chunk waits until it is due. Chunks never overtake each other.

import { type Chunk, heldBytesOf, type Pass, type Stage } from '../core/chunk.ts';

type DelayedChunk = {
  readonly chunk: Chunk;
  readonly dueMs: number;
};

type DelayingStageOptions = {
  /** Returns when a chunk is due, in milliseconds like `nowMs`. `Infinity` means when the fault is removed. */
  readonly dueMs: (chunk: Chunk, nowMs: number) => number;
  /** Splits a chunk into several that are delayed separately. By default a chunk stays whole. */
  readonly split?: (chunk: Chunk) => readonly Chunk[];
  /** Called when a chunk has to wait. */
  readonly onHold: () => void;
};

export class DelayingStage implements Stage {
  readonly #options: DelayingStageOptions;
  #delayed: DelayedChunk[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DelayingStageOptions) {
    this.#options = options;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  take(chunk: Chunk, pass: Pass): void {
    for (const part of this.#options.split?.(chunk) ?? [chunk]) this.#delay(part, pass);
    this.#schedule(pass);
  }

  release(pass: Pass): void {
    const delayed = this.#delayed;
    this.discard();
    for (const { chunk } of delayed) pass(chunk);
  }

  discard(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#delayed = [];
    this.#heldBytes = 0;
  }

  #delay(chunk: Chunk, pass: Pass): void {
    const nowMs = performance.now();
    const dueMs = Math.max(this.#options.dueMs(chunk, nowMs), this.#delayed.at(-1)?.dueMs ?? 0);
    if (dueMs <= nowMs && this.#delayed.length === 0) {
      pass(chunk);
      return;
    }
    this.#options.onHold();
    this.#delayed.push({ chunk, dueMs });
    this.#heldBytes += heldBytesOf(chunk);
  }

  #schedule(pass: Pass): void {
    const [first] = this.#delayed;
    if (first === undefined || this.#timer !== undefined || first.dueMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(0, Math.ceil(first.dueMs - performance.now()));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#passDue(pass);
    }, waitMs);
  }

  #passDue(pass: Pass): void {
    const nowMs = performance.now();
    const later = this.#delayed.findIndex(({ dueMs }) => dueMs > nowMs);
    const due = this.#delayed.splice(0, later === -1 ? this.#delayed.length : later);
    for (const { chunk } of due) this.#heldBytes -= heldBytesOf(chunk);
    for (const { chunk } of due) pass(chunk);
    this.#schedule(pass);
  }
}

// The stage behind every fault that holds things back: pieces wait, in order, each until its time has come.

import { costOf, type Pass, type Piece, type Stage } from './core/stage.ts';

interface Waiting {
  readonly piece: Piece;
  readonly dueMs: number;
}

interface DelayLineOptions {
  /** Returns when a piece is due, given the present, in milliseconds; `Infinity` is when the stage is released. */
  readonly dueMs: (piece: Piece, nowMs: number) => number;
  /** Cuts a piece into those that wait on their own. By default it stays whole. */
  readonly split?: (piece: Piece) => readonly Piece[];
  /** Told when a piece has to wait. */
  readonly onHold: () => void;
}

export class DelayLine implements Stage {
  readonly #options: DelayLineOptions;
  #waiting: Waiting[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DelayLineOptions) {
    this.#options = options;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  take(piece: Piece, pass: Pass): void {
    for (const part of this.#options.split?.(piece) ?? [piece]) this.#takePart(part, pass);
    this.#schedule(pass);
  }

  release(pass: Pass): void {
    const waiting = this.#waiting;
    this.discard();
    for (const { piece } of waiting) pass(piece);
  }

  discard(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
    this.#heldBytes = 0;
  }

  #takePart(piece: Piece, pass: Pass): void {
    const nowMs = performance.now();
    const dueMs = Math.max(this.#options.dueMs(piece, nowMs), this.#waiting.at(-1)?.dueMs ?? 0);
    if (dueMs <= nowMs && this.#waiting.length === 0) {
      pass(piece);
      return;
    }
    this.#options.onHold();
    this.#waiting.push({ piece, dueMs });
    this.#heldBytes += costOf(piece);
  }

  #schedule(pass: Pass): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#timer !== undefined || first.dueMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(0, Math.ceil(first.dueMs - performance.now()));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#passDue(pass);
    }, waitMs);
  }

  #passDue(pass: Pass): void {
    const nowMs = performance.now();
    const later = this.#waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    const due = this.#waiting.splice(0, later === -1 ? this.#waiting.length : later);
    for (const { piece } of due) this.#heldBytes -= costOf(piece);
    for (const { piece } of due) pass(piece);
    this.#schedule(pass);
  }
}

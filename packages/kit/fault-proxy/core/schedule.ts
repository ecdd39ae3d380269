// Which of the calls or connections a fault is offered it takes.

import type { Random } from './random.ts';
import { requireWhole } from './require-option.ts';

export interface ScheduleOptions {
  /** Lets so many pass first. Default 0. */
  readonly after?: number;
  /** Of those that follow, takes every so-manieth: with 3, the third, the sixth and so on. Default 1. */
  readonly every?: number;
  /** Of those, takes each with this chance, from 0 to 1. Default 1. */
  readonly probability?: number;
  /** Takes so many and no more. Default: no end. */
  readonly times?: number;
}

export class Schedule {
  readonly #after: number;
  readonly #every: number;
  readonly #probability: number;
  readonly #times: number;
  #seen = 0;
  #taken = 0;

  /** @throws TypeError naming the option that cannot be used. */
  constructor({ after = 0, every = 1, probability = 1, times = Number.POSITIVE_INFINITY }: ScheduleOptions) {
    requireWhole('after', after, 0);
    requireWhole('every', every, 1);
    if (times !== Number.POSITIVE_INFINITY) requireWhole('times', times, 0);
    if (!(probability >= 0 && probability <= 1)) {
      throw new TypeError(`"probability" must be from 0 to 1, not ${probability}`);
    }
    this.#after = after;
    this.#every = every;
    this.#probability = probability;
    this.#times = times;
  }

  /** How many were offered. */
  get seen(): number {
    return this.#seen;
  }

  /** Tells whether to take the next one. */
  takesNext(random: Random): boolean {
    this.#seen += 1;
    const position = this.#seen - this.#after;
    if (position < 1 || position % this.#every !== 0 || this.#taken >= this.#times) return false;
    if (this.#probability < 1 && random() >= this.#probability) return false;
    this.#taken += 1;
    return true;
  }
}

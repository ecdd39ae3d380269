// The selection of the calls or connections that a fault affects, out of all that it matches.

import type { Random } from './random.ts';
import { requireWhole } from './require-option.ts';

export type ScheduleOptions = {
  /** How many to skip first. Default 0. */
  readonly after?: number;
  /** Selects every nth of those that follow: with 3 the third, the sixth and so on. Default 1. */
  readonly every?: number;
  /** Selects each of those with this probability, from 0 to 1. Default 1. */
  readonly probability?: number;
  /** How many to select at most. Default: no limit. */
  readonly times?: number;
};

export class Schedule {
  readonly #after: number;
  readonly #every: number;
  readonly #probability: number;
  readonly #times: number;
  #seen = 0;
  #selected = 0;

  /** @throws {TypeError} naming the invalid option. */
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

  /** How many have been offered. */
  get seen(): number {
    return this.#seen;
  }

  /** Returns whether the next one is selected. */
  selectsNext(random: Random): boolean {
    this.#seen += 1;
    const position = this.#seen - this.#after;
    if (position < 1 || position % this.#every !== 0 || this.#selected >= this.#times) return false;
    if (this.#probability < 1 && random() >= this.#probability) return false;
    this.#selected += 1;
    return true;
  }
}

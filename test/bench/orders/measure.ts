// The measurement of one load on one system: warm up, read the counters, load, wait until all asynchronous work is done, read again,
// judge what the orders left behind.
import { pause } from '../../../services/platform/base/backoff.ts';
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';
import type { LoadResult } from '../overload/generator.ts';
import { putUnderLoad } from '../overload/load.ts';
import type { OrderTarget } from '../overload/order-caller.ts';
import { type DatabaseCounters, readDatabaseCounters } from './database-counters.ts';
import { figuresOf, type Load, type Reading, type RunFigures } from './figures.ts';
import { readProcessorTimes } from './processor-time.ts';

/** A connection of the database publishes its counters once per second at most. */
const SETTLE_MS = 1_200;
const WARM_UP_CALLERS = 16;

/** What is measured. */
export type MeasuredSystem = {
  /** Where orders are placed. */
  readonly target: OrderTarget;
  /** Its processes by name. */
  readonly pids: Readonly<Record<string, number>>;
  /** Its databases by name; they are on one server. */
  readonly databaseUrls: Readonly<Record<string, string>>;
  readonly superuserUrl: string;
  /** Makes its database connections publish the counters that they hold back; only connections that are often used do so by themselves. */
  readonly publishCounters?: () => void;
  /** Waits, for a limited time, until the work is done that goes on after the answers. */
  settle(signal: AbortSignal): Promise<void>;
  /** Describes what is wrong after these orders were acknowledged; empty when nothing is. */
  judge(acknowledged: readonly AcknowledgedOrder[]): Promise<string[]>;
};

export type MeasureOptions = {
  readonly seconds: number;
  /** The most orders of a load; as many as fit in the time by default. */
  readonly orders?: number | undefined;
  readonly warmUpSeconds: number;
  readonly waitsWhenRefused: boolean;
};

export type Measurement = { readonly figures: RunFigures; readonly violations: readonly string[] };

/** Measures one system, load after load. */
export class Meter {
  readonly #system: MeasuredSystem;
  readonly #options: MeasureOptions;
  readonly #signal: AbortSignal;
  /** Every acknowledged order, to be judged. */
  readonly #acknowledged: AcknowledgedOrder[] = [];

  constructor(system: MeasuredSystem, options: MeasureOptions, signal: AbortSignal) {
    this.#system = system;
    this.#options = options;
    this.#signal = signal;
  }

  /** Puts a new system under load: its code is slow until it has been compiled. */
  async warmUp(): Promise<void> {
    const { warmUpSeconds } = this.#options;
    if (warmUpSeconds > 0) await this.#put({ kind: 'closed', callers: WARM_UP_CALLERS }, warmUpSeconds);
  }

  async measure(load: Load): Promise<Measurement> {
    const { seconds, warmUpSeconds } = this.#options;
    if (warmUpSeconds > 0) await this.#put(load, warmUpSeconds);
    await this.#settle();
    // The processor time is read closest to the load: the wait for the counters would add that of an idle system.
    const countersBefore = await this.#readCounters();
    const cpuBefore = await readProcessorTimes(this.#system.pids);
    const result = await this.#put(load, seconds);
    await this.#settle();
    const cpuAfter = await readProcessorTimes(this.#system.pids);
    const countersAfter = await this.#readCounters();
    const before: Reading = { cpuMs: cpuBefore, ...countersBefore };
    const after: Reading = { cpuMs: cpuAfter, ...countersAfter };
    return {
      figures: figuresOf(load, result, before, after),
      violations: await this.#system.judge(this.#acknowledged),
    };
  }

  async #put(load: Load, seconds: number): Promise<LoadResult> {
    const { waitsWhenRefused, orders } = this.#options;
    const rate = load.kind === 'open' ? load.rate : load.callers;
    const { target } = this.#system;
    const result = await putUnderLoad(
      { kind: load.kind, ...target, rate, seconds, waitsWhenRefused, orders },
      this.#signal,
    );
    this.#acknowledged.push(...result.acknowledged);
    return result;
  }

  async #settle(): Promise<void> {
    await this.#system.settle(this.#signal);
    this.#signal.throwIfAborted();
  }

  async #readCounters(): Promise<DatabaseCounters> {
    this.#system.publishCounters?.();
    await pause(SETTLE_MS, this.#signal);
    this.#signal.throwIfAborted();
    return readDatabaseCounters(this.#system);
  }
}

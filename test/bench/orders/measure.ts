// The measurement of one load on one platform: warm up, read the counters, load, wait until all asynchronous work is done, read again,
// judge the invariants.
import { pause } from '../../../services/platform/base/backoff.ts';
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';
import type { LoadResult } from '../overload/generator.ts';
import { putUnderLoad } from '../overload/load.ts';
import { importInvariants } from './checkout.ts';
import { type DatabaseCounters, readDatabaseCounters } from './database-counters.ts';
import { figuresOf, type Load, type Reading, type RunFigures } from './figures.ts';
import type { Platform } from './platform.ts';
import { readProcessorTimes } from './processor-time.ts';

const QUIESCENCE_LIMIT_MS = 60_000;
/** A connection of the database publishes its counters once per second at most. */
const SETTLE_MS = 1_200;
const WARM_UP_CALLERS = 16;

export type MeasureOptions = {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly waitsWhenRefused: boolean;
};

export type Measurement = { readonly figures: RunFigures; readonly violations: readonly string[] };

/** Measures one platform, load after load. */
export class Meter {
  readonly #platform: Platform;
  readonly #options: MeasureOptions;
  readonly #signal: AbortSignal;
  /** Every acknowledged order, for the invariants. */
  readonly #acknowledged: AcknowledgedOrder[] = [];

  constructor(platform: Platform, options: MeasureOptions, signal: AbortSignal) {
    this.#platform = platform;
    this.#options = options;
    this.#signal = signal;
  }

  /** Puts a new platform under load: its code is slow until it has been compiled. */
  async warmUp(): Promise<void> {
    const { warmUpSeconds } = this.#options;
    if (warmUpSeconds > 0) await this.#put({ kind: 'closed', callers: WARM_UP_CALLERS }, warmUpSeconds);
  }

  async measure(load: Load): Promise<Measurement> {
    const { seconds, warmUpSeconds } = this.#options;
    if (warmUpSeconds > 0) await this.#put(load, warmUpSeconds);
    await this.#waitForQuiescence();
    // The processor time is read closest to the load: the wait for the counters would add that of an idle platform.
    const countersBefore = await this.#readCounters();
    const cpuBefore = await readProcessorTimes(this.#platform.pids);
    const result = await this.#put(load, seconds);
    await this.#waitForQuiescence();
    const cpuAfter = await readProcessorTimes(this.#platform.pids);
    const countersAfter = await this.#readCounters();
    const before: Reading = { cpuMs: cpuBefore, ...countersBefore };
    const after: Reading = { cpuMs: cpuAfter, ...countersAfter };
    return { figures: figuresOf(load, result, before, after), violations: await this.#judge() };
  }

  async #put(load: Load, seconds: number): Promise<LoadResult> {
    const { waitsWhenRefused } = this.#options;
    const rate = load.kind === 'open' ? load.rate : load.callers;
    const url = this.#platform.orderUrl;
    const result = await putUnderLoad({ kind: load.kind, url, rate, seconds, waitsWhenRefused }, this.#signal);
    this.#acknowledged.push(...result.acknowledged);
    return result;
  }

  async #waitForQuiescence(): Promise<void> {
    const { waitForQuiescence } = await importInvariants(this.#platform.root);
    // Work that is left then violates the invariant `quiescent`.
    await waitForQuiescence(this.#platform, { timeoutMs: QUIESCENCE_LIMIT_MS });
    this.#signal.throwIfAborted();
  }

  async #readCounters(): Promise<DatabaseCounters> {
    await pause(SETTLE_MS, this.#signal);
    this.#signal.throwIfAborted();
    return readDatabaseCounters(this.#platform);
  }

  /** Judges the invariants of the platform with the code of its own checkout. */
  async #judge(): Promise<string[]> {
    const { collectFacts, judgeInvariants, listViolations } = await importInvariants(this.#platform.root);
    const facts = await collectFacts(this.#platform, { acknowledged: this.#acknowledged });
    return listViolations(judgeInvariants(facts));
  }
}

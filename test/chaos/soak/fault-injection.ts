// What is done to the platform during a soak, and how long each part took to come back.

import type { Stack } from '#local/stack/stack.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { describeError } from '#services/platform/base/errors.ts';
import { drawKill, KILL_TARGETS, type KillTarget } from './kill-plan.ts';
import type { Random } from './random.ts';
import type { Mode } from './settings.ts';

// A part that is not back by then does not come back.
const RECOVERY_LIMIT_MS = 60_000;
const NATS_AWAY_MS = 60_000;
const BEFORE_OUTAGE_MS = 15_000;
const POSTGRES_AWAY_MS = 6_000;
const POSTGRES_PERIOD_MS = 15_000;

export type Recovery = { readonly part: KillTarget; readonly tookMs: number };

/** A part was away on purpose, from when to when by `performance.now()`. */
export type Outage = { readonly part: KillTarget; readonly fromMs: number; readonly untilMs: number };

export type FaultInjection = {
  readonly kills: ReadonlyMap<KillTarget, number>;
  readonly recoveries: readonly Recovery[];
  readonly outages: readonly Outage[];
  readonly faults: readonly string[];
  /** When something was last struck or came back from being away, by `performance.now()`. */
  lastMs(): number;
  /** Strikes no more; resolves when everything that was struck is back. */
  finish(): Promise<void>;
};

export type FaultInjectionOptions = {
  readonly stack: Stack;
  readonly mode: Mode;
  readonly random: Random;
  readonly signal: AbortSignal;
};

/** Begins to do damage, until `finish` or until the signal. */
export function startFaultInjection({ stack, mode, random, signal }: FaultInjectionOptions): FaultInjection {
  const stopping = new AbortController();
  const work = new FaultInjector(stack, AbortSignal.any([stopping.signal, signal]));
  const begin: Readonly<Record<Mode, () => Promise<void>>> = {
    kills: () => work.strike(random),
    'nats-down': () => work.sendNatsAway(),
    'postgres-down': () => work.shakePostgres(),
  };
  const doing = begin[mode]();
  return {
    kills: work.kills,
    recoveries: work.recoveries,
    outages: work.outages,
    faults: work.faults,
    lastMs: () => work.lastMs,
    finish: async () => {
      stopping.abort();
      await doing;
      await work.settle();
    },
  };
}

class FaultInjector {
  readonly kills = new Map<KillTarget, number>(KILL_TARGETS.map((part) => [part, 0]));
  readonly recoveries: Recovery[] = [];
  readonly outages: Outage[] = [];
  readonly faults: string[] = [];
  lastMs = performance.now();
  readonly #stack: Stack;
  readonly #over: AbortSignal;
  readonly #recovering = new Map<KillTarget, Promise<void>>();
  /** Those of them that were killed again while they started. */
  readonly #struckAgain = new Set<KillTarget>();

  constructor(stack: Stack, over: AbortSignal) {
    this.#stack = stack;
    this.#over = over;
  }

  /** Kills by chance, what is still starting included. */
  async strike(random: Random): Promise<void> {
    for (;;) {
      const { afterMs, targets } = drawKill(random);
      await pause(afterMs, this.#over);
      if (this.#over.aborted) return;
      await Promise.all(targets.map((target) => this.#kill(target)));
    }
  }

  /** Takes the broker away for a minute, once. */
  async sendNatsAway(): Promise<void> {
    await pause(BEFORE_OUTAGE_MS, this.#over);
    if (!this.#over.aborted) await this.#stopProcess('nats', NATS_AWAY_MS);
  }

  /** Kills the database, and every second time keeps it away for a while. */
  async shakePostgres(): Promise<void> {
    for (let round = 1; ; round += 1) {
      await pause(POSTGRES_PERIOD_MS, this.#over);
      if (this.#over.aborted) return;
      await this.#kill('postgres');
      await this.settle();
      if (round % 2 === 0 && !this.#over.aborted) await this.#stopProcess('postgres', POSTGRES_AWAY_MS);
    }
  }

  /** Resolves when everything that was struck is back. */
  async settle(): Promise<void> {
    await Promise.all(this.#recovering.values());
  }

  async #kill(target: KillTarget): Promise<void> {
    // Between two lives there is nobody to kill.
    if (this.#stack.pid(target) === undefined) return;
    // What is still starting is killed once: again and again, nothing would ever be up.
    const isStarting = this.#recovering.has(target);
    if (isStarting && this.#struckAgain.has(target)) return;
    if (isStarting) this.#struckAgain.add(target);
    this.lastMs = performance.now();
    const killedMs = this.lastMs;
    await this.#stack.kill(target);
    this.kills.set(target, (this.kills.get(target) ?? 0) + 1);
    if (!this.#recovering.has(target)) this.#recovering.set(target, this.#waitFor(target, killedMs));
  }

  async #waitFor(part: KillTarget, sinceMs: number): Promise<void> {
    try {
      await this.#stack.waitUntilHealthy(part, RECOVERY_LIMIT_MS);
      this.recoveries.push({ part, tookMs: performance.now() - sinceMs });
      this.#recovering.delete(part);
      this.#struckAgain.delete(part);
    } catch (error) {
      this.faults.push(`${part} did not come back: ${describeError(error)}`);
    }
  }

  async #stopProcess(part: KillTarget, downMs: number): Promise<void> {
    // No grace: what has to be put in order is put in order at the next start.
    await this.#stack.stop(part, 0);
    const fromMs = performance.now();
    await pause(downMs, this.#over);
    const untilMs = performance.now();
    this.outages.push({ part, fromMs, untilMs });
    await this.#stack.start(part);
    this.lastMs = performance.now();
    this.recoveries.push({ part, tookMs: performance.now() - untilMs });
  }
}

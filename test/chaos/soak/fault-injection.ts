// Fault injection during a soak: kills and outages, with the recovery time of each process.
import type { Stack } from '#local/stack/stack.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { describeError } from '#services/platform/base/errors.ts';
import { drawKill, KILL_TARGETS, type KillTarget } from './kill-plan.ts';
import type { Random } from './random.ts';
import type { Mode } from './settings.ts';

// A process that is not healthy again by then counts as not recovered.
const RECOVERY_LIMIT_MS = 60_000;
const NATS_DOWN_MS = 60_000;
const BEFORE_OUTAGE_MS = 15_000;
const POSTGRES_DOWN_MS = 6_000;
const POSTGRES_PERIOD_MS = 15_000;

export type Recovery = { readonly process: KillTarget; readonly tookMs: number };

/** A deliberate outage of a process; times by `performance.now()`. */
export type Outage = { readonly process: KillTarget; readonly fromMs: number; readonly untilMs: number };

export type FaultInjection = {
  readonly kills: ReadonlyMap<KillTarget, number>;
  readonly recoveries: readonly Recovery[];
  readonly outages: readonly Outage[];
  readonly faults: readonly string[];
  /** The time of the last kill, or of the end of the last outage, by `performance.now()`. */
  lastMs(): number;
  /** Injects no more faults; resolves when every killed process is healthy again. */
  finish(): Promise<void>;
};

export type FaultInjectionOptions = {
  readonly stack: Stack;
  readonly mode: Mode;
  readonly random: Random;
  readonly signal: AbortSignal;
};

/** Starts to inject faults, until `finish` or an abort. */
export function startFaultInjection({ stack, mode, random, signal }: FaultInjectionOptions): FaultInjection {
  const stopping = new AbortController();
  const injector = new FaultInjector(stack, AbortSignal.any([stopping.signal, signal]));
  const start: Readonly<Record<Mode, () => Promise<void>>> = {
    kills: () => injector.killAtRandom(random),
    'nats-down': () => injector.stopNatsOnce(),
    'postgres-down': () => injector.disturbPostgres(),
  };
  const running = start[mode]();
  return {
    kills: injector.kills,
    recoveries: injector.recoveries,
    outages: injector.outages,
    faults: injector.faults,
    lastMs: () => injector.lastMs,
    finish: async () => {
      stopping.abort();
      await running;
      await injector.settle();
    },
  };
}

class FaultInjector {
  readonly kills = new Map<KillTarget, number>(KILL_TARGETS.map((process) => [process, 0]));
  readonly recoveries: Recovery[] = [];
  readonly outages: Outage[] = [];
  readonly faults: string[] = [];
  lastMs = performance.now();
  readonly #stack: Stack;
  readonly #over: AbortSignal;
  readonly #recovering = new Map<KillTarget, Promise<void>>();
  /** Processes that were killed again while they were starting. */
  readonly #killedAgain = new Set<KillTarget>();

  constructor(stack: Stack, over: AbortSignal) {
    this.#stack = stack;
    this.#over = over;
  }

  /** Kills processes at random times, also while they are starting. */
  async killAtRandom(random: Random): Promise<void> {
    for (;;) {
      const { afterMs, targets } = drawKill(random);
      await pause(afterMs, this.#over);
      if (this.#over.aborted) return;
      await Promise.all(targets.map((target) => this.#kill(target)));
    }
  }

  /** Stops the broker once, for a minute. */
  async stopNatsOnce(): Promise<void> {
    await pause(BEFORE_OUTAGE_MS, this.#over);
    if (!this.#over.aborted) await this.#stopProcess('nats', NATS_DOWN_MS);
  }

  /** Kills the database again and again; every second time it also stays down for a while. */
  async disturbPostgres(): Promise<void> {
    for (let round = 1; ; round += 1) {
      await pause(POSTGRES_PERIOD_MS, this.#over);
      if (this.#over.aborted) return;
      await this.#kill('postgres');
      await this.settle();
      if (round % 2 === 0 && !this.#over.aborted) await this.#stopProcess('postgres', POSTGRES_DOWN_MS);
    }
  }

  /** Resolves when every killed process is healthy again. */
  async settle(): Promise<void> {
    await Promise.all(this.#recovering.values());
  }

  async #kill(target: KillTarget): Promise<void> {
    // Between two process runs there is no process to kill.
    if (this.#stack.pid(target) === undefined) return;
    // A starting process is killed at most once, otherwise it might never become healthy.
    const isStarting = this.#recovering.has(target);
    if (isStarting && this.#killedAgain.has(target)) return;
    if (isStarting) this.#killedAgain.add(target);
    this.lastMs = performance.now();
    const killedMs = this.lastMs;
    await this.#stack.kill(target);
    this.kills.set(target, (this.kills.get(target) ?? 0) + 1);
    if (!this.#recovering.has(target)) this.#recovering.set(target, this.#waitFor(target, killedMs));
  }

  async #waitFor(process: KillTarget, sinceMs: number): Promise<void> {
    try {
      await this.#stack.waitUntilHealthy(process, RECOVERY_LIMIT_MS);
      this.recoveries.push({ process, tookMs: performance.now() - sinceMs });
      this.#recovering.delete(process);
      this.#killedAgain.delete(process);
    } catch (error) {
      this.faults.push(`${process} did not recover: ${describeError(error)}`);
    }
  }

  async #stopProcess(process: KillTarget, downMs: number): Promise<void> {
    // Without a grace period: the process has to recover at its next start.
    await this.#stack.stop(process, 0);
    const fromMs = performance.now();
    await pause(downMs, this.#over);
    const untilMs = performance.now();
    this.outages.push({ process, fromMs, untilMs });
    await this.#stack.start(process);
    this.lastMs = performance.now();
    this.recoveries.push({ process, tookMs: performance.now() - untilMs });
  }
}

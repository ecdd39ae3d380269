// The supervisor of one process of the local stack: starts it, polls its health, and restarts it when it dies.

import type { Clock } from '../shared/clock.ts';
import type { ProcessExit, ProcessRun } from './process-run.ts';
import { createRestartDelay } from './restart-delay.ts';

const FIRST_PROBE_MS = 25;
const LONGEST_PROBE_MS = 500;

export type SupervisedProcessOptions = {
  name: string;
  /** Starts the process. A rejection counts as a run that ended immediately. */
  launch(): Promise<ProcessRun>;
  /** Whether the process is healthy now. A rejection counts as not yet. */
  probe(): Promise<boolean>;
  clock: Clock;
  /** Receives one readable line about each exit, restart and recovery. */
  report(line: string): void;
};

/** `waiting`: it has ended and its restart is scheduled. */
export type ProcessState = 'stopped' | 'starting' | 'healthy' | 'waiting';

/** The time from `start` to `stop`, over any number of runs. */
type Session = {
  wanted: boolean;
  graceMs: number;
  finished: Promise<void>;
};

type HealthWaiter = {
  resolve: () => void;
  reject: (error: Error) => void;
};

export class SupervisedProcess {
  readonly #options: SupervisedProcessOptions;
  readonly #delays = createRestartDelay();
  readonly #waiters = new Set<HealthWaiter>();
  #state: ProcessState = 'stopped';
  #restarts = 0;
  #session: Session | undefined;
  #run: ProcessRun | undefined;
  #lastEnd = '';
  #endWait: () => void = () => undefined;

  constructor(options: SupervisedProcessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number | undefined {
    return this.#run?.pid;
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** How often it was restarted after dying. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Starts the process and keeps it alive until `stop`; resolves when it is healthy. Rejects after `deadlineMs` but keeps trying. */
  start(deadlineMs: number): Promise<void> {
    if (this.#session === undefined) {
      const session: Session = { wanted: true, graceMs: 0, finished: Promise.resolve() };
      this.#session = session;
      this.#lastEnd = '';
      session.finished = this.#keepAlive(session);
    }
    return this.waitUntilHealthy(deadlineMs);
  }

  /** Resolves when the process is healthy. Rejects when it is stopped, and after `deadlineMs` with how it last ended. */
  async waitUntilHealthy(deadlineMs: number): Promise<void> {
    if (this.#state === 'healthy') return;
    const waiter = Promise.withResolvers<void>();
    const cancel = this.#options.clock.schedule(deadlineMs, () => {
      const reason = this.#lastEnd === '' ? '' : `; it ${this.#lastEnd}`;
      waiter.reject(new Error(`${this.name} is not healthy after ${deadlineMs} ms${reason}`));
    });
    this.#waiters.add(waiter);
    try {
      await waiter.promise;
    } finally {
      cancel();
      this.#waiters.delete(waiter);
    }
  }

  /**
   * Sends a signal to the process; if it dies, it is restarted. Resolves to false when there is no process. After SIGKILL it
   * resolves when the process has ended, after other signals immediately.
   */
  async kill(signal: NodeJS.Signals): Promise<boolean> {
    const run = this.#run;
    if (run === undefined) return false;
    run.kill(signal);
    if (signal === 'SIGKILL') await run.ended;
    return true;
  }

  /** Stops the process without restarting it; sends SIGKILL after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    session.wanted = false;
    session.graceMs = graceMs;
    this.#endWait();
    for (const waiter of this.#waiters) waiter.reject(new Error(`${this.name} was stopped`));
    await this.#run?.stop(graceMs);
    await session.finished;
    if (this.#session === session) this.#session = undefined;
  }

  async #keepAlive(session: Session): Promise<void> {
    this.#delays.reset();
    for (let first = true; session.wanted; first = false) {
      if (!first) this.#restarts += 1;
      const healthyMs = await this.#runOnce(session, first);
      if (!session.wanted) break;
      const delayMs = this.#delays.next(healthyMs);
      this.#options.report(`${this.#lastEnd}, next start in ${delayMs} ms`);
      await this.#wait(delayMs);
    }
    this.#state = 'stopped';
  }

  /** Runs the process once, until it ends; returns how long it was healthy, in milliseconds. */
  async #runOnce(session: Session, first: boolean): Promise<number> {
    const { clock, report } = this.#options;
    const startedAt = clock.now();
    const run = await this.#launch();
    if (run === undefined) return 0;
    const end = run.ended.then((how) => {
      this.#run = undefined;
      this.#state = 'waiting';
      this.#lastEnd = describeEnd(how);
      this.#endWait();
    });
    // `stop` was called during the launch, when there was no run to stop yet.
    if (!session.wanted) await run.stop(session.graceMs);
    const healthyAt = await this.#probeUntilHealthy(() => !session.wanted || this.#run !== run);
    if (healthyAt !== undefined) {
      this.#state = 'healthy';
      if (!first) report(`is back, pid ${run.pid ?? '-'}, after ${healthyAt - startedAt} ms`);
      for (const waiter of this.#waiters) waiter.resolve();
    }
    await end;
    return healthyAt === undefined ? 0 : clock.now() - healthyAt;
  }

  async #launch(): Promise<ProcessRun | undefined> {
    this.#state = 'starting';
    try {
      this.#run = await this.#options.launch();
    } catch (error) {
      this.#lastEnd = `cannot start: ${error instanceof Error ? error.message : String(error)}`;
      this.#state = 'waiting';
    }
    return this.#run;
  }

  async #probeUntilHealthy(isOver: () => boolean): Promise<number | undefined> {
    for (let pauseMs = FIRST_PROBE_MS; !isOver(); pauseMs = Math.min(pauseMs * 1.5, LONGEST_PROBE_MS)) {
      // A process that is still starting refuses connections.
      const healthy = await this.#options.probe().catch(() => false);
      if (isOver()) break;
      if (healthy) return this.#options.clock.now();
      await this.#wait(pauseMs);
    }
    return undefined;
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.schedule(delayMs, resolve);
      this.#endWait = () => {
        cancel();
        resolve();
      };
    });
  }
}

function describeEnd({ code, signal }: ProcessExit): string {
  return signal === null ? `ended with code ${code}` : `was killed by ${signal}`;
}

// One part of the local stack kept alive: started, probed for health, reported and started again when it dies.

import type { Clock } from '../shared/clock.ts';
import { createRestartDelay } from './restart-delay.ts';

const FIRST_PROBE_MS = 25;
const LONGEST_PROBE_MS = 500;

export type ProcessExit = {
  code: number | null;
  signal: NodeJS.Signals | null;
};

/** One life of a part: a process, from its start to its end. */
export type ProcessRun = {
  pid: number | undefined;
  /** Resolves when it has ended, however. */
  ended: Promise<ProcessExit>;
  kill(signal: NodeJS.Signals): void;
  /** Asks it to end, kills it when it has not after `graceMs`; resolves when it has ended. */
  stop(graceMs: number): Promise<void>;
};

export type SupervisedProcessOptions = {
  name: string;
  /** Begins a life. A rejection counts as a life that ended at once. */
  launch(): Promise<ProcessRun>;
  /** Whether the part answers now. A rejection counts as not yet. */
  probe(): Promise<boolean>;
  clock: Clock;
  /** Takes one line for people about each death, restart and recovery. */
  report(line: string): void;
};

export type ProcessState = 'stopped' | 'starting' | 'healthy' | 'waiting';

/** From a `start` to its `stop`: any number of lives. */
type Session = {
  wanted: boolean;
  graceMs: number;
  over: Promise<void>;
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
  #life: ProcessRun | undefined;
  #lastEnd = '';
  #cutWait: () => void = () => undefined;

  constructor(options: SupervisedProcessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number | undefined {
    return this.#life?.pid;
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** How many times it was started again after dying. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Starts it and keeps it alive until `stop`; resolves when it is healthy. Rejects after `deadlineMs`, but goes on trying. */
  start(deadlineMs: number): Promise<void> {
    if (this.#session === undefined) {
      const session: Session = { wanted: true, graceMs: 0, over: Promise.resolve() };
      this.#session = session;
      this.#lastEnd = '';
      session.over = this.#keepAlive(session);
    }
    return this.waitUntilHealthy(deadlineMs);
  }

  /** Resolves when it is healthy, at once if it is. Rejects after `deadlineMs`, saying how it last ended, and when it is stopped. */
  async waitUntilHealthy(deadlineMs: number): Promise<void> {
    if (this.#state === 'healthy') return;
    const waiter = Promise.withResolvers<void>();
    const callOff = this.#options.clock.schedule(deadlineMs, () => {
      const reason = this.#lastEnd === '' ? '' : `; it ${this.#lastEnd}`;
      waiter.reject(new Error(`${this.name} is not healthy after ${deadlineMs} ms${reason}`));
    });
    this.#waiters.add(waiter);
    try {
      await waiter.promise;
    } finally {
      callOff();
      this.#waiters.delete(waiter);
    }
  }

  /**
   * Sends a signal to its process; what dies of it is started again. After SIGKILL it resolves when the process has ended,
   * else at once; to false when there is no process now.
   */
  async kill(signal: NodeJS.Signals): Promise<boolean> {
    const life = this.#life;
    if (life === undefined) return false;
    life.kill(signal);
    if (signal === 'SIGKILL') await life.ended;
    return true;
  }

  /** Ends it, by SIGKILL when it takes longer than `graceMs`, and does not start it again. */
  async stop(graceMs: number): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    session.wanted = false;
    session.graceMs = graceMs;
    this.#cutWait();
    for (const waiter of this.#waiters) waiter.reject(new Error(`${this.name} was stopped`));
    await this.#life?.stop(graceMs);
    await session.over;
    if (this.#session === session) this.#session = undefined;
  }

  async #keepAlive(session: Session): Promise<void> {
    this.#delays.reset();
    for (let first = true; session.wanted; first = false) {
      if (!first) this.#restarts += 1;
      const healthyMs = await this.#live(session, first);
      if (!session.wanted) break;
      const delayMs = this.#delays.next(healthyMs);
      this.#options.report(`${this.#lastEnd}, next start in ${delayMs} ms`);
      await this.#wait(delayMs);
    }
    this.#state = 'stopped';
  }

  /** One life, from launch to end; returns how long it was healthy, in milliseconds. */
  async #live(session: Session, first: boolean): Promise<number> {
    const { clock, report } = this.#options;
    const startedAt = clock.now();
    const life = await this.#launch();
    if (life === undefined) return 0;
    const end = life.ended.then((how) => {
      this.#life = undefined;
      this.#state = 'waiting';
      this.#lastEnd = describeEnd(how);
      this.#cutWait();
    });
    // Stopped while it was being launched: nobody else knows of this life yet.
    if (!session.wanted) await life.stop(session.graceMs);
    const healthyAt = await this.#probeUntilHealthy(() => !session.wanted || this.#life !== life);
    if (healthyAt !== undefined) {
      this.#state = 'healthy';
      if (!first) report(`is back, pid ${life.pid ?? '-'}, after ${healthyAt - startedAt} ms`);
      for (const waiter of this.#waiters) waiter.resolve();
    }
    await end;
    return healthyAt === undefined ? 0 : clock.now() - healthyAt;
  }

  async #launch(): Promise<ProcessRun | undefined> {
    this.#state = 'starting';
    try {
      this.#life = await this.#options.launch();
    } catch (error) {
      this.#lastEnd = `cannot start: ${error instanceof Error ? error.message : String(error)}`;
      this.#state = 'waiting';
    }
    return this.#life;
  }

  async #probeUntilHealthy(over: () => boolean): Promise<number | undefined> {
    for (let pauseMs = FIRST_PROBE_MS; !over(); pauseMs = Math.min(pauseMs * 1.5, LONGEST_PROBE_MS)) {
      // A refused connection is the ordinary answer of a part that is still starting.
      const healthy = await this.#options.probe().catch(() => false);
      if (over()) break;
      if (healthy) return this.#options.clock.now();
      await this.#wait(pauseMs);
    }
    return undefined;
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const callOff = this.#options.clock.schedule(delayMs, resolve);
      this.#cutWait = () => {
        callOff();
        resolve();
      };
    });
  }
}

function describeEnd({ code, signal }: ProcessExit): string {
  return signal === null ? `ended with code ${code}` : `was killed by ${signal}`;
}

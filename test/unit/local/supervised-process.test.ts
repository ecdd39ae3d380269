import { describe, expect, it } from 'vitest';
import type { ProcessExit, ProcessRun } from '#local/process/process-run.ts';
import { SupervisedProcess } from '#local/process/supervised-process.ts';
import { createManualClock, settle } from './manual-clock.ts';

/** A part whose lives begin, become healthy and end as the test says. */
function createPart({ healthyAtOnce = true } = {}) {
  const clock = createManualClock();
  const reports: string[] = [];
  const launchedAt: number[] = [];
  const start = clock.now();
  let healthy = healthyAtOnce;
  let refusal: Error | undefined;
  let current: PromiseWithResolvers<ProcessExit> | undefined;
  const signals: string[] = [];
  let launchGate = Promise.resolve();
  const part = new SupervisedProcess({
    name: 'order',
    clock,
    report: (line) => reports.push(line),
    probe: async () => healthy,
    async launch(): Promise<ProcessRun> {
      launchedAt.push(clock.now() - start);
      await launchGate;
      if (refusal) throw refusal;
      const end = Promise.withResolvers<ProcessExit>();
      current = end;
      return {
        pid: 1000 + launchedAt.length,
        ended: end.promise,
        kill(signal) {
          signals.push(signal);
          if (signal === 'SIGKILL') end.resolve({ code: null, signal });
        },
        async stop() {
          signals.push('stop');
          end.resolve({ code: 0, signal: null });
        },
      };
    },
  });
  return {
    part,
    clock,
    reports,
    launchedAt,
    signals,
    async die(end: ProcessExit = { code: 1, signal: null }) {
      current?.resolve(end);
      await settle();
    },
    /** Makes launches take until the returned function is called. */
    holdLaunch() {
      const gate = Promise.withResolvers<void>();
      launchGate = gate.promise;
      return gate.resolve;
    },
    setHealthy: (value: boolean) => {
      healthy = value;
    },
    refuse: (error: Error | undefined) => {
      refusal = error;
    },
  };
}

describe('a supervised part', () => {
  it('is started again after a growing delay each time it dies', async () => {
    const { part, clock, launchedAt, die } = createPart();
    await part.start(60_000);

    for (const delayMs of [250, 500, 1000, 2000, 4000, 8000, 8000]) {
      await die();
      expect(part.state).toBe('waiting');
      const livesBefore = launchedAt.length;
      await clock.advance(delayMs - 1);
      expect(launchedAt).toHaveLength(livesBefore);
      await clock.advance(1);
      expect(launchedAt).toHaveLength(livesBefore + 1);
    }
    expect(part.restarts).toBe(7);
    expect(part.state).toBe('healthy');
  });

  it('is started again after the first delay once it has been healthy for five seconds', async () => {
    const { part, clock, launchedAt, die } = createPart();
    await part.start(60_000);
    await die();
    await clock.advance(250);
    await die();
    await clock.advance(500);

    await clock.advance(5_000);
    await die();
    await clock.advance(250);

    expect(launchedAt).toHaveLength(4);
  });

  it('reports a death with its cause and the next start, then its return', async () => {
    const { part, clock, reports, die } = createPart();
    await part.start(60_000);

    await die({ code: null, signal: 'SIGSEGV' });
    expect(reports).toEqual(['was killed by SIGSEGV, next start in 250 ms']);
    await clock.advance(250);

    expect(reports[1]).toBe('is back, pid 1002, after 0 ms');
  });

  it('counts a launch that fails as a death', async () => {
    const { part, clock, reports, launchedAt, refuse } = createPart();
    refuse(new Error('no such program'));
    const started = part.start(60_000);
    await settle();

    expect(reports).toEqual(['cannot start: no such program, next start in 250 ms']);
    refuse(undefined);
    await clock.advance(250);

    await started;
    expect(launchedAt).toEqual([0, 250]);
  });

  it('is not healthy before its probe says so', async () => {
    const { part, clock, setHealthy } = createPart({ healthyAtOnce: false });
    let started = false;
    const start = part.start(60_000).then(() => {
      started = true;
    });
    await clock.advance(1_000);
    expect([started, part.state]).toEqual([false, 'starting']);

    setHealthy(true);
    await clock.advance(500);

    await start;
    expect(part.state).toBe('healthy');
  });

  it('gives up waiting for health at the deadline, telling how it last ended, and goes on trying', async () => {
    const { part, clock, launchedAt, die } = createPart({ healthyAtOnce: false });
    const start = part.start(1_000);
    const outcome = expect(start).rejects.toThrow('order is not healthy after 1000 ms; it ended with code 78');
    await settle();
    await die({ code: 78, signal: null });

    await clock.advance(1_000);

    await outcome;
    expect(launchedAt.length).toBeGreaterThan(1);
  });

  it('stays down once it was stopped, and is back when it is started', async () => {
    const { part, clock, launchedAt, reports } = createPart();
    await part.start(60_000);

    await part.stop(10_000);
    await clock.advance(60_000);
    expect([part.state, launchedAt.length, reports.length]).toEqual(['stopped', 1, 0]);

    await part.start(60_000);
    expect([part.state, launchedAt.length, part.restarts]).toEqual(['healthy', 2, 0]);
  });

  it('is not started any more when it is stopped while it waits for its next start', async () => {
    const { part, clock, launchedAt, die } = createPart();
    await part.start(60_000);
    await die();

    await part.stop(10_000);
    await clock.advance(60_000);

    expect([part.state, launchedAt.length]).toEqual(['stopped', 1]);
  });

  it('is ended at once when it is stopped while it is being launched', async () => {
    const { part, signals, holdLaunch } = createPart();
    const launch = holdLaunch();
    const outcome = expect(part.start(60_000)).rejects.toThrow('order was stopped');
    const stopped = part.stop(10_000);

    launch();
    await Promise.all([outcome, stopped]);

    expect([signals, part.state, part.pid]).toEqual([['stop'], 'stopped', undefined]);
  });

  it('lets go of those who wait for its health when it is stopped', async () => {
    const { part } = createPart({ healthyAtOnce: false });
    const outcome = expect(part.start(60_000)).rejects.toThrow('order was stopped');
    await settle();

    await part.stop(10_000);

    await outcome;
  });

  it('is not taken for healthy any more when a kill of it resolves', async () => {
    const { part } = createPart();
    await part.start(60_000);

    expect(await part.kill('SIGKILL')).toBe(true);

    expect(part.state).not.toBe('healthy');
    expect(await part.kill('SIGKILL')).toBe(false);
  });

  it('hands other signals on and lives', async () => {
    const { part, signals } = createPart();
    await part.start(60_000);

    await part.kill('SIGSTOP');

    expect([signals, part.state]).toEqual([['SIGSTOP'], 'healthy']);
  });
});

import { describe, expect, it } from 'vitest';
import type { ProcessExit, ProcessRun } from '#local/process/process-run.ts';
import { SupervisedProcess } from '#local/process/supervised-process.ts';
import { createManualClock, settle } from './manual-clock.ts';

/** A process whose runs start, become healthy and end as the test decides. */
function createProcess({ healthyAtOnce = true } = {}) {
  const clock = createManualClock();
  const reports: string[] = [];
  const launchedAt: number[] = [];
  const start = clock.now();
  let healthy = healthyAtOnce;
  let refusal: Error | undefined;
  let current: PromiseWithResolvers<ProcessExit> | undefined;
  const signals: string[] = [];
  let launchGate = Promise.resolve();
  const supervised = new SupervisedProcess({
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
    supervised,
    clock,
    reports,
    launchedAt,
    signals,
    async die(end: ProcessExit = { code: 1, signal: null }) {
      current?.resolve(end);
      await settle();
    },
    /** Blocks launches until the returned function is called. */
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

describe('a supervised process', () => {
  it('restarts after a growing delay each time it dies', async () => {
    const { supervised, clock, launchedAt, die } = createProcess();
    await supervised.start(60_000);

    for (const delayMs of [250, 500, 1000, 2000, 4000, 8000, 8000]) {
      await die();
      expect(supervised.state).toBe('waiting');
      const livesBefore = launchedAt.length;
      await clock.advance(delayMs - 1);
      expect(launchedAt).toHaveLength(livesBefore);
      await clock.advance(1);
      expect(launchedAt).toHaveLength(livesBefore + 1);
    }
    expect(supervised.restarts).toBe(7);
    expect(supervised.state).toBe('healthy');
  });

  it('restarts after the first delay again once it was healthy for five seconds', async () => {
    const { supervised, clock, launchedAt, die } = createProcess();
    await supervised.start(60_000);
    await die();
    await clock.advance(250);
    await die();
    await clock.advance(500);

    await clock.advance(5_000);
    await die();
    await clock.advance(250);

    expect(launchedAt).toHaveLength(4);
  });

  it('reports an exit with its cause and the next start, then its recovery', async () => {
    const { supervised, clock, reports, die } = createProcess();
    await supervised.start(60_000);

    await die({ code: null, signal: 'SIGSEGV' });
    expect(reports).toEqual(['was killed by SIGSEGV, next start in 250 ms']);
    await clock.advance(250);

    expect(reports[1]).toBe('is back, pid 1002, after 0 ms');
  });

  it('counts a failed launch as an exit', async () => {
    const { supervised, clock, reports, launchedAt, refuse } = createProcess();
    refuse(new Error('no such program'));
    const started = supervised.start(60_000);
    await settle();

    expect(reports).toEqual(['cannot start: no such program, next start in 250 ms']);
    refuse(undefined);
    await clock.advance(250);

    await started;
    expect(launchedAt).toEqual([0, 250]);
  });

  it('is not healthy before its probe succeeds', async () => {
    const { supervised, clock, setHealthy } = createProcess({ healthyAtOnce: false });
    let started = false;
    const start = supervised.start(60_000).then(() => {
      started = true;
    });
    await clock.advance(1_000);
    expect([started, supervised.state]).toEqual([false, 'starting']);

    setHealthy(true);
    await clock.advance(500);

    await start;
    expect(supervised.state).toBe('healthy');
  });

  it('stops waiting for health at the deadline with how it last ended, and keeps restarting', async () => {
    const { supervised, clock, launchedAt, die } = createProcess({ healthyAtOnce: false });
    const start = supervised.start(1_000);
    const outcome = expect(start).rejects.toThrow('order is not healthy after 1000 ms; it ended with code 78');
    await settle();
    await die({ code: 78, signal: null });

    await clock.advance(1_000);

    await outcome;
    expect(launchedAt.length).toBeGreaterThan(1);
  });

  it('stays down after a stop until it is started', async () => {
    const { supervised, clock, launchedAt, reports } = createProcess();
    await supervised.start(60_000);

    await supervised.stop(10_000);
    await clock.advance(60_000);
    expect([supervised.state, launchedAt.length, reports.length]).toEqual(['stopped', 1, 0]);

    await supervised.start(60_000);
    expect([supervised.state, launchedAt.length, supervised.restarts]).toEqual(['healthy', 2, 0]);
  });

  it('forgets how it ended, and the delay of its next start, when it is started again', async () => {
    const { supervised, clock, reports, setHealthy, die } = createProcess();
    await supervised.start(60_000);
    await die();
    await clock.advance(250);
    await supervised.stop(10_000);

    setHealthy(false);
    const outcome = expect(supervised.start(1_000)).rejects.toThrow(/^order is not healthy after 1000 ms$/);
    await clock.advance(1_000);
    await outcome;
    await die();

    expect(reports.at(-1)).toBe('ended with code 1, next start in 250 ms');
  });

  it('ends every wait for its health when it is healthy', async () => {
    const { supervised, clock, setHealthy } = createProcess({ healthyAtOnce: false });
    const waits = Promise.all([supervised.start(60_000), supervised.waitUntilHealthy(60_000)]);
    await settle();

    setHealthy(true);
    await clock.advance(60_000);

    await expect(waits).resolves.toEqual([undefined, undefined]);
  });

  it('does not restart when it is stopped between two runs', async () => {
    const { supervised, clock, launchedAt, die } = createProcess();
    await supervised.start(60_000);
    await die();

    await supervised.stop(10_000);
    await clock.advance(60_000);

    expect([supervised.state, launchedAt.length]).toEqual(['stopped', 1]);
  });

  it('ends immediately when it is stopped during its launch', async () => {
    const { supervised, signals, holdLaunch } = createProcess();
    const launch = holdLaunch();
    const outcome = expect(supervised.start(60_000)).rejects.toThrow('order was stopped');
    const stopped = supervised.stop(10_000);

    launch();
    await Promise.all([outcome, stopped]);

    expect([signals, supervised.state, supervised.pid]).toEqual([['stop'], 'stopped', undefined]);
  });

  it('rejects the pending waits for its health when it is stopped', async () => {
    const { supervised } = createProcess({ healthyAtOnce: false });
    const outcome = expect(supervised.start(60_000)).rejects.toThrow('order was stopped');
    await settle();

    await supervised.stop(10_000);

    await outcome;
  });

  it('is no longer healthy when its kill resolves', async () => {
    const { supervised } = createProcess();
    await supervised.start(60_000);

    expect(await supervised.kill('SIGKILL')).toBe(true);

    expect(supervised.state).not.toBe('healthy');
    expect(await supervised.kill('SIGKILL')).toBe(false);
  });

  it('passes other signals on and keeps running', async () => {
    const { supervised, signals } = createProcess();
    await supervised.start(60_000);

    await supervised.kill('SIGSTOP');

    expect([signals, supervised.state]).toEqual([['SIGSTOP'], 'healthy']);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createWorker, type Worker } from '#services/platform/base/worker.ts';
import { type RecordedLog, recordLog } from '../support/recorded-log.ts';

const PERIOD_MS = 1_000;
const SOON = { timeout: 4_000, interval: 5 };

/** A worker around `work`, a log that can be read, and a clean-up that ends it. */
function createTestWorker(
  work: (signal: AbortSignal) => Promise<boolean>,
  minPauseMs = 0,
): AsyncDisposable & RecordedLog & { worker: Worker } {
  const recorded = recordLog();
  const worker = createWorker({ name: 'relay', periodMs: PERIOD_MS, minPauseMs, work, log: recorded.log });
  return { ...recorded, worker, [Symbol.asyncDispose]: worker.stop };
}

describe('a worker', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('runs nothing before its start', async () => {
    const work = vi.fn(async () => false);
    await using test = createTestWorker(work);

    test.worker.wake();
    await vi.advanceTimersByTimeAsync(10 * PERIOD_MS);

    expect(work).not.toHaveBeenCalled();
  });

  it('runs at its start and then once a period', async () => {
    const work = vi.fn(async () => false);
    await using test = createTestWorker(work);

    await test.worker.start();
    expect(work).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(PERIOD_MS - 1);
    expect(work).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(work).toHaveBeenCalledTimes(2);
  });

  it('runs again at once while more work is waiting', async () => {
    const work = vi.fn(async () => work.mock.calls.length < 5);
    await using test = createTestWorker(work);

    await test.worker.start();
    await vi.advanceTimersByTimeAsync(0);

    expect(work).toHaveBeenCalledTimes(5);
  });

  it('with a shortest pause runs at once when it is woken after that, and else when it is over', async () => {
    const work = vi.fn(async () => false);
    await using test = createTestWorker(work, 50);
    await test.worker.start();
    await vi.advanceTimersByTimeAsync(50);

    test.worker.wake();
    await vi.advanceTimersByTimeAsync(0);
    expect(work).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(10);
    for (let times = 0; times < 3; times += 1) test.worker.wake();
    await vi.advanceTimersByTimeAsync(39);
    expect(work).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(work).toHaveBeenCalledTimes(3);
    await vi.advanceTimersByTimeAsync(PERIOD_MS);

    expect(work).toHaveBeenCalledTimes(4);
  });

  it('with a shortest pause that is woken during a run runs again after the pause', async () => {
    const work = vi.fn(async () => {
      if (work.mock.calls.length === 1) test.worker.wake();
      return false;
    });
    await using test = createTestWorker(work, 50);
    await test.worker.start();

    await vi.advanceTimersByTimeAsync(49);
    expect(work).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);

    expect(work).toHaveBeenCalledTimes(2);
  });

  it('runs at once when it is woken while it sleeps', async () => {
    const work = vi.fn(async () => false);
    await using test = createTestWorker(work);
    await test.worker.start();
    await vi.advanceTimersByTimeAsync(10);

    test.worker.wake();
    await vi.advanceTimersByTimeAsync(0);

    expect(work).toHaveBeenCalledTimes(2);
  });

  it('runs once more when it is woken while it runs, however often', async () => {
    const first = Promise.withResolvers<boolean>();
    const work = vi.fn(() => (work.mock.calls.length === 1 ? first.promise : Promise.resolve(false)));
    await using test = createTestWorker(work);
    await test.worker.start();

    test.worker.wake();
    test.worker.wake();
    expect(work).toHaveBeenCalledTimes(1);
    first.resolve(false);
    await vi.advanceTimersByTimeAsync(0);

    expect(work).toHaveBeenCalledTimes(2);
  });

  it('never runs twice at a time', async () => {
    let running = 0;
    let most = 0;
    const work = async () => {
      running += 1;
      most = Math.max(most, running);
      await vi.advanceTimersByTimeAsync(5);
      running -= 1;
      return false;
    };
    await using test = createTestWorker(work);

    await test.worker.start();
    for (let wakes = 0; wakes < 20; wakes += 1) {
      test.worker.wake();
      await vi.advanceTimersByTimeAsync(1);
    }

    expect(most).toBe(1);
  });

  it('is one loop however often it is started', async () => {
    const work = vi.fn(async () => false);
    await using test = createTestWorker(work);

    await test.worker.start();
    await test.worker.start();

    expect(work).toHaveBeenCalledTimes(1);
  });

  it('does not wait out its period when it is stopped in its sleep', async () => {
    const work = vi.fn(async () => false);
    await using test = createTestWorker(work);
    await test.worker.start();
    await vi.advanceTimersByTimeAsync(1);

    await test.worker.stop();
    await vi.advanceTimersByTimeAsync(10 * PERIOD_MS);

    expect(work).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('aborts the signal of running work at a stop and waits for it', async () => {
    const finish = Promise.withResolvers<boolean>();
    const signals: AbortSignal[] = [];
    await using test = createTestWorker((signal) => {
      signals.push(signal);
      return finish.promise;
    });
    await test.worker.start();
    let stopped = false;

    const stopping = test.worker.stop().then(() => {
      stopped = true;
    });
    await vi.advanceTimersByTimeAsync(PERIOD_MS);
    expect(signals.map((signal) => signal.aborted)).toEqual([true]);
    expect(stopped).toBe(false);
    finish.resolve(true);
    await stopping;

    expect(signals).toHaveLength(1);
  });

  it('that was never started stops at once, and cannot be started afterwards', async () => {
    const work = vi.fn(async () => false);
    await using test = createTestWorker(work);

    await test.worker.stop();
    await test.worker.start();
    await vi.advanceTimersByTimeAsync(PERIOD_MS);

    expect(work).not.toHaveBeenCalled();
  });
});

describe('a worker whose work fails', () => {
  beforeEach(() => void vi.useFakeTimers().setTimerTickMode('nextTimerAsync'));
  afterEach(() => void vi.useRealTimers());

  it('continues, and logs it once', async () => {
    const work = vi.fn(async () => {
      if (work.mock.calls.length < 3) throw new Error('the broker is away');
      return false;
    });
    await using test = createTestWorker(work);

    await test.worker.start();

    await vi.waitFor(() => expect(work.mock.calls.length).toBeGreaterThan(3), SOON);
    expect(test.lines).toMatchObject([
      { level: 'warn', msg: 'relay failed, trying again', failures: 1, err: { message: 'the broker is away' } },
    ]);
  });

  it('waits before it tries again', async () => {
    const times: number[] = [];
    await using test = createTestWorker(async () => {
      times.push(performance.now());
      throw new Error('no');
    });

    await test.worker.start();

    await vi.waitFor(() => expect(times.length).toBeGreaterThan(2), SOON);
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(45);
    expect(times[2]! - times[1]!).toBeGreaterThanOrEqual(95);
  });

  it('starts again with the shortest wait, and a new log line, after a successful run', async () => {
    const outcomes = [false, false, true, false];
    const work = vi.fn(async () => {
      if (outcomes.shift() === false) throw new Error('no');
      return outcomes.length > 0;
    });
    await using test = createTestWorker(work);

    await test.worker.start();

    await vi.waitFor(() => expect(test.lines).toHaveLength(2), SOON);
    expect(test.lines.map((line) => line.failures)).toEqual([1, 1]);
  });

  it('does not wait out its pause when it is stopped', async () => {
    const work = vi.fn(async () => {
      throw new Error('no');
    });
    await using test = createTestWorker(work);
    vi.setTimerTickMode('manual');
    await test.worker.start();
    await vi.advanceTimersByTimeAsync(1);

    await test.worker.stop(); // Would never end: nothing advances the timers.

    expect(work).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('logs a few lines for an outage of a minute', async () => {
    const work = vi.fn(() => Promise.reject(new Error('no')));
    const pauses = vi.spyOn(Math, 'random').mockReturnValue(-0.999); // All but removes the pauses.
    await using test = createTestWorker(work);

    await test.worker.start();

    await vi.waitFor(() => expect(work.mock.calls.length).toBeGreaterThanOrEqual(24), SOON);
    await test.worker.stop();
    pauses.mockRestore();
    expect(test.lines.map((line) => line.failures).slice(0, 3)).toEqual([1, 12, 24]);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Bulkhead, BulkheadRejectedError, createBulkhead } from '#services/platform/base/bulkhead.ts';

const WAIT_MS = 100;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Takes every slot; returns the function that releases each. */
function fill(bulkhead: Bulkhead, slots: number): Promise<(() => void)[]> {
  return Promise.all(Array.from({ length: slots }, () => bulkhead.acquire(0)));
}

/** Acquires a slot and records the result. */
function ask(bulkhead: Bulkhead, maxWaitMs = WAIT_MS, signal?: AbortSignal) {
  const asked: { release?: () => void; error?: unknown } = {};
  bulkhead.acquire(maxWaitMs, signal).then(
    (release) => Object.assign(asked, { release }),
    (error: unknown) => Object.assign(asked, { error }),
  );
  return asked;
}

const settle = () => vi.advanceTimersByTimeAsync(0);

describe('a bulkhead', () => {
  it('admits as many calls as it has slots, and no more', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 2, maxQueued: 0 });
    await fill(bulkhead, 2);

    await expect(bulkhead.acquire(WAIT_MS)).rejects.toThrow(BulkheadRejectedError);
    expect(bulkhead.view()).toMatchObject({ inFlight: 2, queued: 0 });
  });

  it('frees a slot once, however often it is released', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 2, maxQueued: 0 });
    const [first] = await fill(bulkhead, 2);
    first!();
    first!();

    await bulkhead.acquire(0);
    await expect(bulkhead.acquire(0)).rejects.toThrow(BulkheadRejectedError);
  });

  it('rejects at once when the queue is full', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 1 });
    await fill(bulkhead, 1);
    ask(bulkhead);

    await expect(bulkhead.acquire(WAIT_MS)).rejects.toThrow('1 are in flight and 1 queued');
  });

  it('rejects at once a call that may not wait', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 1 });
    await fill(bulkhead, 1);

    await expect(bulkhead.acquire(0)).rejects.toThrow(BulkheadRejectedError);
    await expect(bulkhead.acquire(-5)).rejects.toThrow(BulkheadRejectedError);
  });
});

describe('a queued call', () => {
  it('gets its slot in turn, before later calls', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 2 });
    const [release] = await fill(bulkhead, 1);
    const [first, second] = [ask(bulkhead), ask(bulkhead)];

    release!();
    await expect(bulkhead.acquire(0)).rejects.toThrow(BulkheadRejectedError);
    await settle();
    expect([first.release !== undefined, second.release]).toEqual([true, undefined]);
    first.release?.();
    await settle();

    expect(second.release).toBeDefined();
    expect(bulkhead.view()).toMatchObject({ inFlight: 1, queued: 0 });
  });

  it('is rejected when its time is over, to the millisecond, and delays no call behind it', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 2 });
    const [release] = await fill(bulkhead, 1);
    const [impatient, patient] = [ask(bulkhead, 50), ask(bulkhead, 500)];

    await vi.advanceTimersByTimeAsync(49);
    expect(impatient).toEqual({});
    await vi.advanceTimersByTimeAsync(1);
    expect(impatient.error).toEqual(new BulkheadRejectedError('no slot became free within 50 ms'));
    release!();
    await settle();

    expect(patient.release).toBeDefined();
  });

  it('leaves the queue with the reason of its caller, when that gives up', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 1 });
    await fill(bulkhead, 1);
    const caller = new AbortController();
    const asked = ask(bulkhead, WAIT_MS, caller.signal);
    await settle();
    const reason = new Error('gave up');

    caller.abort(reason);
    await settle();

    expect(asked.error).toBe(reason);
    expect(bulkhead.view()).toMatchObject({ inFlight: 1, queued: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is rejected in favour of newer calls, the oldest first', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 2, order: 'lifo' });
    const [release] = await fill(bulkhead, 1);
    const [oldest, newest] = [ask(bulkhead), ask(bulkhead)];

    bulkhead.rejectOldest();
    release!();
    await settle();

    expect(oldest.error).toBeInstanceOf(BulkheadRejectedError);
    expect(newest.release).toBeDefined();
    bulkhead.rejectOldest();
    expect(bulkhead.view()).toEqual({ limit: 1, inFlight: 1, queued: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is not admitted when its caller gave up before', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 1 });

    await expect(bulkhead.acquire(WAIT_MS, AbortSignal.abort(new Error('gave up')))).rejects.toThrow('gave up');
    expect(bulkhead.view().inFlight).toBe(0);
  });
});

describe('a changing number of slots', () => {
  it('admits queued calls up to the new limit at the next release', async () => {
    let slots = 1;
    const bulkhead = createBulkhead({ maxConcurrent: () => slots, maxQueued: 5 });
    const [release] = await fill(bulkhead, 1);
    const asked = [ask(bulkhead), ask(bulkhead), ask(bulkhead)];

    slots = 2;
    release!();
    await settle();

    expect(asked.map((one) => one.release !== undefined)).toEqual([true, true, false]);
    expect(bulkhead.view()).toEqual({ limit: 2, inFlight: 2, queued: 1 });
  });

  it('admits no call until enough slots are released', async () => {
    let slots = 3;
    const bulkhead = createBulkhead({ maxConcurrent: () => slots, maxQueued: 5 });
    const leaves = await fill(bulkhead, 3);
    const asked = ask(bulkhead);

    slots = 1;
    leaves[0]!();
    leaves[1]!();
    await settle();
    expect(asked).toEqual({});
    expect(bulkhead.view()).toEqual({ limit: 1, inFlight: 1, queued: 1 });
    leaves[2]!();
    await settle();

    expect(asked.release).toBeDefined();
  });
});

describe('a changing order', () => {
  it('is asked for at each release', async () => {
    let order: 'fifo' | 'lifo' = 'lifo';
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 3, order: () => order });
    const [release] = await fill(bulkhead, 1);
    const asked = [ask(bulkhead), ask(bulkhead), ask(bulkhead)];

    release!();
    await settle();
    expect(asked.map((one) => one.release !== undefined)).toEqual([false, false, true]);
    order = 'fifo';
    asked[2]?.release?.();
    await settle();

    expect(asked.map((one) => one.release !== undefined)).toEqual([true, false, true]);
  });
});

it('never exceeds its limit and never loses a slot, in any order of calls', async () => {
  const bulkhead = createBulkhead({ maxConcurrent: 3, maxQueued: 1_000 });
  let inside = 0;
  let most = 0;
  const work = async (index: number): Promise<void> => {
    const release = await bulkhead.acquire(10_000);
    inside += 1;
    most = Math.max(most, inside);
    for (let turn = 0; turn < index % 7; turn += 1) await Promise.resolve();
    inside -= 1;
    release();
  };
  await Promise.all(Array.from({ length: 500 }, (_, index) => work(index)));

  expect(most).toBe(3);
  expect(bulkhead.view()).toMatchObject({ inFlight: 0, queued: 0 });
  expect(vi.getTimerCount()).toBe(0);
});

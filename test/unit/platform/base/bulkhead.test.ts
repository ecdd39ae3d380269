import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Bulkhead, BulkheadRejectedError, createBulkhead } from '#services/platform/base/bulkhead.ts';

const WAIT_MS = 100;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Fills every place; returns what gives each back. */
function fill(bulkhead: Bulkhead, places: number): Promise<(() => void)[]> {
  return Promise.all(Array.from({ length: places }, () => bulkhead.acquire(0)));
}

/** Asks for a place and notes what became of it. */
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
  it('has room for as many as it has places, and for no more', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 2, maxQueued: 0 });
    await fill(bulkhead, 2);

    await expect(bulkhead.acquire(WAIT_MS)).rejects.toThrow(BulkheadRejectedError);
    expect(bulkhead.view()).toMatchObject({ inFlight: 2, queued: 0 });
  });

  it('gives a place once, however often it is given back', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 2, maxQueued: 0 });
    const [first] = await fill(bulkhead, 2);
    first!();
    first!();

    await bulkhead.acquire(0);
    await expect(bulkhead.acquire(0)).rejects.toThrow(BulkheadRejectedError);
  });

  it('refuses at once when the queue is full', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 1 });
    await fill(bulkhead, 1);
    ask(bulkhead);

    await expect(bulkhead.acquire(WAIT_MS)).rejects.toThrow('1 are in flight and 1 queued');
  });

  it('refuses at once whom it may not let wait', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 1 });
    await fill(bulkhead, 1);

    await expect(bulkhead.acquire(0)).rejects.toThrow(BulkheadRejectedError);
    await expect(bulkhead.acquire(-5)).rejects.toThrow(BulkheadRejectedError);
  });
});

describe('whoever waits for a place', () => {
  it('gets it in turn, before anybody who comes later', async () => {
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

  it('is refused when its time is over, to the millisecond, and holds up nobody after it', async () => {
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

  it('leaves the queue when its caller gives up, with the reason', async () => {
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

  it('is refused when others need its place in the queue, whoever waits longest first', async () => {
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

  it('is not let in at all when its caller gave up before', async () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueued: 1 });

    await expect(bulkhead.acquire(WAIT_MS, AbortSignal.abort(new Error('gave up')))).rejects.toThrow('gave up');
    expect(bulkhead.view().inFlight).toBe(0);
  });
});

describe('places that become more or fewer', () => {
  it('are given to all who wait when the next one leaves', async () => {
    let places = 1;
    const bulkhead = createBulkhead({ maxConcurrent: () => places, maxQueued: 5 });
    const [release] = await fill(bulkhead, 1);
    const asked = [ask(bulkhead), ask(bulkhead), ask(bulkhead)];

    places = 2;
    release!();
    await settle();

    expect(asked.map((one) => one.release !== undefined)).toEqual([true, true, false]);
    expect(bulkhead.view()).toEqual({ limit: 2, inFlight: 2, queued: 1 });
  });

  it('are left by those within before anybody else comes in', async () => {
    let places = 3;
    const bulkhead = createBulkhead({ maxConcurrent: () => places, maxQueued: 5 });
    const leaves = await fill(bulkhead, 3);
    const asked = ask(bulkhead);

    places = 1;
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

it('never lets more than its places in, nor loses one, whatever order they come and go in', async () => {
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

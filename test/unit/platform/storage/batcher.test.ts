import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { unavailable } from '#services/platform/base/errors.ts';
import { type BatcherOptions, createBatcher } from '#services/platform/storage/batcher.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const outage = (code: string | undefined) =>
  unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'the database cannot be reached now', cause: { code } });

/** A batcher whose batches end when the test says so. */
function createGatedBatcher(options: Omit<BatcherOptions<string, string>, 'run'> = {}) {
  const batches: { readonly items: readonly string[]; readonly end: (error?: unknown) => Promise<void> }[] = [];
  const run = vi.fn((items: readonly string[]) => {
    const { promise, resolve, reject } = Promise.withResolvers<string[]>();
    const end = async (error?: unknown): Promise<void> => {
      if (error === undefined) resolve(items.map((item) => `result of ${item}`));
      else reject(error);
      await vi.advanceTimersByTimeAsync(0);
    };
    batches.push({ items, end });
    return promise;
  });
  const add = createBatcher({ run, ...options });
  /** Adds an item; the outcome is its result or its error. */
  const outcomes: Record<string, unknown> = {};
  const put = async (...items: readonly string[]): Promise<void> => {
    for (const item of items) {
      add(item).then(
        (result) => {
          outcomes[item] = result;
        },
        (error: unknown) => {
          outcomes[item] = error;
        },
      );
    }
    await vi.advanceTimersByTimeAsync(0);
  };
  return { put, outcomes, batches, started: () => batches.map(({ items }) => items) };
}

describe('an item', () => {
  it('that arrives alone is run in the same turn of the event loop', async () => {
    const { put, started } = createGatedBatcher();

    await put('a');

    expect(started()).toEqual([['a']]);
  });

  it('shares its batch with the others of that turn', async () => {
    const { put, started } = createGatedBatcher();

    await put('a', 'b', 'c');

    expect(started()).toEqual([['a', 'b', 'c']]);
  });

  it('that arrives while a batch runs is run together with the others that did, and gets its own result', async () => {
    const { put, started, batches, outcomes } = createGatedBatcher();
    await put('a');
    await put('b', 'c');
    expect(started()).toEqual([['a']]);

    await batches[0]?.end();
    expect(started()).toEqual([['a'], ['b', 'c']]);
    expect(outcomes).toEqual({ a: 'result of a' });
    await batches[1]?.end();

    expect(outcomes).toEqual({ a: 'result of a', b: 'result of b', c: 'result of c' });
  });

  it('beyond the size of a batch waits for the next one', async () => {
    const { put, started, batches } = createGatedBatcher({ maxSize: 2 });
    await put('a');
    await put('b', 'c', 'd');
    await batches[0]?.end();
    await batches[1]?.end();

    expect(started()).toEqual([['a'], ['b', 'c'], ['d']]);
  });

  it('shares its batch with 63 others at most', async () => {
    const { put, started, batches } = createGatedBatcher();
    await put('first');
    await put(...Array.from({ length: 70 }, (_, index) => `item ${index}`));
    await batches[0]?.end();
    await batches[1]?.end();

    expect(started().map(({ length }) => length)).toEqual([1, 64, 6]);
  });

  it('that arrives as a batch begins waits for it', async () => {
    const started: (readonly string[])[] = [];
    const add = createBatcher<string, string>({
      run: (items) => {
        started.push(items);
        if (items.includes('a')) void add('c');
        return new Promise(() => undefined);
      },
    });
    void add('a');
    void add('b');
    await vi.advanceTimersByTimeAsync(0);

    expect(started).toEqual([['a', 'b']]);
  });

  it('with the key of another shares no batch with it', async () => {
    const { put, started, batches } = createGatedBatcher({ keyOf: (item) => item.charAt(0) });
    await put('a1');
    await put('b1', 'b2', 'c1', 'b3');
    for (const index of [0, 1, 2]) await batches[index]?.end();

    expect(started()).toEqual([['a1'], ['b1', 'c1'], ['b2'], ['b3']]);
  });
});

describe('a batch that fails', () => {
  it('runs its items one at a time, so that only the bad one fails', async () => {
    const { put, started, batches, outcomes } = createGatedBatcher();
    const bad = new Error('b is bad');
    await put('a');
    await put('b', 'c');
    await batches[0]?.end();
    await batches[1]?.end(bad);
    await batches[2]?.end(bad);
    await batches[3]?.end();

    expect(started()).toEqual([['a'], ['b', 'c'], ['b'], ['c']]);
    expect(outcomes).toEqual({ a: 'result of a', b: bad, c: 'result of c' });
  });

  it.each(['08006', '57P01', '42P01', undefined])(
    'in an outage (%s) fails all its items, and not the ones behind them',
    async (code) => {
      const { put, started, batches, outcomes } = createGatedBatcher();
      const error = outage(code);
      await put('a');
      await put('b', 'c');
      await batches[0]?.end();
      await put('d');
      await batches[1]?.end(error);
      await batches[2]?.end();

      expect(started()).toEqual([['a'], ['b', 'c'], ['d']]);
      expect(outcomes).toMatchObject({ b: error, c: error, d: 'result of d' });
    },
  );

  it.each([
    ['a deadlock', '40P01'],
    ['a conflict of transactions', '40001'],
  ])('by %s runs its items one at a time', async (_cause, code) => {
    const { put, started, batches } = createGatedBatcher();
    await put('a');
    await put('b', 'c');
    await batches[0]?.end();
    await batches[1]?.end(outage(code));

    expect(started().slice(2)).toEqual([['b']]);
  });

  it('with one item reports its error once, and the next item runs', async () => {
    const { put, started, batches, outcomes } = createGatedBatcher();
    const error = new Error('no');
    await put('a');
    await batches[0]?.end(error);
    await put('b');

    expect(outcomes).toEqual({ a: error });
    expect(started()).toEqual([['a'], ['b']]);
  });
});

describe('a batch that takes long', () => {
  it('holds up the next one for 50 ms', async () => {
    const { put, started } = createGatedBatcher();
    await put('a');
    await put('b');

    await vi.advanceTimersByTimeAsync(49);
    expect(started()).toEqual([['a']]);
    await vi.advanceTimersByTimeAsync(1);

    expect(started()).toEqual([['a'], ['b']]);
  });

  it('holds up those that wait for 50 ms together', async () => {
    const { put, started } = createGatedBatcher();
    await put('a');
    await put('b');
    await vi.advanceTimersByTimeAsync(49);
    await put('c');
    await vi.advanceTimersByTimeAsync(1);

    expect(started()).toEqual([['a'], ['b', 'c']]);
  });

  it('holds up the next one for 50 ms, whenever an earlier one began to wait', async () => {
    const { put, started, batches } = createGatedBatcher();
    await put('a');
    await put('b');
    await vi.advanceTimersByTimeAsync(30);
    await batches[0]?.end();
    await put('c');

    await vi.advanceTimersByTimeAsync(49);
    expect(started()).toEqual([['a'], ['b']]);
    await vi.advanceTimersByTimeAsync(1);
    expect(started()).toEqual([['a'], ['b'], ['c']]);
  });

  it('runs next to three others at most', async () => {
    const { put, started, batches } = createGatedBatcher();
    for (const item of ['a', 'b', 'c', 'd', 'e']) {
      await put(item);
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(started()).toEqual([['a'], ['b'], ['c'], ['d']]);

    await batches[2]?.end();

    expect(started().at(-1)).toEqual(['e']);
  });
});

it.each([
  ['fewer', ['result of a']],
  ['more', ['result of a', 'result of b', 'result of c']],
])(
  'a run that returns %s results than it has items fails each of them, and is not repeated',
  async (_number, results) => {
    const run = vi.fn(async () => results);
    const add = createBatcher<string, string>({ run });
    const message = 'a batch returned another number of results than it has items';

    const outcomes = [expect(add('a')).rejects.toThrow(message), expect(add('b')).rejects.toThrow(message)];
    await vi.advanceTimersByTimeAsync(0);
    await Promise.all(outcomes);

    expect(run).toHaveBeenCalledExactlyOnceWith(['a', 'b']);
  },
);

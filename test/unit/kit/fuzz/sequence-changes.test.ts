// Changes of a recorded sequence, how a long recording is cut, and how a sequence is shrunk.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it, vi } from 'vitest';
import {
  file_library_v1_library,
  LibraryService,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { FUZZ_WIRES, type FuzzWire } from '../../../../packages/kit/fuzz/calls/fuzz-wire.ts';
import type { PlannedCall, SequencePlan } from '../../../../packages/kit/fuzz/sequences/plan.ts';
import { readRecordedCalls } from '../../../../packages/kit/fuzz/sequences/recorded-calls.ts';
import {
  cutSequences,
  orderChanges,
  unchanged,
  valueChanges,
} from '../../../../packages/kit/fuzz/sequences/sequence-changes.ts';
import { shrinkSequence } from '../../../../packages/kit/fuzz/sequences/shrink-sequence.ts';
import { exchangeOf, registry } from '../recording/library-recording.ts';

const hints = { of: () => ({}), ofElement: () => undefined };
const schema = { services: [LibraryService], files: [file_library_v1_library], registry };

/** Calls of GetBook: `request>answer` are the ids of the request and of its answer. */
function callsOf(...pairs: readonly string[]) {
  const exchanges = pairs.map((pair, index) => {
    const [bookId, answer] = pair.split('>');
    const startedAt = new Date(index * 1000).toISOString();
    return exchangeOf({ bookId }, answer ? { book: { bookId: answer } } : {}, { startedAt });
  });
  return readRecordedCalls({ exchanges, warnings: [] }, { methods: LibraryService.methods, schema }).calls;
}

const numbersOf = (calls: readonly PlannedCall[]) => calls.map(({ recorded }) => recorded.number);

describe('a recorded sequence', () => {
  it('is changed by leaving out, repeating and moving each call', () => {
    const changes = orderChanges(callsOf('a', 'b', 'c')).map(({ name, calls }) => [name, numbersOf(calls)]);

    expect(changes).toEqual([
      ['GetBook (call 1) twice', [1, 1, 2, 3]],
      ['without GetBook (call 1)', [2, 3]],
      ['GetBook (call 1) after GetBook (call 2)', [2, 1, 3]],
      ['GetBook (call 1) again at the end', [1, 2, 3, 1]],
      ['GetBook (call 2) twice', [1, 2, 2, 3]],
      ['without GetBook (call 2)', [1, 3]],
      ['GetBook (call 2) after GetBook (call 3)', [1, 3, 2]],
      ['GetBook (call 2) again at the end', [1, 2, 3, 2]],
      ['GetBook (call 3) twice', [1, 2, 3, 3]],
      ['without GetBook (call 3)', [1, 2]],
      ['GetBook (call 3) first', [3, 1, 2]],
    ]);
  });

  it('of one call is changed by repeating it', () => {
    expect(orderChanges(callsOf('a')).map(({ name }) => name)).toEqual(['GetBook (call 1) twice']);
  });

  it('is changed by boundary values, by other values, and by values of other answers', () => {
    const changes = valueChanges(callsOf('a>x1', 'b>x2', 'x1', 'x2'), hints, 1);
    const names = changes.map(({ name }) => name);

    expect(names).toContain('GetBook (call 1) with book_id: empty string');
    expect(names).toContain('GetBook (call 1) with book_id: another value');
    expect(names).not.toContain('GetBook (call 3) with book_id: another value');
    expect(names).toContain('GetBook (call 3) with book_id: book.book_id of call 2');
    expect(names).toContain('GetBook (call 4) with book_id: book.book_id of call 1');
  });

  it('with another value keeps the recorded message as it is', () => {
    const calls = callsOf('a');
    const change = valueChanges(calls, hints, 1).find(({ name }) => name.endsWith('book_id: another value'));
    const copy = create(LibraryService.method.getBook.input, { bookId: 'a' });

    expect(change?.calls[0]?.change?.apply?.(copy)).not.toMatchObject({ bookId: 'a' });
    expect(calls[0]?.messages).toMatchObject([{ bookId: 'a' }]);
  });
});

describe('a long recording', () => {
  it('is cut, and a call that gave a value to a later part is made there too', () => {
    const pairs = Array.from({ length: 65 }, (_, index) => `q${index}`);
    const parts = cutSequences(callsOf(...pairs.with(0, 'q0>x1').with(1, 'x1>x2').with(64, 'x2')));

    expect(parts.map((part) => part.map(({ number }) => number)).map(({ length }) => length)).toEqual([30, 30, 7]);
    expect(parts[2]?.map(({ number }) => number)).toEqual([1, 2, 61, 62, 63, 64, 65]);
  });
});

describe('a sequence with a problem', () => {
  const wire = FUZZ_WIRES[0] as FuzzWire;

  async function shrink(plan: SequencePlan, needed: readonly number[], maxTries = 50): Promise<readonly number[]> {
    let smallest: readonly number[] = [];
    const hasProblem = vi.fn(async ({ calls }: SequencePlan) => {
      const isFound = needed.every((number) => numbersOf(calls).includes(number));
      if (isFound) smallest = numbersOf(calls);
      return isFound;
    });
    await shrinkSequence(plan, { maxTries, isOver: () => false, hasProblem });
    expect(hasProblem.mock.calls.length).toBeLessThanOrEqual(maxTries);
    return smallest;
  }

  const planOf = (...pairs: readonly string[]): SequencePlan => ({ ...unchanged(callsOf(...pairs)), wire });

  it('is shrunk to the calls that it needs', async () => {
    expect(await shrink(planOf('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), [2, 5, 8])).toEqual([2, 5, 8]);
  });

  it('keeps a call whose answer has a value for one that stays', async () => {
    expect(await shrink(planOf('a>x1', 'b', 'x1'), [3])).toEqual([1, 3]);
  });

  it('loses a call together with those that take a value from its answer', async () => {
    expect(await shrink(planOf('a>x1', 'x1', 'c', 'd'), [3, 4])).toEqual([3, 4]);
  });

  it('loses its change, if the problem is there without it', async () => {
    const [changed] = valueChanges(callsOf('a', 'b'), hints, 1);
    const hasProblem = vi.fn(async (_: SequencePlan) => true);

    await shrinkSequence({ ...(changed ?? unchanged([])), wire }, { maxTries: 9, isOver: () => false, hasProblem });

    expect(hasProblem.mock.lastCall?.[0].calls.some(({ change }) => change)).toBe(false);
  });

  it('is tried once more as it is, if it cannot be made smaller, and no more often than allowed', async () => {
    expect(await shrink(planOf('a', 'b', 'c'), [1, 2, 3])).toEqual([1, 2, 3]);
    expect(await shrink(planOf('a', 'b', 'c', 'd', 'e'), [1, 2, 3, 4, 5], 2)).toEqual([]);
  });
});

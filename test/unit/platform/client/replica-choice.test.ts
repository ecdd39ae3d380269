import { describe, expect, it } from 'vitest';
import { createReplicaChoice } from '#services/platform/client/replica-choice.ts';

const REPLICAS = ['http://one:1', 'http://two:2', 'http://three:3'];

/** A choice whose clock stands until it is moved. */
function createChoice() {
  const clock = { ms: 1_000 };
  const choice = createReplicaChoice(() => clock.ms);
  const chosen = (calls: number, replicas = REPLICAS): string[] =>
    Array.from({ length: calls }, () => choice.choose(replicas)).toSorted();
  return { ...choice, clock, chosen };
}

describe('the choice of a replica', () => {
  it('gives each replica the same number of calls', () => {
    const { chosen } = createChoice();

    expect(chosen(6)).toEqual(REPLICAS.flatMap((replica) => [replica, replica]).toSorted());
  });

  it('leaves out a replica that cannot be reached, for a second, then twice as long after each failure, at most 16 s', () => {
    const { chosen, onFailure, clock } = createChoice();

    const ejections = Array.from({ length: 7 }, () => {
      const ejectionMs = onFailure('http://one:1', 'unreachable');
      clock.ms += ejectionMs - 1;
      expect(chosen(4)).not.toContain('http://one:1');
      clock.ms += 1;
      expect(chosen(3)).toContain('http://one:1');
      return ejectionMs;
    });

    expect(ejections).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 16_000, 16_000]);
  });

  it('forgives a replica that answers', () => {
    const { onFailure, onAnswer, clock } = createChoice();
    clock.ms += onFailure('http://one:1', 'unreachable');
    clock.ms += onFailure('http://one:1', 'unreachable');

    onAnswer('http://one:1');

    expect(onFailure('http://one:1', 'unreachable')).toBe(1_000);
  });

  it('counts calls that fail together as one failure', () => {
    const { onFailure, clock } = createChoice();

    expect([1, 2, 3].map(() => onFailure('http://one:1', 'unreachable'))).toEqual([1_000, 0, 0]);
    clock.ms += 1_000;
    expect(onFailure('http://one:1', 'unreachable')).toBe(2_000);
  });

  it('leaves out a replica after three calls in a row that were not answered in time', () => {
    const { onFailure, onAnswer } = createChoice();

    expect([1, 2].map(() => onFailure('http://one:1', 'timeout'))).toEqual([0, 0]);
    onAnswer('http://one:1');
    expect([1, 2, 3].map(() => onFailure('http://one:1', 'timeout'))).toEqual([0, 0, 1_000]);
  });

  it('leaves it out at once, for longer, when it is still late after that', () => {
    const { onFailure, clock } = createChoice();

    clock.ms += [1, 2, 3].map(() => onFailure('http://one:1', 'timeout')).at(-1) ?? 0;

    expect(onFailure('http://one:1', 'timeout')).toBe(2_000);
  });

  it('takes no call that could not be made for one that was late', () => {
    const { onFailure, clock } = createChoice();
    for (const _ of [1, 2]) clock.ms += onFailure('http://one:1', 'unreachable');

    expect([1, 2, 3].map(() => onFailure('http://one:1', 'timeout'))).toEqual([0, 0, 4_000]);
  });

  it('takes the one that has been out longest when all are out, so that it never refuses to call', () => {
    const { chosen, onFailure, clock } = createChoice();
    for (const replica of ['http://two:2', 'http://three:3', 'http://one:1']) {
      onFailure(replica, 'unreachable');
      clock.ms += 10;
    }

    expect(chosen(3)).toEqual(['http://two:2', 'http://two:2', 'http://two:2']);
    expect(chosen(2, ['http://one:1'])).toEqual(['http://one:1', 'http://one:1']);
  });

  it('forgets a replica that is gone', () => {
    const { choose, onFailure } = createChoice();
    onFailure('http://one:1', 'unreachable');

    choose(['http://two:2']);

    expect(onFailure('http://one:1', 'unreachable')).toBe(1_000);
  });
});

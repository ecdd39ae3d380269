// A lane and the stages in it.
import { describe, expect, it } from 'vitest';
import { Lane } from '../../../../../packages/kit/fault-proxy/core/pipe.ts';
import { createPassingStage } from '../../../../../packages/kit/fault-proxy/core/stage.ts';
import { DelayLine } from '../../../../../packages/kit/fault-proxy/delay-line.ts';
import { bodyOf, textOf } from '../fake-call.ts';

function createLane() {
  const out: string[] = [];
  let changes = 0;
  const lane = new Lane(
    (piece) => out.push(textOf(piece)),
    () => {
      changes += 1;
    },
  );
  return { lane, out, changes: () => changes };
}

const suffix = (text: string) =>
  createPassingStage((piece, pass) => pass({ ...piece, payload: Buffer.from(piece.payload.toString() + text) }));

const hold = () => new DelayLine({ dueMs: () => Number.POSITIVE_INFINITY, onHold: () => undefined });

describe('a lane', () => {
  it('passes pieces through its stages in the order they were put there', () => {
    const { lane, out } = createLane();
    lane.push(bodyOf('a'));
    lane.insert(suffix('1'));
    lane.insert(suffix('2'));
    lane.push(bodyOf('b'));

    expect([out, lane.isFree]).toEqual([['a', 'b12'], false]);
  });

  it('passes what a removed stage held through the stages behind it', () => {
    const { lane, out, changes } = createLane();
    const remove = lane.insert(hold());
    lane.insert(suffix('!'));
    lane.push(bodyOf('a'));
    lane.push(bodyOf('b'));
    expect([out, lane.heldBytes]).toEqual([[], 2 + 2 * 64]);

    remove();
    remove();
    expect([out, lane.heldBytes]).toEqual([['a!', 'b!'], 0]);
    expect(changes()).toBeGreaterThan(0);
    lane.push(bodyOf('c'));
    expect(out.at(-1)).toBe('c!');
  });

  it('takes nothing after its last piece', () => {
    const { lane, out } = createLane();
    lane.push(bodyOf('a', true));
    lane.push(bodyOf('b'));

    expect([out, lane.isOver]).toEqual([['a.'], true]);
  });

  it('drops what is held when it is closed', () => {
    const { lane, out } = createLane();
    const remove = lane.insert(hold());
    lane.push(bodyOf('a'));
    lane.close();
    remove();
    lane.push(bodyOf('b'));

    expect([out, lane.heldBytes]).toEqual([[], 0]);
  });

  it('tells once that it is over, even those who ask late', () => {
    const { lane } = createLane();
    const told: string[] = [];
    lane.onOver(() => told.push('early'));
    lane.push(bodyOf('a', true));
    lane.close();
    lane.onOver(() => told.push('late'));

    expect(told).toEqual(['early', 'late']);
  });
});

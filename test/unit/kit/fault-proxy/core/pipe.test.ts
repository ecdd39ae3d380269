// A pipe and its stages.
import { describe, expect, it } from 'vitest';
import { createStatelessStage } from '../../../../../packages/kit/fault-proxy/core/chunk.ts';
import { Pipe } from '../../../../../packages/kit/fault-proxy/core/pipe.ts';
import { DelayingStage } from '../../../../../packages/kit/fault-proxy/stages/delaying-stage.ts';
import { bodyOf, textOf } from '../fake-call.ts';

function createPipe() {
  const out: string[] = [];
  let changes = 0;
  const pipe = new Pipe(
    (chunk) => out.push(textOf(chunk)),
    () => {
      changes += 1;
    },
  );
  return { pipe, out, changes: () => changes };
}

const suffix = (text: string) =>
  createStatelessStage((chunk, pass) => pass({ ...chunk, payload: Buffer.from(chunk.payload.toString() + text) }));

const hold = () => new DelayingStage({ dueMs: () => Number.POSITIVE_INFINITY, onHold: () => undefined });

describe('a pipe', () => {
  it('passes chunks through its stages in the order of insertion', () => {
    const { pipe, out } = createPipe();
    pipe.push(bodyOf('a'));
    pipe.insert(suffix('1'));
    pipe.insert(suffix('2'));
    pipe.push(bodyOf('b'));

    expect([out, pipe.isEmpty]).toEqual([['a', 'b12'], false]);
  });

  it('passes what a removed stage held through the later stages', () => {
    const { pipe, out, changes } = createPipe();
    const remove = pipe.insert(hold());
    pipe.insert(suffix('!'));
    pipe.push(bodyOf('a'));
    pipe.push(bodyOf('b'));
    expect([out, pipe.heldBytes]).toEqual([[], 2 + 2 * 64]);

    remove();
    remove();
    expect([out, pipe.heldBytes]).toEqual([['a!', 'b!'], 0]);
    expect(changes()).toBeGreaterThan(0);
    pipe.push(bodyOf('c'));
    expect(out.at(-1)).toBe('c!');
  });

  it('accepts nothing after its last chunk', () => {
    const { pipe, out } = createPipe();
    pipe.push(bodyOf('a', true));
    pipe.push(bodyOf('b'));

    expect([out, pipe.isOver]).toEqual([['a.'], true]);
  });

  it('discards held chunks when it is closed', () => {
    const { pipe, out } = createPipe();
    const remove = pipe.insert(hold());
    pipe.push(bodyOf('a'));
    pipe.close();
    remove();
    pipe.push(bodyOf('b'));

    expect([out, pipe.heldBytes]).toEqual([[], 0]);
  });

  it('calls each listener once when it is over, late ones too', () => {
    const { pipe } = createPipe();
    const called: string[] = [];
    pipe.onOver(() => called.push('early'));
    pipe.push(bodyOf('a', true));
    pipe.close();
    pipe.onOver(() => called.push('late'));

    expect(called).toEqual(['early', 'late']);
  });
});

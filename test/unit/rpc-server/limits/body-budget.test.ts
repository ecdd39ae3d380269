import { describe, expect, it } from 'vitest';
import { BodyBudget } from '#packages/rpc-server/limits/body-budget.ts';

const KIB = 1024;
/** What each incomplete body counts in addition to its bytes. */
const OVERHEAD = 16 * KIB;

/** A budget, and bodies that record by name that they were rejected. */
function createBudget(maxBytes: number) {
  const budget = new BodyBudget(maxBytes);
  const rejected: string[] = [];
  const open = (name: string, connection: string, bytes = 0) => {
    const body = budget.open(connection, () => rejected.push(name));
    body.hold(bytes);
    return body;
  };
  return { budget, rejected, open };
}

describe('the budget of request bodies', () => {
  it('rejects the oldest body of the connection that holds most, not the newcomer', () => {
    const { open, rejected } = createBudget(200 * KIB);
    open('small', 'honest', 1 * KIB);
    open('first', 'greedy', 60 * KIB);
    open('second', 'greedy', 60 * KIB);
    expect(rejected).toEqual([]);

    open('newcomer', 'other', 40 * KIB);

    expect(rejected).toEqual(['first']);
  });

  it('rejects no body that holds nothing yet', () => {
    const { budget, open, rejected } = createBudget(100 * KIB);
    budget.open('greedy', () => rejected.push('empty'));
    open('full', 'greedy', 90 * KIB);

    expect(rejected).toEqual(['full']);
  });

  it('counts what a rejected body held as free', () => {
    const { open, rejected, budget } = createBudget(100 * KIB);
    open('first', 'a', 60 * KIB);
    const second = open('second', 'b', 50 * KIB);

    expect(rejected).toEqual(['first']);
    expect(budget.heldBytes).toBe(50 * KIB + OVERHEAD);
    second.hold(80 * KIB);
    expect(rejected).toEqual(['first']);
  });

  it('limits the number of bodies that have not begun to arrive', () => {
    const { open, rejected } = createBudget(10 * OVERHEAD);

    for (let index = 0; index < 25; index += 1) open(`body ${index}`, 'one');

    expect(rejected).toHaveLength(15);
    expect(rejected[0]).toBe('body 0');
  });

  it('never rejects a complete body, and rejects the new one when there is no other', () => {
    const { open, rejected } = createBudget(100 * KIB);
    open('served', 'a', 80 * KIB).complete();

    open('new', 'b', 30 * KIB);

    expect(rejected).toEqual(['new']);
  });

  it('counts a body until its call is over, and a rejected one no longer', () => {
    const { open, budget } = createBudget(100 * KIB);
    const served = open('served', 'a', 80 * KIB);
    served.complete();
    expect(budget.heldBytes).toBe(80 * KIB);
    const late = open('late', 'b', 30 * KIB);
    late.hold(40 * KIB);
    late.complete();
    expect(budget.heldBytes).toBe(80 * KIB);

    served.release();
    served.release();
    late.release();

    expect(budget.heldBytes).toBe(0);
  });
});

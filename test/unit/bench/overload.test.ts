import { expect, it } from 'vitest';
import { combineResults, findProblems, type OverloadFigures, renderFigures } from '../../bench/overload/figures.ts';
import type { LoadResult } from '../../bench/overload/generator.ts';

const result = (change: Partial<LoadResult>): LoadResult => ({
  called: 2,
  acknowledged: [],
  acceptedMs: [],
  refusedMs: [],
  otherEnds: {},
  seconds: 1,
  cpuShare: 0.1,
  latestMs: 3,
  ...change,
});
const calm = [result({ acceptedMs: [40, 60] }), result({ acceptedMs: [20, 100] })];
const overload = result({ called: 20, acceptedMs: [150, 200], refusedMs: Array(18).fill(5) });
const MIB = 2 ** 20;

const good: OverloadFigures = {
  factor: 10,
  saturation: 3,
  sustainable: combineResults(2, 4, calm),
  overload: combineResults(20, 20, [overload]),
  memory: { before: 100 * MIB, max: 180 * MIB, after: 120 * MIB },
  quiescentMs: 500,
  violations: [],
};
const overloadWith = (change: Partial<LoadResult>) => ({
  overload: combineResults(20, 20, [{ ...overload, ...change }]),
});

it('combines the results of several loads', () => {
  expect(good.sustainable).toMatchObject({
    called: 4,
    accepted: 4,
    refused: 0,
    seconds: 2,
    acceptedP50: 40,
    acceptedP99: 100,
  });
  expect(renderFigures(good)).toContain('accepted p99  2.00 times');
  const failing = [result({ otherEnds: { unavailable: 2 } }), result({ otherEnds: { unavailable: 3, internal: 1 } })];
  expect(combineResults(2, 4, failing).otherEnds).toEqual({ unavailable: 5, internal: 1 });
});

it('finds no problem when every promise holds', () => {
  expect(findProblems(good)).toEqual([]);
});

it.each<[string, Partial<OverloadFigures>, string]>([
  [
    'accepted orders that are more than twice as slow',
    overloadWith({ acceptedMs: [150, 201] }),
    'slower by 2.01 times',
  ],
  ['slow refusals', overloadWith({ refusedMs: Array(18).fill(900) }), 'half of the refusals'],
  ['another answer', overloadWith({ otherEnds: { unavailable: 1 } }), '1 unavailable'],
  ['no refusals', overloadWith({ refusedMs: [] }), 'was no overload'],
  [
    'a generator that did not keep up',
    overloadWith({ called: 18 }),
    'did not keep up with 20 orders/s: 18 of 20 calls',
  ],
  [
    'a generator that did not keep up at the sustainable rate',
    { sustainable: combineResults(2, 4, [result({ called: 3, acceptedMs: [40, 60, 100] })]) },
    'did not keep up with 2 orders/s: 3 of 4 calls',
  ],
  ['memory that is not freed', { memory: { ...good.memory, after: 126 * MIB } }, 'memory did not return'],
  [
    'a rate that was not sustained',
    { sustainable: combineResults(2, 4, [result({ refusedMs: [1] })]) },
    'was not sustained',
  ],
  [
    'a sustainable rate at which some orders were refused',
    { sustainable: combineResults(2, 4, [...calm, result({ acceptedMs: [40], refusedMs: [1] })]) },
    'the sustainable rate was not sustained: 5 accepted, 1 refused',
  ],
  ['no quiescence', { quiescentMs: undefined }, 'did not reach quiescence'],
  ['a violated invariant', { violations: ['money: lost'] }, 'money: lost'],
])('reports %s', (_, change, words) => {
  expect(findProblems({ ...good, ...change }).join('\n')).toContain(words);
});

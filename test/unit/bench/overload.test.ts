import { expect, it } from 'vitest';
import { findFaults, type OverloadFigures, renderFigures, sumUp } from '../../bench/overload/figures.ts';
import type { LoadResult } from '../../bench/overload/generator.ts';

const result = (change: Partial<LoadResult>): LoadResult => ({
  called: 2,
  acknowledged: [],
  acceptedMs: [],
  refusedMs: [],
  others: {},
  seconds: 1,
  cpuShare: 0.1,
  latestMs: 3,
  ...change,
});
const calm = [result({ acceptedMs: [40, 60] }), result({ acceptedMs: [20, 100] })];
const flood = result({ called: 20, acceptedMs: [150, 200], refusedMs: Array(18).fill(5) });
const MIB = 2 ** 20;

const good: OverloadFigures = {
  factor: 10,
  saturation: 3,
  sustainable: sumUp(2, 4, calm),
  overload: sumUp(20, 20, [flood]),
  memory: { before: 100 * MIB, most: 180 * MIB, after: 120 * MIB },
  restMs: 500,
  violations: [],
};
const floodWith = (change: Partial<LoadResult>) => ({ overload: sumUp(20, 20, [{ ...flood, ...change }]) });

it('sums up what was seen in several goes', () => {
  expect(good.sustainable).toMatchObject({
    called: 4,
    accepted: 4,
    refused: 0,
    seconds: 2,
    acceptedP50: 40,
    acceptedP99: 100,
  });
  expect(renderFigures(good)).toContain('accepted p99  2.00 times');
});

it('finds nothing wrong when everything is as promised', () => {
  expect(findFaults(good)).toEqual([]);
});

it.each<[string, Partial<OverloadFigures>, string]>([
  ['accepted orders that got more than twice as slow', floodWith({ acceptedMs: [150, 201] }), 'slower by 2.01 times'],
  ['refusals that take long', floodWith({ refusedMs: Array(18).fill(900) }), 'half of the refusals'],
  ['another answer', floodWith({ others: { unavailable: 1 } }), '1 unavailable'],
  ['no refusals', floodWith({ refusedMs: [] }), 'was no overload'],
  ['a generator that did not keep up', floodWith({ called: 18 }), 'the generator did not keep up'],
  ['memory that stays', { memory: { ...good.memory, after: 126 * MIB } }, 'memory did not return'],
  ['a rate that was not sustained', { sustainable: sumUp(2, 4, [result({ refusedMs: [1] })]) }, 'was not sustained'],
  ['no rest', { restMs: undefined }, 'did not come to rest'],
  ['a violated invariant', { violations: ['money: lost'] }, 'money: lost'],
])('finds fault with %s', (_, change, words) => {
  expect(findFaults({ ...good, ...change }).join('\n')).toContain(words);
});

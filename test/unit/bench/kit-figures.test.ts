// The ratios of the kit's benchmark and their limits.
import { expect, it } from 'vitest';
import {
  type Figure,
  isAsWanted,
  measureInTurns,
  median,
  medianRatio,
  renderFigures,
} from '../../bench/kit/figures.ts';

const figure: Figure = { what: 'calls', ours: '20/s', peer: '10/s', ratio: 2 };

it.each([
  [[3], 3],
  [[9, 1, 5], 5],
  [[10, 2, 4, 100], 7],
])('the median of %j is %d', (values, middle) => {
  expect(median(values)).toBe(middle);
});

it('takes the median of the ratios of each round, not the ratio of the medians', () => {
  expect(medianRatio([10, 30, 100], [10, 10, 200])).toBe(1);
});

it('measures all in each round, and begins with another one each time', async () => {
  const turns: string[] = [];
  const measure = (name: string) => async () => turns.push(name);

  const values = await measureInTurns(3, { ours: measure('ours'), peer: measure('peer') });

  expect(turns).toEqual(['ours', 'peer', 'peer', 'ours', 'ours', 'peer']);
  expect(values).toEqual({ ours: [1, 4, 5], peer: [2, 3, 6] });
});

it.each<[number | undefined, Figure['wanted'], boolean]>([
  [2, { atLeast: 2 }, true],
  [1.99, { atLeast: 2 }, false],
  [1.99, { below: 2 }, true],
  [2, { below: 2 }, false],
  [Number.NaN, { atLeast: 2 }, false],
  [Number.NaN, { below: 2 }, false],
  [undefined, { below: 2 }, true],
  [2, undefined, true],
])('a ratio of %s is as wanted, %j: %s', (ratio, wanted, isWithin) => {
  expect(isAsWanted({ ...figure, ratio, ...(wanted === undefined ? {} : { wanted }) })).toBe(isWithin);
});

it('says which limit was not met', () => {
  const figures = [
    { ...figure, wanted: { atLeast: 3 } },
    { ...figure, what: 'time', wanted: { below: 3 } },
  ];

  expect(renderFigures(figures).split('\n').slice(1, 3)).toEqual([
    'calls  20/s     10/s      2.00x  at least 3x: NOT MET',
    'time   20/s     10/s      2.00x  below 3x',
  ]);
});

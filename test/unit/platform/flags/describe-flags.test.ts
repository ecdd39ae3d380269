import { expect, it } from 'vitest';
import { describeFlags } from '#services/platform/flags/describe-flags.ts';

const VARIANTS = { on: true, off: false };
const documentOf = (flag: object) =>
  JSON.stringify({ flags: { a_flag: { state: 'ENABLED', variants: VARIANTS, defaultVariant: 'off', ...flag } } });

it.each([
  [
    'a split',
    {
      targeting: {
        fractional: [
          ['on', 10],
          ['off', 90],
        ],
      },
    },
    10,
  ],
  [
    'a split whose parts are no percentages',
    {
      targeting: {
        fractional: [
          ['off', 3],
          ['on', 1],
        ],
      },
    },
    25,
  ],
  ['a split by another key', { targeting: { fractional: [{ var: 'email' }, ['on', 1], ['off', 1]] } }, 50],
  ['a split without weights', { targeting: { fractional: [['on'], ['off']] } }, 50],
  [
    'a split with a fraction',
    {
      targeting: {
        fractional: [
          ['on', 1],
          ['off', 999],
        ],
      },
    },
    0.1,
  ],
  ['no rule, off by default', {}, 0],
  ['no rule, on by default', { defaultVariant: 'on' }, 100],
  ['an empty rule', { targeting: {}, defaultVariant: 'on' }, 100],
  ['a disabled flag, whatever its rule', { state: 'DISABLED', targeting: { fractional: [['on', 1]] } }, 0],
  ['a rule for some', { targeting: { if: [{ '==': [{ var: 'x' }, 1] }, 'on', 'off'] } }, undefined],
  ['a split within a rule', { targeting: { fractional: [['on', { var: 'x' }]] } }, undefined],
  ['a split of nothing', { targeting: { fractional: [['on', 0]] } }, undefined],
  ['variants that are no truth values', { variants: { on: 'yes' }, defaultVariant: 'on' }, 0],
])('of %s, the percentage is known', (_, flag, percentage) => {
  expect(describeFlags(documentOf(flag))[0]?.percentage).toBe(percentage);
});

it('lists flags by name, with their rules', () => {
  const targeting = { fractional: [['on', 1]] };
  const flags = {
    b: { state: 'DISABLED', variants: VARIANTS },
    a: { state: 'ENABLED', variants: VARIANTS, targeting },
  };

  expect(describeFlags(JSON.stringify({ flags }))).toEqual([
    { name: 'a', enabled: true, percentage: 100, targeting: '{"fractional":[["on",1]]}' },
    { name: 'b', enabled: false, percentage: 0, targeting: '' },
  ]);
  expect(describeFlags('{}')).toEqual([]);
});

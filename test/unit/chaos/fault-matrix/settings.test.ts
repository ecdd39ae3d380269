import { expect, it } from 'vitest';
import { readMatrixSettings } from '../../../chaos/fault-matrix/settings.ts';

const read = (...given: string[]) => readMatrixSettings(given, () => 42);

it('reads the options, by default all cells with a random seed', () => {
  expect(read()).toEqual({ only: '', seed: 42, limitMs: 330_000, jsonFile: undefined, isListOnly: false });
  expect(read('--only', 'nats', '--seed', '7', '--seconds', '60', '--json', 'a.json')).toMatchObject({
    only: 'nats',
    seed: 7,
    limitMs: 60_000,
    jsonFile: 'a.json',
  });
  expect(read('--help')).toBeUndefined();
});

it.each([
  ['--seed', 'x'],
  ['--seconds', '5'],
])('refuses %s %s by its name', (option, value) => {
  expect(() => read(option, value)).toThrow(option);
});

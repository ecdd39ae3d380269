// The command line of the experiments, and the words of those there are.
import { describe, expect, it } from 'vitest';
import { EXPERIMENTS } from '../../../chaos/experiments/catalogue.ts';
import { readChaosSettings } from '../../../chaos/experiments/runner/settings.ts';

const KNOWN = ['nats-down', 'disk-full'];
const read = (...given: string[]) => readChaosSettings(given, KNOWN, () => 4711);

describe('the settings of the experiments', () => {
  it('are all experiments with a seed of chance, unless told otherwise', () => {
    expect(read()).toEqual({ experiments: undefined, seed: 4711, folder: '.data/chaos', lists: false });
    expect(read('disk-full', 'nats-down', 'disk-full', '--seed', '0', '--report', 'here')).toEqual({
      experiments: ['disk-full', 'nats-down'],
      seed: 0,
      folder: 'here',
      lists: false,
    });
    expect(read('--list')).toMatchObject({ lists: true });
    expect(read('--help')).toBeUndefined();
  });

  it.each([
    [['rain'], 'rain is no experiment; they are nats-down, disk-full'],
    [['--seed', '1.5'], '--seed: 1.5 is not a whole number from 0 to 4294967295'],
    [['--seed', '4294967296'], '--seed: 4294967296 is not a whole number'],
    [['--speed', '1'], "Unknown option '--speed'"],
  ])('are refused by name: %j', (given, words) => {
    expect(() => read(...given)).toThrow(words);
  });
});

describe('every experiment', () => {
  it('has a name of its own and says all that a reader needs', () => {
    const names = EXPERIMENTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, title, hypothesis, fault, blastRadius, measuredBy, abort } of EXPERIMENTS) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      for (const words of [title, hypothesis, fault, blastRadius, measuredBy, abort.when]) expect(words).not.toBe('');
      expect(abort.limitMs).toBeGreaterThanOrEqual(30_000);
    }
  });
});

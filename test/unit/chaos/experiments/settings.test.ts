// The command line of the experiments, and the texts of all experiments.
import { describe, expect, it } from 'vitest';
import { EXPERIMENTS } from '../../../chaos/experiments/catalogue.ts';
import { readChaosSettings } from '../../../chaos/experiments/runner/settings.ts';

const KNOWN = ['nats-down', 'disk-full'];
const read = (...given: string[]) => readChaosSettings(given, KNOWN, () => 4711);

describe('the settings of the experiments', () => {
  it('default to all experiments with a random seed', () => {
    expect(read()).toEqual({ experiments: undefined, seed: 4711, folder: '.data/chaos', list: false });
    expect(read('disk-full', 'nats-down', 'disk-full', '--seed', '0', '--report', 'here')).toEqual({
      experiments: ['disk-full', 'nats-down'],
      seed: 0,
      folder: 'here',
      list: false,
    });
    expect(read('--list')).toMatchObject({ list: true });
    expect(read('--help')).toBeUndefined();
  });

  it.each([
    [['rain'], 'rain is no experiment; the experiments are nats-down, disk-full'],
    [['--seed', '1.5'], '--seed: 1.5 is not an integer from 0 to 4294967295'],
    [['--seed', '4294967296'], '--seed: 4294967296 is not an integer'],
    [['--speed', '1'], "Unknown option '--speed'"],
  ])('are refused by name: %j', (given, words) => {
    expect(() => read(...given)).toThrow(words);
  });
});

describe('every experiment', () => {
  it('has a unique name and all texts of the report', () => {
    const names = EXPERIMENTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, title, hypothesis, fault, blastRadius, measuredBy, abort } of EXPERIMENTS) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      for (const words of [title, hypothesis, fault, blastRadius, measuredBy, abort.when]) expect(words).not.toBe('');
      expect(abort.limitMs).toBeGreaterThanOrEqual(30_000);
    }
  });
});

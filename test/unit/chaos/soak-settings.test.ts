// The soak's command line.
import { describe, expect, it } from 'vitest';
import { readSoakSettings } from '../../chaos/soak/settings.ts';

const read = (...given: string[]) => readSoakSettings(given, () => 4711);

describe('the settings of a soak', () => {
  it('default to ten minutes of kills with a random seed', () => {
    expect(read()).toEqual({ mode: 'kills', minutes: 10, seed: 4711, rate: 11, logFile: undefined });
  });

  it('default to two minutes in the other modes', () => {
    expect(read('--mode', 'nats-down')).toMatchObject({ mode: 'nats-down', minutes: 2 });
    expect(read('--mode', 'postgres-down')).toMatchObject({ mode: 'postgres-down', minutes: 2 });
  });

  it('are read from the command line', () => {
    const given = [
      '--mode',
      'postgres-down',
      '--minutes',
      '0.5',
      '--seed',
      '0',
      '--rate',
      '3',
      '--log',
      'processes.log',
    ];

    expect(read(...given)).toEqual({ mode: 'postgres-down', minutes: 0.5, seed: 0, rate: 3, logFile: 'processes.log' });
  });

  it.each([
    ['--mode', 'rain', '--mode: rain is none of kills, nats-down, postgres-down'],
    ['--minutes', '0', '--minutes: 0 is not a number from 0.5 to 240'],
    ['--minutes', 'ten', '--minutes: ten is not a number'],
    ['--seed', '1.5', '--seed: 1.5 is not an integer'],
    ['--seed', '4294967296', '--seed: 4294967296 is not a number from 0 to 4294967295'],
    ['--rate', '51', '--rate: 51 is not a number from 1 to 50'],
  ])('are refused by the name of the option: %s %s', (option, value, words) => {
    expect(() => read(option, value)).toThrow(words);
  });

  it('leave the broker time to be down for a minute', () => {
    expect(() => read('--mode', 'nats-down', '--minutes', '1')).toThrow('--minutes: 1 is not a number from 1.5');
  });

  it('are undefined for --help', () => {
    expect(read('--help')).toBeUndefined();
  });
});

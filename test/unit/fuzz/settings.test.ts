// The command line of `make fuzz`.
import { describe, expect, it } from 'vitest';
import { readFuzzSettings } from '../../fuzz/settings.ts';

describe('the command line of a fuzz run', () => {
  it('has bounds and a new seed by default, and prints its help', () => {
    expect(readFuzzSettings([])).toEqual({
      only: undefined,
      seed: expect.any(Number),
      calls: 3000,
      seconds: 60,
      events: 40,
    });
    expect(readFuzzSettings(['--help'])).toBeUndefined();
  });

  it.each([
    ['--calls', '99'],
    ['--seconds', '601'],
    ['--seed', '-1'],
    ['--events', '10001'],
  ])('refuses %s %s naming the option', (option, value) => {
    expect(() => readFuzzSettings([`${option}=${value}`])).toThrow(`${option}: must be a whole number from`);
  });
});

import { describe, expect, it } from 'vitest';
import { readMatrixSettings } from '../../../chaos/crash-matrix/settings.ts';

describe('the settings of the crash matrix', () => {
  it('select everything on three stacks by default', () => {
    expect(readMatrixSettings([], {})).toEqual({ service: undefined, only: undefined, stacks: 3, isListOnly: false });
  });

  it('come from the arguments, and from the environment what these leave out', () => {
    const environment = { SERVICE: 'payment', ONLY: 'commit', STACKS: '2' };

    expect(readMatrixSettings(['--service', 'order', '--list'], environment)).toEqual({
      service: 'order',
      only: 'commit',
      stacks: 2,
      isListOnly: true,
    });
  });

  it('are none for --help, which runs nothing', () => {
    expect(readMatrixSettings(['--help'], {})).toBeUndefined();
  });

  it.each([
    [['--service', 'shop'], '--service: shop is none of '],
    [['--stacks', '5'], '--stacks: 5 is not a whole number from 1 to 4'],
    [['--stacks', 'two'], '--stacks: two is not a whole number from 1 to 4'],
    [['--rows', '3'], "Unknown option '--rows'"],
    [['order'], "Unexpected argument 'order'"],
  ])('refuse %j with a message that names it', (args, words) => {
    expect(() => readMatrixSettings(args, {})).toThrow(words);
  });
});

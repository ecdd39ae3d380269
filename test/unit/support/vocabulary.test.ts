// The vocabulary check finds banned words wherever they stand, and leaves ordinary words alone.
import { describe, expect, it } from 'vitest';
import { findWords } from '../../support/vocabulary/find-words.ts';

const find = (text: string) => findWords('a.ts', text).map(({ line, found }) => `${line} ${found}`);

describe('a banned word is found', () => {
  it.each([
    ['in a comment', '// Waits for a neighbour.', '1 neighbour'],
    ['in a camel-case name', 'const areNeighboursWell = true;', '1 neighbours'],
    ['in a constant', 'const OWN_TIME_MS = 5;', '1 own time'],
    ['at the start of a sentence', '// Whoever comes first wins.', '1 whoever'],
    ['in an object of the verb', '// It gives stock back.', '1 gives stock back'],
    ['in a class name', 'class StandInServer {}', '1 stand in'],
  ])('%s', (_where, text, expected) => {
    expect(find(text)).toEqual([expected]);
  });

  it('in the name of a file, as line 0', () => {
    expect(findWords('test/support/order-desk.ts', '')).toMatchObject([{ line: 0, found: 'desk' }]);
  });

  it('on every line that has it', () => {
    expect(find('nobody\nfine\nanew')).toEqual(['1 nobody', '3 anew']);
  });
});

it.each(['the still image', 'a parking-free text about desktops', 'they stand in a row', 'until the end'])(
  'accepts ordinary words: %s',
  (text) => {
    expect(find(text.replace('parking-free ', ''))).toEqual([]);
  },
);

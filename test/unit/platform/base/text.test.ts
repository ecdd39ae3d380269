import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText, countCharacters, truncate } from '#services/platform/base/text.ts';

it.each([
  ['', 0],
  ['abc', 3],
  ['🎁🎁', 2],
  ['e\u0301', 2],
  ['\ud83d', 1],
])('counts the code points of %j', (text, count) => {
  expect(countCharacters(text)).toBe(count);
});

it.each([
  ['abcd', 4, 'abcd'],
  ['abcde', 4, 'abc…'],
  ['🎁🎁🎁', 3, '🎁🎁🎁'],
  ['🎁🎁🎁', 2, '🎁…'],
])('cuts %j to %d characters, never within one', (text, length, cut) => {
  expect(truncate(text, length)).toBe(cut);
});

describe('the text of another system', () => {
  it.each([
    ['bad\u0000card', 'bad\ufffdcard'],
    ['\u001b[31mred\u001b[0m', '\ufffd[31mred\ufffd[0m'],
    ['card\u202egnp', 'card\ufffdgnp'],
    ['half \ud83d pair', 'half \ufffd pair'],
    [' two\r\n lines\t', 'two lines'],
    ['Die Karte ist abgelaufen 🎁', 'Die Karte ist abgelaufen 🎁'],
    ['👩‍👩‍👧', '👩‍👩‍👧'],
  ])('is made fit to be stored and shown: %j', (text, clean) => {
    expect(cleanText(text, 100)).toBe(clean);
  });

  it('is bounded', () => {
    expect(countCharacters(cleanText('x'.repeat(200_000), 500))).toBe(500);
  });

  it('is then what Postgres takes as text and as JSON, whatever it was', () => {
    const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
    fc.assert(
      fc.property(anyText, (text) => {
        const clean = cleanText(text, 20);
        expect(clean.isWellFormed()).toBe(true);
        expect(clean).not.toMatch(/\p{Cc}/u);
        expect(countCharacters(clean)).toBeLessThanOrEqual(20);
        expect(cleanText(clean, 20)).toBe(clean);
      }),
    );
  });
});

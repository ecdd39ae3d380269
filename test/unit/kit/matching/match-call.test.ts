// What a program learns of a call that nothing answers: the code for the caller, and what nearly matched.
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { CallMatcher } from '../../../../packages/kit/matching/match-call.ts';
import { ONE_FIXED } from '../../../../packages/kit/matching/specificity.ts';
import { getBook } from '../contract/library-interactions.ts';

const matcher = new CallMatcher<string>({
  specificityOf: () => ONE_FIXED,
  titleOf: (name) => name,
  quotesTitles: true,
  missing: 'is not stubbed',
  unmatched: 'no stub matches',
  ambiguous: 'match',
});
const difference = { path: 'bookId', expected: '"b1"', actual: '"b2"' };

describe('a call that nothing answers', () => {
  it('has no nearest candidate where there is none, and is unimplemented', () => {
    expect(matcher.explainUnmatched(getBook, [], () => [])).toMatchObject({
      message: 'library.v1.LibraryService/GetBook is not stubbed',
      code: Code.Unimplemented,
      nearest: undefined,
    });
  });

  it('has the nearest candidate with its differences', () => {
    const differencesOf = { far: [difference, difference], near: [difference], farther: Array(3).fill(difference) };
    const error = matcher.explainUnmatched(
      getBook,
      Object.keys(differencesOf),
      (name) => differencesOf[name as keyof typeof differencesOf],
    );

    expect(error).toMatchObject({
      message: 'library.v1.LibraryService/GetBook: no stub matches; nearest is "near", but bookId is "b2", not "b1"',
      code: Code.Unimplemented,
      nearest: { description: 'near', differences: [difference] },
    });
  });

  it('is ambiguous where equally specific candidates accept it and none may settle it', () => {
    expect(matcher.choose(['a', 'b', 'c'], (name) => (name === 'b' ? [difference] : []))).toEqual({
      kind: 'ambiguous',
      candidates: ['a', 'c'],
    });
  });
});

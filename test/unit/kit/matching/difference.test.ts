// Differences are shown by path: in one line for an error of a client, in three for a report.
import { expect, it } from 'vitest';
import { formatDifferences, joinDifferences } from '../../../../packages/kit/matching/difference.ts';

const differences = [
  { path: 'book.copies', expected: '3', actual: '2' },
  { path: '', expected: 'a library.v1.Book', actual: 'nothing' },
];

it('differences in one line name path, value and what it is not', () => {
  expect(joinDifferences(differences)).toBe('book.copies is 2, not 3; the message is nothing, not a library.v1.Book');
});

it('differences in a report stand below each other', () => {
  expect(formatDifferences(differences)).toBe(
    [
      '  book.copies',
      '    expected 3',
      '    actual   2',
      '  (the message)',
      '    expected a library.v1.Book',
      '    actual   nothing',
    ].join('\n'),
  );
});

// A literal that its message type does not allow is an error at once, with the path of what is wrong.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { AuthorSchema, Genre } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { compilePattern } from '../../../../packages/kit/matching/compile-pattern.ts';
import { createExample } from '../../../../packages/kit/matching/example-message.ts';
import {
  absent,
  anything,
  eachLike,
  fromState,
  integerRange,
  like,
  packed,
  present,
  regex,
  unordered,
} from '../../../../packages/kit/matching/matchers.ts';
import { BookSchema, RefusalSchema } from './library-books.ts';

/** Returns what is wrong with a literal that the type checker may have passed. */
function faultOf(literal: object): string {
  try {
    compilePattern(BookSchema, literal);
    return 'nothing';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a name that does not exist', () => {
  it('is refused when it is a field, with the fields there are', () => {
    expect(faultOf({ titel: 'Emma' })).toMatch(
      /^titel: library\.v1\.Book has no field "titel"; it has bookId, title, /,
    );
  });

  it('is refused in a message, in an element, in a map, in a oneof and in a matcher', () => {
    const fault = 'library.v1.Author has no field "nam"; it has name, born';

    expect(faultOf({ authors: [{ name: 'Ada' }, { nam: 'Bea' }] })).toBe(`authors[1].nam: ${fault}`);
    expect(faultOf({ contributors: { editor: { nam: 'Ada' } } })).toBe(`contributors["editor"].nam: ${fault}`);
    expect(faultOf({ authors: eachLike({ nam: 'Ada' }) })).toBe(`authors[*].nam: ${fault}`);
    expect(faultOf({ authors: like([{ nam: 'Ada' }]) })).toBe(`authors[0].nam: ${fault}`);
    expect(faultOf({ place: { case: 'loan', value: { member: 'm1' } } })).toContain(
      'loan.member: library.v1.Loan has no field',
    );
    expect(faultOf({ attachment: packed(RefusalSchema, { cause: 'x' } as never) })).toContain(
      'attachment.cause: library.v1.Refusal has no field "cause"',
    );
  });

  it('is refused in a message with a meaning of its own', () => {
    expect(faultOf({ acquireTime: { second: 1n } })).toContain(
      'acquireTime.second: google.protobuf.Timestamp has no field',
    );
  });

  it('is refused when it is a field in proto spelling', () => {
    expect(faultOf({ book_id: 'b1' })).toContain('book_id: library.v1.Book has no field "book_id"');
  });

  it('is refused when it is a oneof case', () => {
    expect(faultOf({ place: { case: 'attic', value: 'x' } })).toBe(
      'place: library.v1.Book.place has no case "attic"; it has shelf, loan',
    );
    expect(faultOf({ shelf: 'A1' })).toContain('library.v1.Book has no field "shelf"');
    expect(faultOf({ place: { case: 'shelf' } })).toBe('place: the case "shelf" has no value');
  });

  it('is refused when it is an enum value', () => {
    const fault = 'library.v1.Genre has no value 9; it has GENRE_UNSPECIFIED = 0, GENRE_FICTION = 1, GENRE_SCIENCE = 2';

    expect(faultOf({ genre: 9 })).toBe(`genre: ${fault}`);
    expect(faultOf({ relatedGenres: [Genre.FICTION, 9] })).toBe(`relatedGenres[1]: ${fault}`);
    expect(faultOf({ genre: 'GENRE_FICTION' })).toContain(
      'genre: expected a value of library.v1.Genre, got "GENRE_FICTION"',
    );
  });
});

describe('a value of a wrong type', () => {
  it.each([
    { literal: { title: 5 }, fault: 'title: expected a value of field library.v1.Book.title, got 5' },
    { literal: { copies: 1.5 }, fault: 'copies: expected a value of field library.v1.Book.copies, got 1.5' },
    { literal: { copies: 2 ** 31 }, fault: 'copies: expected a value of' },
    { literal: { catalogueNumber: 'many' }, fault: 'catalogueNumber: expected a value of' },
    { literal: { cover: 'blue' }, fault: 'cover: expected a value of' },
    { literal: { keywords: 'x' }, fault: 'keywords: expected a list, got "x"' },
    { literal: { keywords: ['x', 5] }, fault: 'keywords[1]: expected a value of' },
    { literal: { copiesByBranch: { main: 'x' } }, fault: 'copiesByBranch["main"]: expected a value of' },
    { literal: { copiesByBranch: [1] }, fault: 'copiesByBranch: expected a map, got [1]' },
    { literal: { authors: ['Ada'] }, fault: 'authors[0]: expected a library.v1.Author, got "Ada"' },
    { literal: { acquireTime: '2024' }, fault: 'acquireTime: expected a google.protobuf.Timestamp, got "2024"' },
    { literal: { title: null }, fault: 'title: expected a value of field library.v1.Book.title, got null' },
    { literal: { publisher: 5 }, fault: 'publisher: expected a value of' },
    { literal: { place: 'shelf' }, fault: 'place: expected { case, value }, got "shelf"' },
    { literal: create(AuthorSchema), fault: 'expected a library.v1.Book, got a library.v1.Author' },
  ])('is refused: $fault', ({ literal, fault }) => {
    expect(faultOf(literal)).toContain(fault);
  });
});

describe('a matcher where it makes no sense', () => {
  it.each([
    { literal: { copies: regex(/1/, '1') }, fault: 'copies: regex() stands for a text' },
    { literal: { title: integerRange(1, 2) }, fault: 'title: expected a value of' },
    { literal: { title: eachLike('x') }, fault: 'title: eachLike() stands for a list' },
    { literal: { title: unordered(['x']) }, fault: 'title: unordered() stands for a list' },
    { literal: { keywords: [absent()] }, fault: 'keywords[0]: absent() stands for a field, not for a value in it' },
    { literal: { keywords: [anything()] }, fault: 'keywords[0]: anything() in a list or a map needs an example' },
    { literal: { keywords: regex(/x/, 'x') }, fault: 'keywords: regex stands for one value, not for a list or a map' },
    {
      literal: { authors: [fromState('who', 'Ada')] },
      fault: 'authors[0]: fromState() stands for a single value, not for a message',
    },
    { literal: { title: packed(RefusalSchema, {}) }, fault: 'title: packed() stands for a google.protobuf.Any' },
    {
      literal: { place: present({ case: 'shelf', value: 'A1' }) },
      fault: 'place: present stands for the value of a case, not for a oneof',
    },
    { literal: { place: regex(/x/, 'x') }, fault: 'place: regex stands for the value of a case, not for a oneof' },
  ])('is refused: $fault', ({ literal, fault }) => {
    expect(faultOf(literal)).toContain(fault);
  });
});

describe('a whole message as a literal', () => {
  it('speaks of the fields that are set in it', () => {
    const { fields } = compilePattern(BookSchema, create(BookSchema, { title: 'Emma', copies: 0, authors: [{}] }));

    expect(fields.map(({ field }) => field.name)).toEqual(['title', 'authors']);
  });
});

it('like() of an empty list or map has it as the example', () => {
  const pattern = compilePattern(BookSchema, { keywords: like([]), copiesByBranch: like({}) });

  expect(createExample(BookSchema, pattern)).toEqual(create(BookSchema));
});

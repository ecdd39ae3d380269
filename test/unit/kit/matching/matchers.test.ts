// What each matcher accepts, where it may stand, and the example that a mock provider sends in its place.
import { create } from '@bufbuild/protobuf';
import { anyPack, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { AuthorSchema, Genre } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { compilePattern } from '../../../../packages/kit/matching/compile-pattern.ts';
import { createExample } from '../../../../packages/kit/matching/example-message.ts';
import {
  absent,
  anyOf,
  anyTimestamp,
  anything,
  eachLike,
  integerRange,
  like,
  packed,
  present,
  regex,
  unordered,
} from '../../../../packages/kit/matching/matchers.ts';
import { type BookLiteral, BookSchema, differencesOf, RefusalSchema } from './library-books.ts';

describe('like', () => {
  it('accepts any value that is set', () => {
    const literal = { title: like('Emma'), copies: like(3), catalogueNumber: like(1n), genre: like(Genre.FICTION) };
    const other = { title: 'Ulysses', copies: 9, catalogueNumber: 7n, genre: Genre.SCIENCE };

    expect(differencesOf(literal, other)).toEqual([]);
    expect(differencesOf(literal, {})).toEqual([
      'title: a value like "Emma" / ""',
      'copies: a value like 3 / 0',
      'catalogueNumber: a value like 1 / 0',
      'genre: a value like GENRE_FICTION / GENRE_UNSPECIFIED',
    ]);
  });

  it('accepts the default when that is its example, and either boolean', () => {
    const defaults = {
      title: like(''),
      copies: like(0),
      catalogueNumber: like(0n),
      rating: like(0),
      genre: like(Genre.UNSPECIFIED),
      lendable: like(true),
      cover: like(new Uint8Array()),
    };

    expect(differencesOf(defaults, {})).toEqual([]);
    expect(differencesOf({ cover: like(Uint8Array.of(0)) }, {})).toEqual(['cover: a value like 0x00 / 0x']);
  });

  it('accepts what is set to its default where presence tells', () => {
    expect(differencesOf({ subtitle: like('x') }, { subtitle: '' })).toEqual([]);
    expect(differencesOf({ subtitle: like('x') }, {})).toEqual(['subtitle: a value like "x" / nothing']);
  });

  it('reaches into messages, lists and maps', () => {
    const literal = {
      authors: like([{ name: 'Ada' }]),
      copiesByBranch: like({ main: 1 }),
      contributors: like({ editor: { name: 'Ada' } }),
    };

    expect(
      differencesOf(literal, {
        authors: [{ name: 'Bea' }, { name: 'Eve' }],
        copiesByBranch: { west: 5 },
        contributors: { author: { name: 'Eve' } },
      }),
    ).toEqual([]);
    expect(differencesOf(literal, { authors: [{ name: 'Bea' }, {}] })).toEqual([
      'authors[1].name: a value like "Ada" / ""',
      'copiesByBranch: at least 1 entry / 0 elements',
      'contributors: at least 1 entry / 0 elements',
    ]);
  });
});

describe('regex', () => {
  it('accepts the texts in which it is found', () => {
    expect(differencesOf({ title: regex(/^E/, 'Emma') }, { title: 'Evelina' })).toEqual([]);
    expect(differencesOf({ title: regex(/^E/, 'Emma') }, { title: 'Ulysses' })).toEqual([
      'title: a text like /^E/ / "Ulysses"',
    ]);
  });

  it('must accept its own example, and keep no state', () => {
    expect(() => regex(/^E/, 'Ulysses')).toThrow('/^E/ does not accept its example "Ulysses"');
    expect(() => regex(/E/g, 'Emma')).toThrow('must not have the flags g or y');
  });
});

describe('anyOf', () => {
  it('accepts its values and no others', () => {
    const literal = { genre: anyOf(Genre.FICTION, Genre.SCIENCE), title: anyOf('Emma', 'Ulysses') };

    expect(differencesOf(literal, { genre: Genre.SCIENCE, title: 'Ulysses' })).toEqual([]);
    expect(differencesOf(literal, { title: 'Evelina' })).toEqual([
      'genre: one of GENRE_FICTION, GENRE_SCIENCE / GENRE_UNSPECIFIED',
      'title: one of "Emma", "Ulysses" / "Evelina"',
    ]);
  });
});

describe('integerRange', () => {
  it('accepts both of its ends and nothing outside, in 32 and in 64 bits', () => {
    const literal = { copies: integerRange(1, 3), catalogueNumber: integerRange(0n, 5n) };

    expect(differencesOf(literal, { copies: 3, catalogueNumber: 0n })).toEqual([]);
    expect(differencesOf(literal, { copies: 4, catalogueNumber: 6n })).toEqual([
      'copies: a whole number from 1 to 3 / 4',
      'catalogueNumber: a whole number from 0 to 5 / 6',
    ]);
    expect(differencesOf(literal, { copies: 0, catalogueNumber: 0n })).toHaveLength(1);
  });

  it('has an example within itself', () => {
    expect(() => integerRange(1, 3, 4)).toThrow('the example 4 is not from 1 to 3');
  });
});

describe('anyTimestamp', () => {
  it('accepts every time, as long as there is one', () => {
    const literal = { acquireTime: anyTimestamp() };

    expect(differencesOf(literal, { acquireTime: timestampFromDate(new Date(0)) })).toEqual([]);
    expect(differencesOf(literal, {})).toEqual(['acquireTime: a value like "2024-02-29T12:00:00Z" / nothing']);
  });
});

describe('eachLike', () => {
  it('accepts as many elements as its size allows, each like the example', () => {
    const literal = { authors: eachLike({ name: like('Ada') }, { atMost: 2 }) };

    expect(differencesOf(literal, { authors: [{ name: 'Bea' }, { name: 'Eve' }] })).toEqual([]);
    expect(differencesOf(literal, {})).toEqual(['authors: at least 1 element, at most 2 / 0 elements']);
    expect(differencesOf(literal, { authors: [{ name: 'a' }, {}, { name: 'c' }] })).toEqual([
      'authors: at least 1 element, at most 2 / 3 elements',
      'authors[1].name: a value like "Ada" / ""',
    ]);
  });

  it('holds plain elements to their very value', () => {
    expect(differencesOf({ keywords: eachLike('x') }, { keywords: ['x', 'y'] })).toEqual(['keywords[1]: "x" / "y"']);
  });

  it('accepts an empty list when atLeast is 0', () => {
    expect(differencesOf({ keywords: eachLike('x', { atLeast: 0 }) }, {})).toEqual([]);
  });
});

describe('unordered', () => {
  it('accepts its elements in whatever order', () => {
    const literal = { keywords: unordered(['x', 'y', 'x']) };

    expect(differencesOf(literal, { keywords: ['y', 'x', 'x'] })).toEqual([]);
    expect(differencesOf(literal, { keywords: ['y', 'x', 'y'] })).toEqual(['keywords[2]: "x" / "y"']);
  });

  it('pairs elements so that a generous one does not take the partner of a strict one', () => {
    const literal = { keywords: unordered([regex(/./, 'any'), 'x']) };

    expect(differencesOf(literal, { keywords: ['x', 'y'] })).toEqual([]);
  });

  it('shows the nearest element that is left', () => {
    const literal = { authors: unordered([{ name: 'Ada', born: 1815 }, { name: 'Bea' }]) };

    expect(differencesOf(literal, { authors: [{ name: 'Bea' }, { name: 'Ada', born: 1816 }] })).toEqual([
      'authors[1].born: 1815 / 1816',
    ]);
    expect(differencesOf(literal, { authors: [{ name: 'Bea' }] })).toEqual(['authors: 2 elements / 1 element']);
  });

  it('shows the nearest of several elements that are left, wherever it is', () => {
    const literal = {
      authors: unordered([
        { name: 'Ada', born: 1815 },
        { name: 'Bea', born: 1900 },
      ]),
    };
    const [near, far] = [
      { name: 'Ada', born: 1816 },
      { name: 'Eve', born: 1700 },
    ];

    expect(differencesOf(literal, { authors: [far, near] })).toEqual([
      'authors[1].born: 1815 / 1816',
      'authors[0].name: "Bea" / "Eve"',
      'authors[0].born: 1900 / 1700',
    ]);
    expect(differencesOf(literal, { authors: [near, far] })[0]).toBe('authors[0].born: 1815 / 1816');
  });

  it('shows a difference once that several of its elements have', () => {
    expect(differencesOf({ keywords: unordered(['x', 'x']) }, { keywords: ['y', 'z'] })).toEqual([
      'keywords[0]: "x" / "y"',
    ]);
  });

  it('shows no element that has a partner, however near it is', () => {
    const literal = {
      authors: unordered([
        { name: 'Ada', born: 1815 },
        { name: 'Ada', born: 1816 },
      ]),
    };

    expect(
      differencesOf(literal, {
        authors: [
          { name: 'Ada', born: 1816 },
          { name: 'Eve', born: 1700 },
        ],
      }),
    ).toEqual(['authors[1].name: "Ada" / "Eve"', 'authors[1].born: 1815 / 1700']);
  });
});

describe('anything', () => {
  it('accepts every value and none', () => {
    expect(differencesOf({ title: anything(), authors: anything() }, {}, { isClosed: true })).toEqual([]);
    expect(
      differencesOf({ title: anything(), authors: anything() }, { title: 'x', authors: [{}] }, { isClosed: true }),
    ).toEqual([]);
  });
});

describe('present and absent', () => {
  it('tell whether a field is set, whatever it is set to', () => {
    const literal = {
      acquireTime: present({ seconds: 0n }),
      title: present('x'),
      subtitle: absent(),
      authors: absent(),
    };

    expect(differencesOf(literal, { acquireTime: { seconds: 9n }, title: 'y' })).toEqual([]);
    expect(differencesOf(literal, { subtitle: '', authors: [{}] })).toEqual([
      'acquireTime: a value / nothing',
      'title: a value / nothing',
      'subtitle: nothing / ""',
      'authors: nothing / 1 element',
    ]);
  });
});

describe('a matcher of a oneof', () => {
  const shelf = { place: { case: 'shelf' as const, value: 'A1' } };
  const loan = { place: { case: 'loan' as const, value: { memberId: 'm1' } } };

  it('accepts every case, and none, as anything()', () => {
    for (const place of [shelf, loan, {}]) {
      expect(differencesOf({ place: anything() }, place, { isClosed: true })).toEqual([]);
      expect(differencesOf({ place: anything(loan.place) }, place, { isClosed: true })).toEqual([]);
    }
    const pattern = compilePattern(BookSchema, { place: anything(shelf.place) });
    expect(createExample(BookSchema, pattern)).toMatchObject(shelf);
  });

  it('accepts any value of its case as like()', () => {
    const literal = { place: like(shelf.place) };

    expect(differencesOf(literal, { place: { case: 'shelf', value: 'B2' } })).toEqual([]);
    expect(differencesOf(literal, loan)).toEqual(['place: the case shelf / the case loan']);
    expect(differencesOf(literal, {})).toEqual(['place: the case shelf / nothing']);
    expect(differencesOf({ place: like(loan.place) }, { place: { case: 'loan', value: {} } })).toEqual([
      'loan.memberId: a value like "m1" / ""',
    ]);
  });

  it('accepts no case as absent()', () => {
    expect(differencesOf({ place: absent() }, {})).toEqual([]);
    expect(differencesOf({ place: absent() }, shelf)).toEqual(['shelf: nothing / "A1"']);
    expect(differencesOf({ place: absent() }, loan)).toEqual(['loan: nothing / {"memberId":"m1"}']);
  });
});

describe('packed', () => {
  it('looks into what is packed', () => {
    const literal = { attachment: packed(RefusalSchema, { reason: regex(/^[A-Z_]+$/, 'ALL_LENT') }) };
    const refusal = (reason: string) => ({ attachment: anyPack(RefusalSchema, create(RefusalSchema, { reason })) });

    expect(differencesOf(literal, refusal('LOST'))).toEqual([]);
    expect(differencesOf(literal, refusal('lost'))).toEqual(['attachment.reason: a text like /^[A-Z_]+$/ / "lost"']);
  });

  it('tells another type, and bytes that are none', () => {
    const literal = { attachment: packed(RefusalSchema, { reason: 'LOST' }) };
    const author = anyPack(AuthorSchema, create(AuthorSchema));

    expect(differencesOf(literal, { attachment: author })).toEqual([
      'attachment: a packed library.v1.Refusal / a packed type.googleapis.com/library.v1.Author',
    ]);
    expect(
      differencesOf(literal, { attachment: { typeUrl: 'x/library.v1.Refusal', value: Uint8Array.of(255) } }),
    ).toEqual(['attachment: a packed library.v1.Refusal / bytes that are none']);
  });
});

describe('an example', () => {
  it('is accepted by the literal it was made from', () => {
    const literal: BookLiteral = {
      bookId: regex(/^b/, 'b1'),
      title: like('Emma'),
      genre: anyOf(Genre.SCIENCE, Genre.FICTION),
      copies: integerRange(2, 5, 3),
      subtitle: absent(),
      authors: eachLike({ name: like('Ada') }, { atLeast: 2 }),
      keywords: unordered(['x', anything('y')]),
      copiesByBranch: { main: like(1) },
      contributors: like({ editor: { name: 'Ada' } }),
      place: { case: 'loan', value: { memberId: present('m1'), dueTime: anyTimestamp() } },
      publisher: like('Faber'),
      attachment: packed(RefusalSchema, { reason: like('LOST') }),
      remarks: { a: 1 },
    };
    const example = createExample(BookSchema, compilePattern(BookSchema, literal)) as never;

    expect(differencesOf(literal, example, { isClosed: true })).toEqual([]);
    expect(example).toMatchObject({
      genre: Genre.SCIENCE,
      copies: 3,
      authors: [{ name: 'Ada' }, { name: 'Ada' }],
      keywords: ['x', 'y'],
      publisher: 'Faber',
    });
  });
});

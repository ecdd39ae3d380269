// A recording message behaves like any other message, and records what is read: fields, enum values, or the whole message.
import { inspect } from 'node:util';
import {
  clone,
  create,
  createRegistry,
  equals,
  isFieldSet,
  isMessage,
  toBinary,
  toJson,
  toJsonString,
} from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { anyIs, anyPack, anyUnpack, timestampDate } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import {
  type Book,
  BookSchema,
  Genre,
  LoanSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import { recordMessage } from '../../../../packages/kit/usage/recording-message.ts';
import { emma, recordEmma, usedBy } from './library-usage.ts';

type Read = (book: Book) => unknown;

const read = (take: Read) => usedBy((record) => take(recordEmma(record)));

describe('the recorded reads of a message', () => {
  it.each<[string, Read, object]>([
    ['a text', (book) => book.title, { reads: ['Book.title'] }],
    ['a 64-bit number', (book) => book.catalogueNumber + 1n, { reads: ['Book.catalogue_number'] }],
    ['bytes', (book) => book.cover.length, { reads: ['Book.cover'] }],
    ['fields that are taken apart', ({ title, copies }) => [title, copies], { reads: ['Book.copies', 'Book.title'] }],
    ['a field that is not set', (book) => book.lendable, { reads: ['Book.lendable'] }],
    ['whether a field is set', (book) => isFieldSet(book, BookSchema.field.weight), { reads: ['Book.weight'] }],
    ['whether a property is there', (book) => 'subtitle' in book, { reads: ['Book.subtitle'] }],
    ['whether a property is its own', (book) => Object.hasOwn(book, 'subtitle'), { reads: ['Book.subtitle'] }],
    ['a list of texts', (book) => book.keywords.join(), { reads: ['Book.keywords'] }],
    ['how long a list is', (book) => book.authors.length, { reads: ['Book.authors'], types: ['Author'] }],
    [
      'a field of what is in a list',
      (book) => book.authors.map(({ name }) => name),
      { reads: ['Author.name', 'Book.authors'] },
    ],
    ['a map of numbers', (book) => book.copiesByBranch.north, { reads: ['Book.copies_by_branch'] }],
    [
      'a field of what is in a map',
      (book) => Object.values(book.contributors).map(({ born }) => born),
      { reads: ['Author.born', 'Book.contributors'] },
    ],
    ['the case of a oneof', (book) => book.place.case, { reads: ['Book.loan', 'Book.place'], types: ['Loan'] }],
    [
      'a field of the message in a oneof',
      ({ place }) => place.case === 'loan' && place.value.memberId,
      { reads: ['Book.loan', 'Book.place', 'Loan.member_id'] },
    ],
    ['an enum', (book) => book.genre, { reads: ['Book.genre'], values: ['Genre.GENRE_FICTION'] }],
    [
      'a list of enums',
      (book) => book.relatedGenres.includes(Genre.FICTION),
      { reads: ['Book.related_genres'], values: ['Genre.GENRE_FICTION', 'Genre.GENRE_SCIENCE'] },
    ],
    ['a time', (book) => book.acquireTime && timestampDate(book.acquireTime), { reads: ['Book.acquire_time'] }],
    ['a wrapped text', (book) => book.publisher?.length, { reads: ['Book.publisher'] }],
    ['a struct', (book) => book.remarks?.damp, { reads: ['Book.remarks'] }],
    ['what type an Any is of', (book) => anyIs(book.attachment as never, LoanSchema), { reads: ['Book.attachment'] }],
    [
      'what is in an Any: whatever is read of it',
      (book) => anyUnpack(book.attachment as never, LoanSchema)?.memberId,
      { reads: ['Book.attachment'], whole: ['Loan'] },
    ],
  ])('is taken down: %s', (_, take, expected) => {
    expect(read(take)).toEqual(expected);
  });

  it.each<[string, Read]>([
    ['toBinary', (book) => toBinary(BookSchema, book)],
    ['toJson', (book) => toJson(BookSchema, book, { registry: createRegistry(LoanSchema) })],
    ['toJsonString', (book) => toJsonString(BookSchema, book, { registry: createRegistry(LoanSchema) })],
    ['clone', (book) => clone(BookSchema, book)],
    ['equals, different in the first field', (book) => equals(BookSchema, book, create(BookSchema, { bookId: 'b9' }))],
    ['equals, as the other', (book) => equals(BookSchema, create(BookSchema, { bookId: 'b9' }), book)],
    ['reflect', (book) => reflect(BookSchema, book).get(BookSchema.field.title)],
    ['a spread', (book) => ({ ...book })],
    ['the rest of some fields', ({ title: _title, ...rest }) => rest],
    ['Object.keys', (book) => Object.keys(book)],
    ['JSON.stringify', (book) => JSON.stringify(book, (_, value) => (typeof value === 'bigint' ? `${value}` : value))],
  ])('is all of it, and no field by itself, by %s', (_, take) => {
    const { whole = [], reads = [] } = read(take);

    expect(whole).toContain('Book');
    expect(reads.filter((name) => name.startsWith('Book.'))).toEqual([]);
  });

  it.each<[string, Read]>([
    ['isMessage', (book) => isMessage(book, BookSchema)],
    ['create', (book) => create(BookSchema, book)],
    ['await', (book) => Promise.resolve(book)],
    ['a log that shows it', (book) => inspect(book, { depth: 9 })],
    ['a property that messages have not', (book) => (book as unknown as { isbn?: string }).isbn],
  ])('is nothing by %s', (_, take) => {
    expect(read(take)).toEqual({ types: ['Book'] });
  });

  it('have only the read fields of a nested message, although the enclosing message is read as a whole', () => {
    const used = read((book) => ({ ...book }).authors[0]?.name);

    expect(used).toMatchObject({ whole: ['Book'], reads: ['Author.name'] });
  });

  it('have the whole content of an Any, including nested messages and every enum value', () => {
    const attachment = anyPack(BookSchema, create(BookSchema));
    const used = usedBy((record) => {
      const recording = { record, registry: createTypeRegistry([BookSchema]) };
      return recordMessage(BookSchema, create(BookSchema, { attachment }), recording).attachment?.value;
    });

    expect(used).toMatchObject({
      whole: ['Author', 'Book', 'Loan'],
      values: ['Genre.GENRE_FICTION', 'Genre.GENRE_SCIENCE', 'Genre.GENRE_UNSPECIFIED'],
    });
  });

  it('have only the name of unknown content of an Any', () => {
    const used = usedBy((record) => recordEmma(record, createRegistry()).attachment?.value);

    expect(used.whole).toEqual(['Loan']);
  });
});

it('recorded reads have no type of protobuf itself, but those of other packages of Google', () => {
  for (const name of ['google.protobuf.Value', '']) expect(usedBy((record) => record.bytes(name))).toEqual({});
  for (const name of ['google.rpc.Status', 'google.protobuf2.Value', 'my.google.protobuf.Value']) {
    expect(usedBy((record) => record.bytes(name))).toEqual({ whole: [name] });
  }
});

describe('a recording message', () => {
  it('has the values of the original message', () => {
    usedBy((record) => {
      const book = recordEmma(record);

      expect(toBinary(BookSchema, book)).toEqual(toBinary(BookSchema, emma()));
      expect(equals(BookSchema, clone(BookSchema, book), emma())).toBe(true);
      expect(toJson(BookSchema, book, { registry: createRegistry(LoanSchema) })).toMatchObject({ title: 'Emma' });
    });
  });

  it('can be changed, and returns the same nested message each time', () => {
    usedBy((record) => {
      const book = recordEmma(record);
      book.title = 'Persuasion';
      book.keywords.push('navy');
      delete book.subtitle;

      expect([book.title, book.keywords, book.subtitle]).toEqual([
        'Persuasion',
        ['match', 'making', 'navy'],
        undefined,
      ]);
      expect(book.authors[0]).toBe(book.authors[0]);
      expect(book.place).toBe(book.place);
    });
  });
});

import { create, toJson } from '@bufbuild/protobuf';
import { anyPack, StringValueSchema, timestampDate, ValueSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import {
  type Book,
  BookSchema,
  Genre,
  LibraryService,
  LoanSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { compileLiteral } from '../../../../packages/kit/matching/compile-literal.ts';
import {
  anyOf,
  anything,
  eachLike,
  fromState,
  like,
  packed,
  present,
  regex,
  unordered,
} from '../../../../packages/kit/matching/matchers.ts';
import { isIterable, readLiteral, toMessage } from '../../../../packages/kit/matching/read-literal.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import { ValuesSchema, registry as valuesRegistry } from './every-type.ts';
import { AliasSchema, OddSchema, registry as oddRegistry } from './odd-fields.ts';

const registry = createTypeRegistry([LibraryService]);
const read = (literal: object) => toMessage(BookSchema, literal, registry) as Book;

describe('a message literal', () => {
  it.each([
    {
      what: 'names of JSON and of the schema',
      json: { bookId: 'b1', catalogue_number: 5n },
      init: { bookId: 'b1', catalogueNumber: 5n },
    },
    {
      what: 'enum values',
      json: { genre: 'GENRE_FICTION', relatedGenres: ['GENRE_SCIENCE', 1] },
      init: { genre: Genre.FICTION, relatedGenres: [Genre.SCIENCE, Genre.FICTION] },
    },
    {
      what: 'numbers of 64 bits',
      json: { catalogueNumber: '9007199254740993' },
      init: { catalogueNumber: 9007199254740993n },
    },
    { what: 'bytes', json: { cover: 'AQI=' }, init: { cover: Uint8Array.of(1, 2) } },
    { what: 'a field of a oneof', json: { shelf: 'A1' }, init: { place: { case: 'shelf', value: 'A1' } } },
    {
      what: 'a message in a oneof',
      json: { loan: { member_id: 'm1' } },
      init: { place: { case: 'loan', value: { memberId: 'm1' } } },
    },
    {
      what: 'messages in lists and maps',
      json: { authors: [{ name: 'Ada' }], contributors: { editor: { name: 'Bob' } } },
      init: { authors: [{ name: 'Ada' }], contributors: { editor: { name: 'Bob' } } },
    },
    { what: 'a wrapped value', json: { publisher: 'Egmont' }, init: { publisher: 'Egmont' } },
    { what: 'an object of any shape', json: { remarks: { a: [1] } }, init: { remarks: { a: [1] } } },
    { what: 'nothing for null', json: { title: null, place: null, acquireTime: null, authors: null }, init: {} },
    { what: 'nothing for undefined', json: { acquireTime: undefined, place: undefined }, init: {} },
    { what: 'numbers that JSON cannot hold', json: { rating: Number.NaN }, init: { rating: Number.NaN } },
    { what: 'whole numbers for doubles', json: { rating: 5n, weight: 6n }, init: { rating: 5, weight: 6 } },
    { what: 'a duration as a message', json: { loanPeriod: { seconds: 90n } }, init: { loanPeriod: { seconds: 90n } } },
  ])('may be JSON for $what', ({ json, init }) => {
    expect(read(json)).toEqual(create(BookSchema, init as object));
    expect(read(init)).toEqual(create(BookSchema, init as object));
  });

  it.each<{ what: string; json: object }>([
    { what: 'null, where that is a value', json: { value: null, values: [null, 1] } },
    { what: 'null as a value of an enum', json: { unowned: null } },
    { what: 'an object as a value of any shape', json: { value: { a: [1] }, values: [{ b: null }] } },
    { what: 'a list as a value of any shape', json: { value: ['a', 1] } },
    { what: 'wrapped values in a list', json: { names: ['', 'x'] } },
    { what: 'wrapped values in a map', json: { numbers: { a: '9007199254740993', '': '0' } } },
    { what: 'a wrapped value in a oneof', json: { title: '' } },
    { what: 'fields named as what every object has', json: { constructor: 'a', toString: 'b' } },
  ])('is the message that protobuf reads from the same JSON: $what', ({ json }) => {
    const message = toMessage(OddSchema, json, oddRegistry);

    expect(toJson(OddSchema, message, { registry: oddRegistry })).toEqual(json);
  });

  it('may have times, durations and packed messages in the form of proto3 JSON', () => {
    const book = read({
      acquireTime: '2026-01-02T03:04:05Z',
      loanPeriod: '90s',
      attachment: { '@type': 'type.googleapis.com/library.v1.Loan', memberId: 'm1' },
    });

    expect(book.acquireTime && timestampDate(book.acquireTime).toISOString()).toBe('2026-01-02T03:04:05.000Z');
    expect(book.loanPeriod?.seconds).toBe(90n);
    expect(book.attachment?.typeUrl).toBe('type.googleapis.com/library.v1.Loan');
  });

  it('may be a message, as a whole or in part, and keeps its matchers', () => {
    const loan = create(LoanSchema, { memberId: 'm1' });
    const matcher = regex(/^b/, 'b');

    expect(read(create(BookSchema, { title: 'Emma' })).title).toBe('Emma');
    expect(read({ place: { case: 'loan', value: loan } }).place.value).toBe(loan);
    expect(readLiteral(BookSchema, { book_id: matcher }, registry)).toEqual({ bookId: matcher });
  });

  it('may have messages of protobuf in the place of JSON', () => {
    const attachment = anyPack(LoanSchema, create(LoanSchema, { memberId: 'm1' }));
    const names = [create(StringValueSchema, { value: 'x' })];
    const value = create(ValueSchema, { kind: { case: 'stringValue', value: 'x' } });
    const odd = toMessage(OddSchema, { names, value, values: null }, oddRegistry);

    expect(read({ attachment }).attachment).toEqual(attachment);
    expect(toJson(OddSchema, odd, { registry: oddRegistry })).toEqual({ names: ['x'], value: 'x' });
  });

  it.each(['full_name', 'fullName', 'called'])('may call a field of a oneof %s', (name) => {
    const message = toMessage(AliasSchema, { [name]: 'Ada' }, oddRegistry);

    expect(toJson(AliasSchema, message)).toEqual({ called: 'Ada' });
  });

  it('may have wrapped bytes in a list, as text and as bytes', () => {
    const message = toMessage(AliasSchema, { seals: ['AQI=', Uint8Array.of(3)] }, oddRegistry);

    expect(toJson(AliasSchema, message)).toEqual({ seals: ['AQI=', 'Aw=='] });
  });

  it('has numbers and bytes in wrappers as protobuf has them', () => {
    const json = { wrappedINT64: '9007199254740993', wrappedBYTES: 'AQI=', wrappedDOUBLE: 'NaN' };

    expect(readLiteral(ValuesSchema, json, valuesRegistry)).toEqual({
      wrappedINT64: 9_007_199_254_740_993n,
      wrappedBYTES: Uint8Array.of(1, 2),
      wrappedDOUBLE: Number.NaN,
    });
  });

  it.each([
    { literal: { boko: 1 }, fault: 'boko: library.v1.Book has no field "boko"; it has' },
    { literal: { boko: null }, fault: 'boko: library.v1.Book has no field "boko"; it has' },
    {
      literal: { contributors: { a: { nome: 'x' } } },
      fault: 'contributors["a"].nome: library.v1.Author has no field',
    },
    { literal: { authors: [like({ nome: 'x' })] }, fault: 'authors[0].nome: library.v1.Author has no field' },
    { literal: { weight: 'heavy' }, fault: 'weight: "heavy" is no value of field library.v1.Book.weight' },
    { literal: { authors: [{}, { nome: 'x' }] }, fault: 'authors[1].nome: library.v1.Author has no field "nome"' },
    { literal: { genre: 'GENRE_POETRY' }, fault: 'genre: "GENRE_POETRY" is no value of' },
    { literal: { shelf: 'A', loan: {} }, fault: 'loan: library.v1.Book has "place" already' },
    { literal: { acquireTime: 'yesterday' }, fault: 'acquireTime: "yesterday" is no value of' },
    { literal: create(LoanSchema), fault: 'expected a library.v1.Book, got a library.v1.Loan' },
  ])('is refused with its path: $fault', ({ literal, fault }) => {
    expect(() => read(literal)).toThrow(fault);
  });
});

describe('a matcher in a literal', () => {
  const fiction = 'GENRE_FICTION' as never;

  it.each<[string, object, object]>([
    ['like()', { genre: like(fiction) }, { genre: like(1) }],
    ['present()', { genre: present(fiction) }, { genre: present(1) }],
    ['anything()', { genre: anything(fiction) }, { genre: anything(1) }],
    ['fromState()', { genre: fromState('g', fiction) }, { genre: fromState('g', 1) }],
    ['anyOf()', { genre: anyOf(fiction, 2) }, { genre: anyOf(1, 2) }],
    ['unordered()', { related_genres: unordered([fiction, 2]) }, { relatedGenres: unordered([1, 2]) }],
    ['eachLike()', { relatedGenres: eachLike(fiction, { atMost: 3 }) }, { relatedGenres: eachLike(1, { atMost: 3 }) }],
    ['packed()', { attachment: packed(LoanSchema, { member_id: 'm1' } as never) }, packedLoan()],
    ['like() of a list', { relatedGenres: like([fiction]) }, { relatedGenres: like([1]) }],
    ['like() in a list', { relatedGenres: [like(fiction), 2] }, { relatedGenres: [like(1), 2] }],
    [
      'like() in a map',
      { contributors: { a: like({ born: like(5) }) } },
      { contributors: { a: like({ born: like(5) }) } },
    ],
    [
      'like() of a field of a oneof',
      { loan: like({ member_id: 'm1' }) },
      { place: loanCase(like({ memberId: 'm1' })) },
    ],
    ['like() of a case', { place: loanCase(like({ member_id: 'm1' })) }, { place: loanCase(like({ memberId: 'm1' })) }],
    [
      'like() of a oneof',
      { place: like(loanCase({ member_id: 'm1' })) },
      { place: like(loanCase({ memberId: 'm1' })) },
    ],
    ['a message in a case', { place: loanCase({ member_id: 'm1' }) }, { place: loanCase({ memberId: 'm1' }) }],
    ['anything() without an example', { acquire_time: anything() }, { acquireTime: anything() }],
    ['anything() for a oneof', { place: anything() }, { place: anything() }],
  ])('has its values as protobuf has them: %s', (_, literal, read) => {
    expect(readLiteral(BookSchema, literal, registry)).toEqual(read);
  });

  it('has the types of an Any in its examples', () => {
    const attachment = { '@type': 'type.googleapis.com/library.v1.Loan', memberId: 'm1' };
    const { fields } = compileLiteral(BookSchema, { attachment: like(attachment) }, registry);

    expect(fields).toMatchObject([
      { pattern: { kind: 'like', example: { typeUrl: 'type.googleapis.com/library.v1.Loan' } } },
    ]);
  });

  function loanCase(value: unknown) {
    return { case: 'loan', value };
  }

  function packedLoan() {
    return { attachment: packed(LoanSchema, { memberId: 'm1' }) };
  }
});

describe('a literal that is compiled', () => {
  it('speaks of nothing that is null or undefined', () => {
    const literal = { title: null, genre: null, place: null, acquireTime: null, copies: undefined };

    expect(compileLiteral(BookSchema, literal, registry).fields).toEqual([]);
  });

  it.each<[object, string]>([
    ['Emma' as never, 'expected a library.v1.Book, got "Emma"'],
    [{ genre: like(null) }, 'genre: expected a value of library.v1.Genre, got null'],
    [{ relatedGenres: [null] }, 'relatedGenres[0]: expected a value of library.v1.Genre, got null'],
    [{ copies: 1.5 }, 'copies: expected a value of field library.v1.Book.copies, got 1.5'],
    [
      { catalogueNumber: 2n ** 64n },
      'catalogueNumber: expected a value of field library.v1.Book.catalogue_number, got "18446744073709551616"',
    ],
    [{ attachment: 'x' }, 'attachment: expected a google.protobuf.Any, got "x"'],
    [{ place: { case: 'attic', value: 'x' } }, 'place: library.v1.Book.place has no case "attic"; it has shelf, loan'],
  ])('is refused with its path: %o', (literal, fault) => {
    expect(() => compileLiteral(BookSchema, literal, registry)).toThrow(new TypeError(fault));
  });

  it.each<[object, string]>([
    [{ names: [null] }, 'names[0]: expected a value of field odd.v1.Odd.names, got null'],
    [{ names: ['x', undefined] }, 'names[1]: expected a value of field odd.v1.Odd.names, got nothing'],
    [{ owner: { case: 'title', value: undefined } }, 'owner: the case "title" has no value'],
    [{ owner: { case: 'unowned', value: undefined } }, 'owner: the case "unowned" has no value'],
  ])('is refused where a value is missing: %o', (literal, fault) => {
    expect(() => compileLiteral(OddSchema, literal, oddRegistry)).toThrow(new TypeError(fault));
  });
});

it('several literals are told from one', () => {
  async function* later() {
    yield {};
  }

  expect([[{}], new Set([{}]), later()].map(isIterable)).toEqual([true, true, true]);
  expect([{}, 'text', null, undefined, 5].map(isIterable)).toEqual(Array(5).fill(false));
});

import { create, toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import {
  type Book,
  BookSchema,
  Genre,
  LibraryService,
  LoanSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { regex } from '../../../../packages/kit/matching/matchers.ts';
import { readLiteral, toMessage } from '../../../../packages/kit/matching/read-literal.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import { OddSchema, registry as oddRegistry } from './odd-fields.ts';

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
    { what: 'nothing for null', json: { title: null }, init: {} },
  ])('may be JSON for $what', ({ json, init }) => {
    expect(read(json)).toEqual(create(BookSchema, init as object));
    expect(read(init)).toEqual(create(BookSchema, init as object));
  });

  it.each<{ what: string; json: object }>([
    { what: 'null, where that is a value', json: { value: null, values: [null, 1] } },
    { what: 'null as a value of an enum', json: { unowned: null } },
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

  it.each([
    { literal: { boko: 1 }, fault: 'boko: library.v1.Book has no field "boko"; it has' },
    { literal: { authors: [{}, { nome: 'x' }] }, fault: 'authors[1].nome: library.v1.Author has no field "nome"' },
    { literal: { genre: 'GENRE_POETRY' }, fault: 'genre: "GENRE_POETRY" is no value of' },
    { literal: { shelf: 'A', loan: {} }, fault: 'loan: library.v1.Book has "place" already' },
    { literal: { acquireTime: 'yesterday' }, fault: 'acquireTime: "yesterday" is no value of' },
    { literal: create(LoanSchema), fault: 'expected a library.v1.Book, got a library.v1.Loan' },
  ])('is refused with its path: $fault', ({ literal, fault }) => {
    expect(() => read(literal)).toThrow(fault);
  });
});

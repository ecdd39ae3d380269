// Numbers of 64 bits in JSON, which JSON.parse would round: in stubs, in literals, and in requests.
import { fromJsonString } from '@bufbuild/protobuf';
import { type Any, anyUnpack } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import {
  BookLentSchema,
  GetBookResponseSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { assertExact, parseExactly, quoteLongNumbers } from '../../../../packages/kit/matching/exact-json.ts';
import { readLiteral } from '../../../../packages/kit/matching/read-literal.ts';
import { BookSchema, registry } from './library-books.ts';

const LARGE = 9_007_199_254_740_993n;

describe('JSON that is parsed exactly', () => {
  it.each([
    ['9007199254740993', LARGE],
    ['-9007199254740993', -LARGE],
    ['9007199254740993.0', LARGE],
    ['9007199254740992', 9_007_199_254_740_992],
    ['1e21', 1e21],
    ['0.1', 0.1],
    ['"9007199254740993"', '9007199254740993'],
  ])('has %s with all its digits', (text, value) => {
    expect(parseExactly(`{"a": [${text}]}`)).toEqual({ a: [value] });
  });
});

describe('JSON that was parsed already', () => {
  it.each([
    { catalogueNumber: '9007199254740993', copies: 3, weight: 1e20, remarks: { a: 1e20 } },
    { catalogueNumber: 9_007_199_254_740_991 },
  ])('may have numbers that are exact: %j', (message) => {
    expect(() => assertExact(BookSchema, message, registry)).not.toThrow();
  });

  it('has the path of a number that may have lost digits', () => {
    const message = { book: { title: 'Emma', catalogueNumber: 9_007_199_254_740_992 } };

    expect(() => assertExact(GetBookResponseSchema, message, registry)).toThrow(
      'book.catalogueNumber: 9007199254740992 is rounded as a number: write it as a text',
    );
  });
});

describe('the JSON of a request', () => {
  const read = (text: string) =>
    fromJsonString(BookSchema, quoteLongNumbers(BookSchema, text, registry), { registry }) as unknown as Record<
      string,
      unknown
    >;

  it.each([
    ['{"catalogueNumber": 9007199254740993}', { catalogueNumber: LARGE }],
    ['{"catalogue_number": -9007199254740993}', { catalogueNumber: -LARGE }],
    ['{"catalogueNumber": "9007199254740993"}', { catalogueNumber: LARGE }],
    ['{"weight": 12345678901234567890}', { weight: 12_345_678_901_234_567_000 }],
    ['{"remarks": {"a": 12345678901234567890}}', { remarks: { a: 12_345_678_901_234_567_000 } }],
    ['{"title": "12345678901234567890", "catalogueNumber": 1.0}', { catalogueNumber: 1n }],
  ])('keeps every digit: %s', (text, fields) => {
    expect(read(text)).toMatchObject(fields);
  });

  it('keeps every digit in a google.protobuf.Any', () => {
    const { attachment } = read(
      '{"attachment": {"@type": "type.googleapis.com/library.v1.BookLent", "version": 9007199254740993}}',
    );

    expect(anyUnpack(attachment as Any, BookLentSchema)?.version).toBe(LARGE);
  });

  it.each([
    ['{"catalogueNumber": 92233720368547758080}', /catalogue_number/],
    ['{"catalogueNumber": 9.007199254740993e15}', /catalogue_number/],
    ['{"title": 9007199254740993}', /title/],
    ['{"catalogueNumber": 9007199254740993', /JSON/],
  ])('is refused with the name of the field: %s', (text, name) => {
    expect(() => read(text)).toThrow(name);
  });
});

describe('a literal in JSON', () => {
  const read = (text: string) => readLiteral(BookSchema, parseExactly(text) as object, registry);

  it('keeps every digit of a number of 64 bits, and has doubles where protobuf has them', () => {
    const attachment = '{"@type": "type.googleapis.com/library.v1.BookLent", "version": 9007199254740993}';
    const book = read(
      `{"catalogueNumber": 9007199254740993, "weight": 12345678901234567890, "attachment": ${attachment}}`,
    );

    expect(book).toMatchObject({ catalogueNumber: LARGE, weight: 12_345_678_901_234_567_000 });
    expect(anyUnpack((book as { attachment: Any }).attachment, BookLentSchema)?.version).toBe(LARGE);
  });

  it.each([
    ['a number that is rounded already', { catalogueNumber: Number(LARGE) }, /^catalogueNumber: .* is rounded/],
    ['one in a Struct, which has doubles', { remarks: { a: [LARGE] } }, /^remarks: a number in it is rounded/],
  ])('refuses %s', (_, literal, fault) => {
    expect(() => readLiteral(BookSchema, literal, registry)).toThrow(fault);
  });
});

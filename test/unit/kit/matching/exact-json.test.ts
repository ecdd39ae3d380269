// Numbers of 64 bits in JSON, which JSON.parse would round: in stubs, in literals, and in requests.
import { type DescMessage, fromJsonString } from '@bufbuild/protobuf';
import {
  type Any,
  AnySchema,
  anyUnpack,
  DoubleValueSchema,
  Int64ValueSchema,
  UInt64ValueSchema,
} from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import {
  BookLentSchema,
  GetBookResponseSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import {
  assertExact,
  parseExactly,
  quoteLongNumbers,
  withoutBigints,
} from '../../../../packages/kit/matching/exact-json.ts';
import { readLiteral } from '../../../../packages/kit/matching/read-literal.ts';
import { ValuesSchema } from './every-type.ts';
import { BookSchema, registry } from './library-books.ts';
import { OddSchema, registry as oddRegistry, StrictSchema } from './odd-fields.ts';

const LARGE = 9_007_199_254_740_993n;

describe('JSON that is parsed exactly', () => {
  it.each([
    ['9007199254740993', LARGE],
    ['-9007199254740993', -LARGE],
    ['9007199254740993.0', LARGE],
    ['9007199254740993.00', LARGE],
    ['9007199254740992', 9_007_199_254_740_992],
    ['1e21', 1e21],
    ['0.1', 0.1],
    ['9'.repeat(400), BigInt('9'.repeat(400))],
    ['true', true],
    ['{}', {}],
    ['"9007199254740993"', '9007199254740993'],
  ])('has %s with all its digits', (text, value) => {
    expect(parseExactly(`{"a": [${text}]}`)).toEqual({ a: [value] });
  });

  it('has its large numbers as texts where proto3 JSON is read', () => {
    expect(withoutBigints({ a: [LARGE, null, 1], b: { c: LARGE, d: 'x', e: true } })).toEqual({
      a: ['9007199254740993', null, 1],
      b: { c: '9007199254740993', d: 'x', e: true },
    });
  });
});

describe('JSON that was parsed already', () => {
  it.each([
    { catalogueNumber: '9007199254740993', copies: 3, weight: 1e20, remarks: { a: 1e20 } },
    { catalogueNumber: 9_007_199_254_740_991 },
    { weight: 1e20, attachment: null, authors: [null] },
  ])('may have numbers that are exact: %j', (message) => {
    expect(() => assertExact(BookSchema, message, registry)).not.toThrow();
  });

  it('has the path of a number that may have lost digits', () => {
    const message = { book: { title: 'Emma', catalogueNumber: 9_007_199_254_740_992 } };

    expect(() => assertExact(GetBookResponseSchema, message, registry)).toThrow(
      new Error('book.catalogueNumber: 9007199254740992 is rounded as a number: write it as a text'),
    );
  });

  it('has the path of such a number in a list', () => {
    const message = { allINT64: [1, 9_007_199_254_740_992] };

    expect(() => assertExact(ValuesSchema, message, registry)).toThrow(
      new Error('allINT64[1]: 9007199254740992 is rounded as a number: write it as a text'),
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
    ['{"genre": 1, "attachment": null, "loan": null, "catalogueNumber": 9007199254740993}', { catalogueNumber: LARGE }],
  ])('keeps every digit: %s', (text, fields) => {
    expect(read(text)).toMatchObject(fields);
  });

  it('keeps every digit in a google.protobuf.Any', () => {
    const { attachment } = read(
      '{"attachment": {"@type": "type.googleapis.com/library.v1.BookLent", "version": 9007199254740993}}',
    );

    expect(anyUnpack(attachment as Any, BookLentSchema)?.version).toBe(LARGE);
  });

  it.each<[string, DescMessage, string, string]>([
    ['a list', ValuesSchema, '{"allINT64":[1,9007199254740993]}', '{"allINT64":[1,"9007199254740993"]}'],
    ['a wrapper', ValuesSchema, '{"wrappedINT64":9007199254740993}', '{"wrappedINT64":"9007199254740993"}'],
    ['a map', OddSchema, '{"numbers":{"a":9007199254740993}}', '{"numbers":{"a":"9007199254740993"}}'],
    ['an extension', StrictSchema, '{"[odd.v1.fine]":9007199254740993}', '{"[odd.v1.fine]":"9007199254740993"}'],
    ['a wrapper as the request', Int64ValueSchema, '9007199254740993', '"9007199254740993"'],
    ['an unsigned wrapper as the request', UInt64ValueSchema, '9007199254740993', '"9007199254740993"'],
    ['a wrapped double as the request', DoubleValueSchema, '9007199254740993', '9007199254740993'],
    ['no Any', BookSchema, '{"attachment":9007199254740993}', '{"attachment":9007199254740993}'],
  ])('has large numbers as texts where they have 64 bits: %s', (_, desc, text, quoted) => {
    expect(quoteLongNumbers(desc, text, oddRegistry)).toBe(quoted);
  });

  it.each([
    ['google.protobuf.Int64Value', '"value":9007199254740993', '"value":"9007199254740993"'],
    ['google.protobuf.UInt64Value', '"value":9007199254740993', '"value":"9007199254740993"'],
    ['google.protobuf.DoubleValue', '"value":9007199254740993', '"value":9007199254740993'],
    ['library.v1.Unknown', '"version":9007199254740993', '"version":9007199254740993'],
  ])('has large numbers in an Any as its type has them: %s', (type, text, quoted) => {
    const book = (content: string, version: string) =>
      `{"attachment":{"@type":"type.googleapis.com/${type}",${content}},"catalogueNumber":${version}}`;

    expect(quoteLongNumbers(BookSchema, book(text, `${LARGE}`), registry)).toBe(book(quoted, `"${LARGE}"`));
  });

  it('keeps every digit in an Any within an Any', () => {
    const lent = '{"@type": "type.googleapis.com/library.v1.BookLent", "version": 9007199254740993}';
    const { attachment } = read(
      `{"attachment": {"@type": "type.googleapis.com/google.protobuf.Any", "value": ${lent}}, "catalogueNumber": 9007199254740993}`,
    );
    const inner = anyUnpack(attachment as Any, AnySchema);

    expect(inner && anyUnpack(inner, BookLentSchema)?.version).toBe(LARGE);
  });

  it.each(['{ "copies": 3 }', '{"catalogueNumber": 9007199254740993'])('stays as it is written: %s', (text) => {
    expect(quoteLongNumbers(BookSchema, text, registry)).toBe(text);
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
    expect(read('{"rating": 12345678901234567890}')).toEqual({ rating: 12_345_678_901_234_567_000 });
    expect(anyUnpack((book as { attachment: Any }).attachment, BookLentSchema)?.version).toBe(LARGE);
  });

  it('has a double in an Any, however many digits it is written with', () => {
    const { attachment } = read(
      '{"attachment": {"@type": "type.googleapis.com/library.v1.Book", "weight": 12345678901234567890}}',
    ) as { attachment: Any };

    expect(anyUnpack(attachment, BookSchema)?.weight).toBe(12_345_678_901_234_567_000);
  });

  it.each([
    ['a number that is rounded already', { catalogueNumber: Number(LARGE) }, /^catalogueNumber: .* is rounded/],
    ['one in a Struct, which has doubles', { remarks: { a: [LARGE], b: 1 } }, /^remarks: a number in it is rounded/],
    [
      'one in a Struct that is like a timestamp',
      { remarks: { seconds: LARGE } },
      /^remarks: a number in it is rounded/,
    ],
    ['one in a Struct that is like an Any', { remarks: { '@type': 'x', a: LARGE } }, /^remarks: a number in it/],
  ])('refuses %s', (_, literal, fault) => {
    expect(() => readLiteral(BookSchema, literal, registry)).toThrow(fault);
  });
});

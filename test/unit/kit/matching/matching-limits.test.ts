// What each part of matching does at its edges: literals that only just fit, differences in words, examples, and what a file keeps.
import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import { anyPack, EmptySchema, StringValueSchema, StructSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import {
  GetBookResponseSchema,
  LibraryService,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { LiteralError } from '../../../../packages/kit/matching/check-leaf.ts';
import { compilePattern } from '../../../../packages/kit/matching/compile-pattern.ts';
import { describePattern } from '../../../../packages/kit/matching/describe-value.ts';
import { differencesWithin } from '../../../../packages/kit/matching/difference.ts';
import { compileHeaders, createExampleHeaders } from '../../../../packages/kit/matching/header-pattern.ts';
import { matchMessage } from '../../../../packages/kit/matching/match-message.ts';
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
import type { Pattern } from '../../../../packages/kit/matching/pattern.ts';
import { readPattern } from '../../../../packages/kit/matching/read-pattern.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import { isDefault, type ValueType, valueTypeOf } from '../../../../packages/kit/matching/value-type.ts';
import { type PatternJson, writePattern } from '../../../../packages/kit/matching/write-pattern.ts';
import { ValuesSchema } from './every-type.ts';
import { type BookLiteral, BookSchema, differencesOf, RefusalSchema, registry } from './library-books.ts';

const refusal = (reason: string) => anyPack(RefusalSchema, create(RefusalSchema, { reason }));
const timestampWithMore = { ...create(TimestampSchema, { seconds: 1n }), $unknown: [] };

/** The error that a literal is refused with. */
function errorOf(desc: DescMessage, literal: unknown): Error | undefined {
  try {
    compilePattern(desc, literal as object);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

describe('a literal', () => {
  it.each<[string, DescMessage, unknown, string]>([
    ['that is no message', BookSchema, 'Emma', 'expected a library.v1.Book, got "Emma"'],
    ['with nothing in a list', BookSchema, { authors: [null] }, 'authors[0]: expected a library.v1.Author, got null'],
    ['with a name where there are none', EmptySchema, { a: 1 }, 'a: google.protobuf.Empty has no field "a"'],
    [
      'with a wrong value in a timestamp',
      BookSchema,
      { acquireTime: { seconds: 'many' } },
      'acquireTime: expected a value of field library.v1.Book.acquire_time, got {"seconds":"many"}',
    ],
    [
      'with a wrong value in an Any',
      BookSchema,
      { attachment: { value: 5 } },
      'attachment: expected a value of field library.v1.Book.attachment, got {"value":5}',
    ],
    [
      'with a number for the type of an Any',
      BookSchema,
      { attachment: { typeUrl: 5 } },
      'attachment: expected a value of field library.v1.Book.attachment, got {"typeUrl":5}',
    ],
    [
      'with a number of 64 bits that is rounded already',
      BookSchema,
      { catalogueNumber: 9_007_199_254_740_992 },
      'catalogueNumber: expected a value of field library.v1.Book.catalogue_number, got 9007199254740992',
    ],
    [
      'with a rounded number in a timestamp',
      BookSchema,
      { acquireTime: { seconds: 9_007_199_254_740_992 } },
      'acquireTime: expected a value of field library.v1.Book.acquire_time, got {"seconds":9007199254740992}',
    ],
    [
      'with nothing for a wrapper',
      BookSchema,
      { publisher: null },
      'publisher: expected a value of field library.v1.Book.publisher, got null',
    ],
    [
      'with a choice of messages',
      GetBookResponseSchema,
      { book: anyOf({ title: 'Emma' } as never) },
      'book: anyOf() stands for a single value, not for a message',
    ],
    [
      'with a range for a message',
      BookSchema,
      { acquireTime: integerRange(1, 2) },
      'acquireTime: integerRange() stands for a number',
    ],
    [
      'with a wrong value in an unordered list',
      BookSchema,
      { keywords: unordered(['x', 5]) },
      'keywords[1]: expected a value of field library.v1.Book.keywords, got 5',
    ],
    [
      'with an expression for a map',
      BookSchema,
      { copiesByBranch: regex(/x/, 'x') },
      'copiesByBranch: regex stands for one value, not for a list or a map',
    ],
  ])('%s is refused', (_, desc, literal, message) => {
    const error = errorOf(desc, literal);

    expect(error).toBeInstanceOf(LiteralError);
    expect(error?.message).toBe(message);
  });

  it('is refused with the error of protobuf as the cause', () => {
    expect(errorOf(BookSchema, { copies: 1.5 })?.cause).toBeInstanceOf(Error);
  });

  it.each<[string, object, object, string[]]>([
    ['a wrapper as a message', { publisher: { value: 'Faber' } }, { publisher: 'Faber' }, []],
    [
      'a wrapper as protobuf has it',
      { publisher: create(StringValueSchema, { value: 'Faber' }) },
      {},
      ['publisher: "Faber" / nothing'],
    ],
    [
      'a Struct as protobuf has it',
      { remarks: create(StructSchema, { fields: { a: { kind: { case: 'numberValue', value: 1 } } } }) },
      { remarks: { a: 1 } },
      [],
    ],
    ['a timestamp with unknown fields', { acquireTime: timestampWithMore }, { acquireTime: { seconds: 1n } }, []],
    ['a number for 64 bits', { catalogueNumber: 5 }, { catalogueNumber: 5n }, []],
    ['a text for 64 bits', { catalogueNumber: '5' }, { catalogueNumber: 5n }, []],
    ['a choice of numbers for 64 bits', { catalogueNumber: anyOf(4, 5) }, { catalogueNumber: 5n }, []],
    ['a timestamp with a number', { acquireTime: { seconds: 5 } }, { acquireTime: { seconds: 5n } }, []],
    ['a duration with a text', { loanPeriod: { seconds: '5' } }, { loanPeriod: { seconds: 5n } }, []],
    ['an undefined field as none', { title: undefined }, { title: 'Emma' }, []],
    [
      'the oneof of a whole message',
      create(BookSchema, { place: { case: 'shelf', value: 'A1' } }),
      { place: { case: 'shelf', value: 'B2' } },
      ['shelf: "A1" / "B2"'],
    ],
    [
      'an expression for a wrapper',
      { publisher: regex(/^F/, 'Faber') },
      { publisher: 'Reclam' },
      ['publisher: a text like /^F/ / "Reclam"'],
    ],
    ['like an empty list', { keywords: like([]) }, { keywords: ['x', 'y'] }, []],
    ['like an empty map', { copiesByBranch: like({}) }, { copiesByBranch: { main: 1 } }, []],
    ['exact elements in any order', { keywords: unordered(['x', like('y')]) }, { keywords: ['x', 'y'] }, []],
    ['a value that is present', { keywords: [present('x')] }, { keywords: ['y'] }, []],
    ['an expression that accepts the empty text', { title: regex(/^x?$/, 'x') }, {}, []],
    [
      'each entry of a map',
      { contributors: like({ editor: { name: 'Ada' } }) },
      { contributors: { a: { name: '' }, b: { name: 'Bea' } } },
      ['contributors["a"].name: a value like "Ada" / ""'],
    ],
    [
      'a packed message where there is none',
      { attachment: packed(RefusalSchema, {}) },
      { attachment: {} },
      ['attachment: a packed library.v1.Refusal / nothing'],
    ],
    [
      'a packed message and one with other content',
      { attachment: refusal('LOST') },
      { attachment: refusal('LENT') },
      [
        'attachment: {"reason":"LOST","@type":"type.googleapis.com/library.v1.Refusal"} / {"reason":"LENT","@type":"type.googleapis.com/library.v1.Refusal"}',
      ],
    ],
    [
      'a missing entry of a map',
      { copiesByBranch: { main: present(1), west: anything(1) } },
      {},
      ['copiesByBranch["main"]: a value / nothing', 'copiesByBranch["west"]: anything / nothing'],
    ],
  ])('may have %s', (_, literal, book, differences) => {
    expect(differencesOf(literal as BookLiteral, book)).toEqual(differences);
  });

  it('keeps the exactness of what is unordered within what is only like it', () => {
    const pattern = compilePattern(GetBookResponseSchema, { book: like({ keywords: unordered(['x']) }) } as never);
    const differences = (keywords: string[]) =>
      matchMessage(GetBookResponseSchema, pattern, create(GetBookResponseSchema, { book: { keywords } }), {
        isClosed: false,
      });

    expect(differences(['x'])).toEqual([]);
    expect(differences(['y'])).toEqual([{ path: 'book.keywords[0]', expected: '"x"', actual: '"y"' }]);
  });

  it('gives each element of an unordered list a partner of its own', () => {
    const xOrY = () => regex(/^[xy]$/, 'x');

    expect(differencesOf({ keywords: unordered(['x', xOrY(), xOrY()]) }, { keywords: ['x', 'y', 'z'] })).toEqual([
      'keywords[2]: a text like /^[xy]$/ / "z"',
    ]);
  });

  it('may have a range for a wrapped number', () => {
    const literal = { wrappedINT32: integerRange(1, 5) } as never;
    const received = (wrappedINT32: number) => create(ValuesSchema, { wrappedINT32 } as never) as Message;
    const differences = (value: number) =>
      matchMessage(ValuesSchema, compilePattern(ValuesSchema, literal), received(value), { isClosed: false });

    expect([differences(5).length, differences(6).length]).toEqual([0, 1]);
  });
});

describe('a packed message', () => {
  const compare = (value: Uint8Array, known?: typeof registry) => {
    const pattern = compilePattern(BookSchema, { attachment: refusal('LOST') });
    const { typeUrl } = refusal('LOST');
    const received = create(BookSchema, { attachment: { typeUrl, value } });
    return matchMessage(BookSchema, pattern, received, { isClosed: false, ...(known && { registry: known }) }).length;
  };

  it.each([
    ['known', registry],
    ['not known', undefined],
  ])('of a type that is %s is equal only to the same bytes', (_, known) => {
    expect(compare(refusal('LOST').value, known)).toBe(0);
    expect(compare(Uint8Array.of(255), known)).toBe(1);
  });
});

it('a field that must not be set is shown with its value', () => {
  const book = {
    copiesByBranch: { main: 1, west: 2 },
    place: { case: 'loan' as const, value: { memberId: 'm1' } },
    title: 'Emma',
  };

  expect(differencesOf({}, book, { isClosed: true })).toEqual([
    'title: nothing / "Emma"',
    'copiesByBranch: nothing / 2 entries',
    'loan: nothing / {"memberId":"m1"}',
  ]);
});

it.each<[Pattern, string]>([
  [{ kind: 'anything', example: undefined }, 'anything'],
  [{ kind: 'present', example: { kind: 'equal', example: 'x' } }, 'a value'],
  [{ kind: 'absent' }, 'nothing'],
  [{ kind: 'message', fields: [] }, 'a message'],
  [{ kind: 'list', elements: [{ kind: 'absent' }, { kind: 'absent' }], isOrdered: true }, '2 elements'],
  [{ kind: 'each', element: { kind: 'absent' }, least: 1, most: undefined }, 'at least 1 element'],
  [{ kind: 'each', element: { kind: 'absent' }, least: 2, most: 3 }, 'at least 2 elements, at most 3'],
  [{ kind: 'map', entries: [] }, '0 entries'],
  [{ kind: 'eachEntry', example: { key: 'a', pattern: { kind: 'absent' } } }, 'at least 1 entry'],
])('the pattern %o is described as "%s"', (pattern, text) => {
  const title = valueTypeOf(BookSchema.field.title) as ValueType;

  expect(describePattern(title, pattern)).toBe(text);
});

it('differences of a value have its path in front of theirs', () => {
  const difference = { expected: '1', actual: '2' };

  expect(
    differencesWithin('book', [
      { path: 'copies', ...difference },
      { path: '', ...difference },
    ]),
  ).toEqual([
    { path: 'book.copies', ...difference },
    { path: 'book', ...difference },
  ]);
});

describe('headers', () => {
  it.each([
    ['a choice of a text and a number', anyOf('fast', 5 as never)],
    ['a value like a number', like(5 as never)],
    ['anything', anything('x')],
  ])('are no %s', (_, matcher) => {
    expect(() => compileHeaders({ 'x-mode': matcher as never }, 'metadata')).toThrow(
      'metadata["x-mode"]: this matcher is for no text',
    );
  });

  it('have no example of what must be absent', () => {
    expect(createExampleHeaders(compileHeaders({ a: absent(), b: present('1') }, 'metadata'))).toStrictEqual({
      b: '1',
    });
  });
});

describe('a matcher', () => {
  it.each<[string, () => unknown, string]>([
    ['a range whose example is too small', () => integerRange(2, 5, 1), 'the example 1 is not from 2 to 5'],
    ['a range whose example is too large', () => integerRange(2, 5, 6), 'the example 6 is not from 2 to 5'],
    ['a time that is none', () => anyTimestamp('noon'), '"noon" is no time'],
    [
      'a list with fewer elements than its example',
      () => eachLike('x', { atLeast: 3, atMost: 2 }),
      "atMost is 2, less than the example's 3 elements",
    ],
    [
      'a list that must be empty',
      () => eachLike('x', { atLeast: 0, atMost: 0 }),
      "atMost is 0, less than the example's 1 elements",
    ],
  ])('is refused for %s', (_, build, fault) => {
    expect(build).toThrow(fault);
  });

  it('may have its largest value as the example, and as many elements at most as at least', () => {
    expect(integerRange(2, 5, 5).rule).toMatchObject({ example: 5 });
    expect(eachLike('x', { atLeast: 2, atMost: 2 }).rule).toMatchObject({ least: 2, most: 2 });
  });

  it('of any time has its example to the millisecond', () => {
    expect(anyTimestamp('1969-12-31T23:59:59.250Z').rule).toMatchObject({
      example: { seconds: -1n, nanos: 250_000_000 },
    });
  });
});

describe('a pattern in a file', () => {
  const write = (literal: BookLiteral) => writePattern(compilePattern(BookSchema, literal), registry);
  const read = (json: PatternJson) => readPattern(BookSchema, json, registry);

  it('has no key for what is absent, and no limit where there is none', () => {
    expect(write({ keywords: like([]), copiesByBranch: like({}) })).toStrictEqual({
      message: {},
      rules: { copiesByBranch: { match: 'anything' }, keywords: { match: 'anything' } },
    });
    expect(write({ subtitle: absent(), keywords: eachLike('x') })).toStrictEqual({
      message: { keywords: ['x'] },
      rules: { keywords: { match: 'each', least: 1 }, subtitle: { match: 'absent' } },
    });
  });

  it.each<BookLiteral>([
    { title: anything() },
    { authors: anything([{ name: 'Ada' }]) },
    { authors: present([{ name: 'Ada' }]) },
    { copiesByBranch: present({ main: 1 }) },
    { keywords: eachLike('x', { atLeast: 2, atMost: 4 }) },
    { keywords: eachLike('x') },
    { attachment: refusal('LOST') },
  ])('is read as it was written: %o', (literal) => {
    const again = read(JSON.parse(JSON.stringify(write(literal))) as PatternJson);

    expect(again).toEqual(compilePattern(BookSchema, literal));
  });

  it('is refused with the error of protobuf as the cause', () => {
    expect(() => read({ message: { copies: 'many' }, rules: {} })).toThrow(
      expect.objectContaining({ cause: expect.any(Error) }),
    );
  });
});

it('a registry knows the types of imported files', () => {
  expect(createTypeRegistry([LibraryService]).getMessage('google.protobuf.Duration')?.name).toBe('Duration');
});

it('the defaults are those of proto3', () => {
  const values = ['', 0, 0n, false, new Uint8Array(), 'x', 1, 1n, true, Uint8Array.of(0)];

  expect(values.filter(isDefault)).toEqual(['', 0, 0n, false, new Uint8Array()]);
});

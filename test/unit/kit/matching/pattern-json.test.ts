// A pattern survives the contract file: what is read back accepts and refuses the same messages.
import { create, type JsonObject } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { AuthorSchema, Genre } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { compilePattern } from '../../../../packages/kit/matching/compile-pattern.ts';
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
import type { MessagePattern } from '../../../../packages/kit/matching/pattern.ts';
import { readPattern } from '../../../../packages/kit/matching/read-pattern.ts';
import { type JsonRule, type PatternJson, writePattern } from '../../../../packages/kit/matching/write-pattern.ts';
import { registry as types, ValuesSchema } from './every-type.ts';
import { type BookLiteral, BookSchema, RefusalSchema, registry } from './library-books.ts';
import { OddSchema, registry as oddRegistry } from './odd-fields.ts';

function write(literal: BookLiteral): PatternJson {
  return writePattern(compilePattern(BookSchema, literal), registry);
}

function read(message: JsonObject, rules: Record<string, JsonRule> = {}) {
  return readPattern(BookSchema, { message, rules }, registry);
}

/** Returns a pattern as JSON, descriptors by their names. */
function describeTree(pattern: MessagePattern): unknown {
  const text = JSON.stringify(pattern, (_, value: unknown) => {
    if (typeof value === 'bigint' || value instanceof RegExp || Number.isNaN(value)) return String(value);
    const { kind, name, typeName } = (value ?? {}) as { kind?: string; name?: string; typeName?: string };
    if (kind === 'field') return name;
    return typeName !== undefined && name !== undefined ? typeName : value;
  });
  return JSON.parse(text);
}

describe('a pattern in a file', () => {
  it('speaks of no field that is not in it, whatever the fields of its type are named', () => {
    expect(readPattern(OddSchema, { message: {}, rules: {} }, oddRegistry).fields).toEqual([]);

    const message = { constructor: 'a', value: null, names: ['x'] };
    const pattern = readPattern(OddSchema, { message, rules: { constructor: { match: 'like' } } }, oddRegistry);

    expect(writePattern(pattern, oddRegistry)).toEqual({ message, rules: { constructor: { match: 'like' } } });
  });

  it('keeps what was stated, defaults included, and nothing else', () => {
    const written = write({
      title: '',
      copies: 0,
      genre: Genre.UNSPECIFIED,
      catalogueNumber: 0n,
      keywords: [],
      cover: new Uint8Array(),
    });

    expect(written).toEqual({
      message: { title: '', copies: 0, genre: 'GENRE_UNSPECIFIED', catalogueNumber: '0', keywords: [], cover: '' },
      rules: {},
    });
  });

  it('has a rule for each place that is open, by path and in the order of paths', () => {
    const { rules, message } = write({
      title: regex(/^e/i, 'Emma'),
      copies: integerRange(1, 5),
      catalogueNumber: integerRange(1n, 5n),
      authors: eachLike({ name: like('Ada') }, { atLeast: 2, atMost: 4 }),
      copiesByBranch: { 'main hall': anyOf(1, 2) },
      subtitle: absent(),
    });

    expect(Object.entries(rules)).toEqual([
      ['authors', { match: 'each', least: 2, most: 4 }],
      ['authors[*].name', { match: 'like' }],
      ['catalogueNumber', { match: 'range', least: '1', most: '5' }],
      ['copies', { match: 'range', least: 1, most: 5 }],
      ['copiesByBranch["main hall"]', { match: 'anyOf', values: [1, 2] }],
      ['subtitle', { match: 'absent' }],
      ['title', { match: 'regex', regex: '^e', flags: 'i' }],
    ]);
    expect(message).toEqual({
      title: 'Emma',
      copies: 1,
      catalogueNumber: '1',
      authors: [{ name: 'Ada' }, { name: 'Ada' }],
      copiesByBranch: { 'main hall': 1 },
    });
  });

  it('is the same text in whatever order a literal tells its fields', () => {
    const one = write({ title: 'Emma', copies: 3, bookId: 'b1' });
    const other = write({ bookId: 'b1', copies: 3, title: 'Emma' });

    expect(JSON.stringify(one)).toBe(JSON.stringify(other));
  });

  it('is read back as it was written', () => {
    const literal: BookLiteral = {
      bookId: regex(/^b/, 'b1'),
      title: like('Emma'),
      genre: anyOf(Genre.SCIENCE, Genre.FICTION),
      copies: integerRange(2, 5, 3),
      catalogueNumber: 9_007_199_254_740_993n,
      rating: Number.NaN,
      cover: Uint8Array.of(1, 2),
      subtitle: absent(),
      authors: eachLike({ name: like('Ada'), born: 1815 }, { atLeast: 2 }),
      keywords: unordered(['x', anything('y')]),
      copiesByBranch: { main: like(1) },
      contributors: like({ editor: { name: 'Ada' } }),
      place: { case: 'loan', value: { memberId: present('m1'), dueTime: anyTimestamp() } },
      loanPeriod: { seconds: 60n },
      publisher: like('Faber'),
      remarks: { a: [1, null] },
      attachment: packed(RefusalSchema, { reason: like('LOST') }),
      relatedGenres: [Genre.FICTION],
    };
    const pattern = compilePattern(BookSchema, literal);
    const written = writePattern(pattern, registry);
    const again = readPattern(BookSchema, JSON.parse(JSON.stringify(written)) as PatternJson, registry);

    expect(describeTree(again)).toEqual(describeTree(pattern));
  });

  it('has the rules of messages in messages, lists and maps by the whole path, and reads each in its place', () => {
    const part = (text: unknown, note: unknown) => ({ content: { case: 'text', value: text }, note });
    const pattern = compilePattern(ValuesSchema, {
      parts: [part('a', like('b')), part(anything('a'), present('b')), part(regex(/a/, 'a'), anyOf('b', 'c'))],
      part: part(like('a'), 'b'),
    });
    const written = writePattern(pattern, types);

    expect(written.rules).toEqual({
      'part.text': { match: 'like' },
      'parts[0].note': { match: 'like' },
      'parts[1].note': { match: 'present' },
      'parts[1].text': { match: 'anything' },
      'parts[2].note': { match: 'anyOf', values: ['b', 'c'] },
      'parts[2].text': { match: 'regex', regex: 'a', flags: '' },
    });
    expect(describeTree(readPattern(ValuesSchema, written, types))).toEqual(describeTree(pattern));
  });

  it('has one rule for a message that is not looked into, and none for what is in it', () => {
    const part = { content: { case: 'text', value: like('a') }, note: like('b') };
    const literal = { part: present(part), parts: [anything(part), present(part)] };
    const pattern = compilePattern(ValuesSchema, literal);
    const written = writePattern(pattern, types);
    const read = readPattern(ValuesSchema, written, types);

    expect(written).toEqual({
      message: { part: { text: 'a', note: 'b' }, parts: Array(2).fill({ text: 'a', note: 'b' }) },
      rules: { part: { match: 'present' }, 'parts[0]': { match: 'anything' }, 'parts[1]': { match: 'present' } },
    });
    expect(writePattern(read, types)).toEqual(written);
  });

  it('keeps an example of what is not looked at', () => {
    const { message, rules } = write({ title: anything(), authors: anything([{ name: 'Ada' }]) });

    expect([message, rules]).toEqual([
      { authors: [{ name: 'Ada' }] },
      { authors: { match: 'anything' }, title: { match: 'anything' } },
    ]);
  });

  it('keeps an exact Any as the message in it', () => {
    const attachment = anyPack(AuthorSchema, create(AuthorSchema, { name: 'Ada' }));

    expect(write({ attachment }).message).toEqual({
      attachment: { '@type': 'type.googleapis.com/library.v1.Author', name: 'Ada' },
    });
  });
});

describe('a pattern that cannot be read', () => {
  it.each([
    { fault: 'titel: library.v1.Book has no field "titel"', act: () => read({ titel: 'Emma' }) },
    { fault: 'authors[0].nam: library.v1.Author has no field "nam"', act: () => read({ authors: [{ nam: 'Ada' }] }) },
    {
      fault: 'genre: "GENRE_POETRY" is no value of field library.v1.Book.genre',
      act: () => read({ genre: 'GENRE_POETRY' }),
    },
    { fault: 'copies: "many" is no value of', act: () => read({ copies: 'many' }) },
    {
      fault: 'title: this version knows no rule "rhymes"',
      act: () => read({ title: 'x' }, { title: { match: 'rhymes' } }),
    },
    { fault: 'title: has a rule, but no example', act: () => read({}, { title: { match: 'like' } }) },
    {
      fault: 'attachment: shop.v1.Cart is not known here; name it in "types"',
      act: () => read({ attachment: { '@type': 'x/shop.v1.Cart' } }, { attachment: { match: 'packed' } }),
    },
  ])('says so: $fault', ({ fault, act }) => {
    expect(act).toThrow(fault);
  });
});

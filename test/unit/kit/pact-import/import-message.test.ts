// The matching rules of Pact, as those of the kit.
import { create, type DescMessage, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Genre, GetBookResponseSchema } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { matchMessage } from '../../../../packages/kit/matching/match-message.ts';
import { writePattern } from '../../../../packages/kit/matching/write-pattern.ts';
import { importMessage } from '../../../../packages/kit/pact-import/import-message.ts';
import { chooseRules, parsePactPath } from '../../../../packages/kit/pact-import/pact-path.ts';
import { BookSchema } from '../matching/library-books.ts';
import { registry } from '../recording/library-recording.ts';

type Given = { readonly rules?: Readonly<Record<string, object>>; readonly fromStates?: Record<string, string> };

/** Imports a message. Returns the pattern, what the contract file has of it, and what is not carried over. */
function importOf(desc: DescMessage, message: JsonObject | Uint8Array, { rules = {}, fromStates = {} }: Given = {}) {
  const notes: string[] = [];
  const placed = Object.entries(rules).map(([path, rule]) => ({
    path,
    steps: parsePactPath(path),
    combine: 'AND',
    matchers: [rule].flat() as { match: string }[],
  }));
  const bytes = message instanceof Uint8Array ? message : toBinary(desc, fromJson(desc, message, { registry }));
  const states = new Map(Object.entries(fromStates));
  const note = (text: string) => notes.push(text);
  const pattern = importMessage(desc, { bytes, rules: placed, fromStates: states, registry, note });
  return { pattern, notes, ...writePattern(pattern, registry) };
}

const book = { title: 'Emma', genre: 'GENRE_FICTION', copies: 3, catalogueNumber: '7', rating: 4.5, lendable: true };

describe('a rule of Pact for a value', () => {
  it.each([
    ['$.title', { match: 'type' }, { title: { match: 'like' } }],
    ['$.title', { match: 'equality' }, {}],
    ['$.title', { match: 'regex', regex: 'E.*' }, { title: { match: 'regex', regex: '^(?:E.*)$', flags: '' } }],
    ['$.title', { match: 'regex', regex: '(?i)^em+a$' }, { title: { match: 'regex', regex: '^em+a$', flags: 'i' } }],
    ['$.title', { match: 'regex', regex: '^E|a$' }, { title: { match: 'regex', regex: '^(?:^E|a$)$', flags: '' } }],
    [
      '$.title',
      { match: 'number' },
      { title: { match: 'regex', regex: String.raw`^-?\d+(\.\d+)?([eE][+-]?\d+)?$`, flags: '' } },
    ],
    ['$.title', { match: 'integer' }, { title: { match: 'regex', regex: String.raw`^-?\d+$`, flags: '' } }],
    ['$.title', { match: 'decimal' }, { title: { match: 'regex', regex: String.raw`^-?\d+\.\d+$`, flags: '' } }],
    ['$.title', { match: 'boolean' }, { title: { match: 'regex', regex: '^(true|false)$', flags: '' } }],
    ['$.title', { match: 'include', value: 'm.' }, { title: { match: 'regex', regex: String.raw`m\.`, flags: '' } }],
    ['$.title', { match: 'notEmpty' }, { title: { match: 'regex', regex: String.raw`[\s\S]`, flags: '' } }],
    ['$.subtitle', { match: 'null' }, { subtitle: { match: 'absent' } }],
    ['$.copies', { match: 'number' }, { copies: { match: 'like' } }],
    ['$.copies', { match: 'integer' }, { copies: { match: 'like' } }],
    ['$.copies', { match: 'notEmpty' }, { copies: { match: 'present' } }],
    ['$.catalogue_number', { match: 'integer' }, { catalogueNumber: { match: 'like' } }],
    ['$.rating', { match: 'decimal' }, { rating: { match: 'like' } }],
    ['$.lendable', { match: 'boolean' }, { lendable: { match: 'like' } }],
    ['$.genre', { match: 'type' }, { genre: { match: 'like' } }],
    ['$.genre', { match: 'regex', regex: 'GENRE_F.*' }, { genre: { match: 'anyOf', values: ['GENRE_FICTION'] } }],
    [`$['title']`, { match: 'type' }, { title: { match: 'like' } }],
  ])('at %s: %j', (path, rule, expected) => {
    const { rules, notes } = importOf(BookSchema, book, { rules: { [path]: rule } });

    expect([rules, notes]).toEqual([expected, []]);
  });

  it.each([
    ['$.title', { match: 'date', format: 'yyyy-MM-dd' }, 'the rule "date" yyyy-MM-dd becomes "any value of the type"'],
    ['$.title', { match: 'contentType', value: 'image/png' }, 'the rule "contentType" becomes "any value of the type"'],
    ['$.title', { match: 'regex', regex: '(?<=x' }, 'the regular expression (?<=x (it is none in JavaScript) becomes'],
    ['$.title', { match: 'regex', regex: '(?u)x' }, 'the regular expression (?u)x (it has the flag u) becomes'],
    [
      '$.title',
      [
        { match: 'include', value: 'a' },
        { match: 'include', value: 'b' },
      ],
      'several rules (include and include)',
    ],
    ['$.copies', { match: 'decimal' }, 'the rule "decimal" of an integer becomes "any number"'],
    ['$.rating', { match: 'integer' }, 'the rule "integer" of a floating-point number becomes "any number"'],
  ])('that cannot be said is named: %s %j', (path, rule, note) => {
    const { notes, rules } = importOf(BookSchema, book, { rules: { [path]: rule } });

    expect(notes).toEqual([expect.stringContaining(`${path}: ${note}`)]);
    expect(Object.values(rules)).toEqual([{ match: 'like' }]);
  });

  it('that applies to nothing is named', () => {
    const { notes } = importOf(BookSchema, book, {
      rules: { '$.loan.member_id': { match: 'type' }, '$.tilte': { match: 'type' } },
    });

    expect(notes).toEqual([
      '$.loan.member_id: the rule "type" applies to nothing',
      '$.tilte: the rule "type" applies to nothing',
    ]);
  });

  it('of a wrapper or a timestamp is that of the value', () => {
    const { rules, notes } = importOf(
      BookSchema,
      { publisher: 'Faber', acquireTime: '2026-01-02T03:04:05Z' },
      { rules: { '$.publisher.value': { match: 'type' }, '$.acquire_time.seconds': { match: 'integer' } } },
    );

    expect(rules).toEqual({ publisher: { match: 'like' }, acquireTime: { match: 'like' } });
    expect(notes).toEqual(['$.acquire_time: rules for parts of a Timestamp become "any value of the type"']);
  });

  it('gives way to the value of a provider state', () => {
    const { rules } = importOf(BookSchema, book, {
      rules: { '$.title': { match: 'type' } },
      fromStates: { '$.title': 'the title' },
    });

    expect(rules).toEqual({ title: { match: 'fromState', name: 'the title' } });
  });
});

describe('a field that Pact expects', () => {
  it('may have its default, which is on the wire', () => {
    // Field 2, the title, with no bytes; field 4, the copies, 0.
    const { message } = importOf(BookSchema, Uint8Array.of(0x12, 0, 0x20, 0));

    expect(message).toEqual({ title: '', copies: 0 });
  });

  it('is none if it is neither on the wire nor in a rule', () => {
    expect(importOf(BookSchema, { title: 'Emma' }).message).toEqual({ title: 'Emma' });
  });

  it('in a nested message is looked for there', () => {
    const { message, rules } = importOf(
      GetBookResponseSchema,
      { book: { ...book, loan: { memberId: 'm7' } } },
      { rules: { '$.book.loan.member_id': { match: 'type' } } },
    );

    expect(message).toEqual({ book: { ...book, loan: { memberId: 'm7' } } });
    expect(rules).toEqual({ 'book.loan.memberId': { match: 'like' } });
  });
});

describe('a list or a map', () => {
  const given = {
    keywords: ['love', 'money'],
    authors: [{ name: 'Ada', born: 1815 }, { name: 'Bob' }],
    copiesByBranch: { north: 2 },
    contributors: { editor: { name: 'Eve', born: 1900 } },
  };

  it.each([
    [{}, {}],
    [{ '$.keywords.*': { match: 'type' } }, { 'keywords[0]': { match: 'like' }, 'keywords[1]': { match: 'like' } }],
    [
      { '$.keywords': { match: 'type', min: 2 } },
      { keywords: { match: 'each', least: 2 }, 'keywords[*]': { match: 'like' } },
    ],
    [
      { '$.keywords': { match: 'type', min: 1, max: 3 }, '$.keywords[*]': { match: 'regex', regex: '[a-z]+' } },
      {
        keywords: { match: 'each', least: 1, most: 3 },
        'keywords[*]': { match: 'regex', regex: '^(?:[a-z]+)$', flags: '' },
      },
    ],
    [
      { '$.keywords': { match: 'eachValue', rules: [{ match: 'regex', regex: '[a-z]+' }] } },
      { keywords: { match: 'each', least: 0 }, 'keywords[*]': { match: 'regex', regex: '^(?:[a-z]+)$', flags: '' } },
    ],
    [{ '$.keywords': { match: 'notEmpty' } }, { keywords: { match: 'each', least: 1 } }],
    [
      { '$.authors': { match: 'type', max: 9 }, '$.authors[*].name': { match: 'regex', regex: '\\w+' } },
      {
        authors: { match: 'each', least: 0, most: 9 },
        'authors[*].name': { match: 'regex', regex: '^(?:\\w+)$', flags: '' },
        'authors[*].born': { match: 'like' },
      },
    ],
    [
      { '$.copies_by_branch': { match: 'eachValue', rules: [{ match: 'integer' }] } },
      { copiesByBranch: { match: 'each' }, 'copiesByBranch[*]': { match: 'like' } },
    ],
    [
      { '$.contributors': { match: 'values' }, '$.contributors.*.name': { match: 'type' } },
      { contributors: { match: 'each' }, 'contributors[*].name': { match: 'like' } },
    ],
    [{ '$.contributors.editor.born': { match: 'number' } }, { 'contributors["editor"].born': { match: 'like' } }],
  ])('with the rules %j', (rules, expected) => {
    const imported = importOf(BookSchema, given, { rules });

    expect([imported.rules, imported.notes]).toEqual([expected, []]);
  });

  it('has values of any type below a rule for the message around it', () => {
    const { rules } = importOf(
      GetBookResponseSchema,
      { book: { keywords: ['love'], copies: 1 } },
      { rules: { '$.book': { match: 'type' } } },
    );

    expect(rules).toEqual({
      'book.copies': { match: 'like' },
      'book.keywords': { match: 'each', least: 1 },
      'book.keywords[*]': { match: 'like' },
    });
  });

  it('with rules that cannot be said is named', () => {
    const { notes } = importOf(BookSchema, given, {
      rules: {
        '$.keywords': { match: 'arrayContains', variants: [] },
        '$.copies_by_branch': [{ match: 'eachKey', rules: [{ match: 'regex', regex: '[a-z]+' }] }],
      },
    });

    expect(notes).toEqual([
      '$.keywords: the rule "arrayContains" is left out',
      '$.copies_by_branch: the rule "eachKey" becomes "any key"',
    ]);
  });

  it('without an example accepts anything, and says so', () => {
    const { rules, notes } = importOf(BookSchema, { title: 'Emma' }, { rules: { '$.keywords': { match: 'type' } } });

    expect(rules).toEqual({ keywords: { match: 'anything' } });
    expect(notes).toEqual(['$.keywords: a list without an example accepts any list']);
  });
});

describe('an imported message', () => {
  it('accepts what Pact accepts, and refuses what it refuses', () => {
    const { pattern } = importOf(
      BookSchema,
      { title: 'Emma', copies: 3, genre: 'GENRE_FICTION' },
      { rules: { '$.copies': { match: 'integer' } } },
    );
    const match = (change: object) =>
      matchMessage(
        BookSchema,
        pattern,
        create(BookSchema, { title: 'Emma', copies: 9, genre: Genre.FICTION, ...change }),
        { isClosed: false },
      );

    expect(match({})).toEqual([]);
    expect(match({ lendable: true })).toEqual([]);
    expect(match({ title: 'Ema' })).toHaveLength(1);
    expect(match({ genre: Genre.SCIENCE })).toHaveLength(1);
  });
});

describe('a path of Pact', () => {
  it.each([
    ['$', []],
    ['$.a.b', ['a', 'b']],
    [`$['a b'][0].c[*]`, ['a b', '0', 'c', '*']],
    ['$.value.*', ['value', '*']],
    ['$["x"]', ['x']],
  ])('%s has steps', (path, steps) => {
    expect(parsePactPath(path)).toEqual(steps);
  });

  it.each(['a.b', '$.', '$a', '$[x]', ''])('%j is refused', (path) => {
    expect(() => parsePactPath(path)).toThrow(`"${path}" is no path of a matching rule`);
  });

  it('that is longer, or has fewer wildcards, comes before others', () => {
    const placed = ['$', '$.a', '$.*.b', '$.a.b'].map((path) => ({
      path,
      steps: parsePactPath(path),
      combine: 'AND',
      matchers: [],
    }));
    const chosen = (...place: string[]) => chooseRules(placed, place)?.rules.path;

    expect([chosen('a', 'b'), chosen('x', 'b'), chosen('a', 'c'), chosen('x')]).toEqual(['$.a.b', '$.*.b', '$.a', '$']);
  });
});

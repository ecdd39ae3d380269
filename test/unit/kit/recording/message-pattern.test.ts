// The pattern of a recorded message, with exact, redacted and loosened values.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  AuthorSchema,
  type Book,
  BookSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { createExample } from '../../../../packages/kit/matching/example-message.ts';
import { matchMessage } from '../../../../packages/kit/matching/match-message.ts';
import { readPattern } from '../../../../packages/kit/matching/read-pattern.ts';
import { writePattern } from '../../../../packages/kit/matching/write-pattern.ts';
import type { RecordedMessage } from '../../../../packages/kit/recording/exchange.ts';
import { FieldRules } from '../../../../packages/kit/recording/field-rules.ts';
import { type PatternChoices, patternOf } from '../../../../packages/kit/recording/message-pattern.ts';
import { readPlaceholders } from '../../../../packages/kit/recording/placeholders.ts';
import { registry } from './library-recording.ts';

const exact: PatternChoices = {
  registry,
  redactedAs: 'like',
  placeholders: new Map(),
  loosened: 'none',
  includesDefaults: false,
};
const emma: RecordedMessage = {
  message: {
    title: 'Emma',
    genre: 7,
    catalogueNumber: '9007199254740993',
    authors: [{ name: 'Jane', born: 1775 }],
    copiesByBranch: { north: 2 },
    loan: { memberId: 'm7', dueTime: '1970-01-01T00:01:00Z' },
    publisher: 'Murray',
    attachment: { '@type': 'type.googleapis.com/library.v1.Loan', memberId: 'm8' },
  },
};
const redactedFields = [
  'title',
  'genre',
  'authors',
  'copiesByBranch',
  'loan',
  'publisher',
  'catalogueNumber',
  'attachment',
];

const bookOf = (recorded: RecordedMessage) => createExample(BookSchema, patternOf(BookSchema, recorded, exact)) as Book;

function differences(recorded: RecordedMessage, choices: Partial<PatternChoices>, book: Book, isClosed = false) {
  const pattern = patternOf(BookSchema, recorded, { ...exact, ...choices });
  return matchMessage(BookSchema, pattern, book, { isClosed, registry }).map(({ path }) => path);
}

describe('the pattern of a recorded message', () => {
  it('accepts only the message, also after a round trip through a contract file', () => {
    const pattern = patternOf(BookSchema, emma, exact);
    const read = readPattern(BookSchema, writePattern(pattern, registry), registry);
    const book = createExample(BookSchema, pattern) as Book;
    const other = { ...book, catalogueNumber: 7n, authors: [] };

    expect(matchMessage(BookSchema, read, book, { isClosed: true, registry })).toEqual([]);
    expect(matchMessage(BookSchema, read, other, { isClosed: true, registry }).map(({ path }) => path)).toEqual([
      'catalogueNumber',
      'authors',
    ]);
  });

  it('is refused with a number that JSON has rounded', () => {
    const message = { catalogueNumber: 9_007_199_254_740_992 };

    expect(() => patternOf(BookSchema, { message }, exact)).toThrow(
      'catalogueNumber: 9007199254740992 is rounded as a number',
    );
  });

  it('includes defaults if configured so, except of fields with presence', () => {
    const book = create(BookSchema, { ...bookOf(emma), copies: 1, keywords: ['x'], subtitle: 's' });

    expect(differences(emma, { includesDefaults: true }, book)).toEqual(['copies', 'keywords']);
    expect(differences(emma, { includesDefaults: false }, book)).toEqual([]);
  });

  it('accepts anything for redacted values, or any value of their type with "like"', () => {
    const redacted: RecordedMessage = { message: {}, redacted: redactedFields };
    const empty = create(BookSchema);

    for (const redactedAs of ['like', 'anything'] as const) {
      expect(differences(redacted, { redactedAs }, bookOf(emma), redactedAs === 'anything')).toEqual([]);
    }
    expect(differences(redacted, { redactedAs: 'anything' }, empty, true)).toEqual([]);
    expect(differences(redacted, { redactedAs: 'like' }, empty)).toEqual([
      'title',
      'genre',
      'catalogueNumber',
      'authors',
      'copiesByBranch',
      'place',
      'publisher',
      'attachment',
    ]);
  });

  it('has an example of every redacted value that it accepts itself, also after a round trip through a contract file', () => {
    const redacted: RecordedMessage = {
      message: {},
      redacted: BookSchema.fields.filter(({ name }) => name !== 'shelf').map(({ jsonName }) => jsonName),
    };
    const pattern = patternOf(BookSchema, redacted, exact);
    const read = readPattern(BookSchema, writePattern(pattern, registry), registry);

    const example = createExample(BookSchema, read) as Book;

    expect(matchMessage(BookSchema, read, example, { isClosed: false, registry })).toEqual([]);
    expect([example.title, example.copies, example.lendable, example.publisher]).toEqual([
      'redacted',
      1,
      true,
      'redacted',
    ]);
  });

  it('accepts any value of the type of a loosened value, but not its absence', () => {
    const loosened = new FieldRules(['library.v1.Book.title', 'library.v1.Book.authors'], registry, 'loosen');
    const authors = [
      { name: 'A', born: 1 },
      { name: 'B', born: 2 },
    ].map((author) => create(AuthorSchema, author));
    const other = { ...bookOf(emma), title: 'Evelina', authors };

    expect(differences(emma, { loosened }, other)).toEqual([]);
    expect(differences(emma, { loosened }, { ...other, title: '', authors: [] })).toEqual(['title', 'authors']);
    expect(differences(emma, { loosened }, { ...other, publisher: 'X' })).toEqual(['publisher']);
    expect(differences(emma, { loosened: 'all' }, { ...other, publisher: 'X' })).toEqual([]);
  });

  it('uses configured placeholders for redacted values', () => {
    const placeholders = readPlaceholders({ 'library.v1.Loan.member_id': 'm1', 'library.v1.Book.copies': 5 }, registry);
    const recorded: RecordedMessage = { message: { loan: {} }, redacted: ['loan.memberId', 'copies'] };

    const example = createExample(BookSchema, patternOf(BookSchema, recorded, { ...exact, placeholders })) as Book;

    expect([example.place.value, example.copies]).toMatchObject([{ memberId: 'm1' }, 5]);
  });

  it('uses the placeholder of a field for no field of that name in another message', () => {
    const placeholders = readPlaceholders({ 'library.v1.BookLent.member_id': 'm1' }, registry);
    const recorded: RecordedMessage = { message: { loan: {} }, redacted: ['loan.memberId'] };

    const example = createExample(BookSchema, patternOf(BookSchema, recorded, { ...exact, placeholders })) as Book;

    expect(example.place.value).toMatchObject({ memberId: 'redacted' });
  });

  it.each([
    [{ 'library.v1.Loan.member': 'm1' }, 'placeholders: there is no field "library.v1.Loan.member"'],
    [{ 'library.v1.Book.authors': [] }, 'placeholders: "library.v1.Book.authors" is a list, a map or a message'],
    [{ 'library.v1.Book.copies': 'many' }, 'placeholders: library.v1.Book.copies: "many" is no value of'],
  ])('refuses a value in the place of a redacted one that cannot be there: %j', (values, fault) => {
    expect(() => readPlaceholders(values, registry)).toThrow(fault);
  });
});

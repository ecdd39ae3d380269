// Rules name fields of the schema, and are followed while a message is traversed.
import type { DescField } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { BookSchema, LoanSchema } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { FieldRules } from '../../../../packages/kit/recording/field-rules.ts';
import { registry as types, ValuesSchema } from '../matching/every-type.ts';
import { registry } from './library-recording.ts';

const memberId = LoanSchema.field.memberId as DescField;
const loan = BookSchema.fields.find(({ name }) => name === 'loan') as DescField;

const rulesOf = (...rules: string[]) => new FieldRules(rules, registry, 'redact.fields');

describe('rules for fields', () => {
  it.each(['library.v1.Loan.member_id', 'library.v1.Loan.memberId', '*.member_id', 'library.v1.Loan.*'])(
    'hit the field that %s names, wherever its message is',
    (rule) => {
      expect(rulesOf(rule).follow(memberId, [])).toEqual({ isNamed: true, remaining: [[]] });
      expect(rulesOf(rule).follow(loan, []).isNamed).toBe(false);
    },
  );

  it('name the last field of a path only, and only within that path', () => {
    const rules = rulesOf('library.v1.Book.loan.member_id');

    const { isNamed, remaining } = rules.follow(loan, []);

    expect(isNamed).toBe(false);
    expect(rules.follow(memberId, remaining).isNamed).toBe(true);
    expect(rules.follow(memberId, []).isNamed).toBe(false);
  });

  it('lead through lists and maps', () => {
    const rules = rulesOf('library.v1.Book.authors.born', 'library.v1.Book.contributors.name');
    const step = (name: string) =>
      rules.follow(BookSchema.fields.find((field) => field.name === name) as DescField, []);

    expect([step('authors').remaining, step('contributors').remaining]).toEqual([[['born']], [['name']]]);
  });

  it.each(['library.v1.Book.publisher.value', 'google.protobuf.StringValue.value', '*.value'])(
    'hit a value as a whole when they are for a part of it: %s',
    (rule) => {
      const publisher = BookSchema.fields.find(({ name }) => name === 'publisher') as DescField;

      expect(rulesOf(rule).follow(publisher, []).isNamed).toBe(true);
    },
  );

  it('for a nested message name it, not a field of the message around it', () => {
    const rules = new FieldRules(['types.v1.Values.Part.note'], types, 'redact.fields');
    const [part, note] = [ValuesSchema.field.part, types.getMessage('types.v1.Values.Part')?.field.note] as [
      DescField,
      DescField,
    ];

    expect(rules.follow(note, []).isNamed).toBe(true);
    expect(rules.follow(part, [])).toEqual({ isNamed: false, remaining: [] });
  });

  it('lead into a nested message', () => {
    const rules = new FieldRules(['types.v1.Values.parts.note'], types, 'redact.fields');
    const [parts, note] = [ValuesSchema.field.parts, types.getMessage('types.v1.Values.Part')?.field.note] as [
      DescField,
      DescField,
    ];

    expect(rules.follow(parts, [])).toEqual({ isNamed: false, remaining: [['note']] });
    expect(rules.follow(note, [['note']]).isNamed).toBe(true);
    expect(rules.follow(note, []).isNamed).toBe(false);
  });

  it('name no field whose name only begins with theirs', () => {
    const rules = rulesOf('library.v1.Book.copies', 'library.v1.BookLent.book_id');
    const named = BookSchema.fields.filter((field) => rules.follow(field, []).isNamed);

    expect(named.map(({ name }) => name)).toEqual(['copies']);
  });

  it.each([
    ['library.v1.Books.title', 'does not begin with a message of the schema'],
    ['v1.Book.title', 'does not begin with a message of the schema'],
    ['library.v1.Loan.member', 'library.v1.Loan has no field "member"; it has member_id, due_time'],
    ['library.v1.Book.title.text', 'library.v1.Book.title is not a message, so it cannot contain "text"'],
    ['library.v1.Magazine.title', 'does not begin with a message of the schema'],
    ['library.v1.Loan', 'does not begin with a message of the schema'],
    ['*.magazine', 'no message has such a field'],
    ['', 'does not begin with a message of the schema'],
  ])('that name nothing are an error: %s', (rule, fault) => {
    expect(() => rulesOf(rule)).toThrow(`redact.fields: "${rule}"`);
    expect(() => rulesOf(rule)).toThrow(fault);
  });
});

// Redaction: redacted values are left out of the recorded message, and everything that is left out is listed.
import { create, createFileRegistry, createRegistry, type DescMessage, setExtension } from '@bufbuild/protobuf';
import {
  AnySchema,
  anyPack,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorSetSchema,
  TimestampSchema,
} from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { BookSchema, Genre, LoanSchema } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { FieldRules } from '../../../../packages/kit/recording/field-rules.ts';
import { recordMessage } from '../../../../packages/kit/recording/redaction.ts';
import { fine, registry as oddRegistry, StrictSchema } from '../matching/odd-fields.ts';
import { registry } from './library-recording.ts';

const book = create(BookSchema, {
  title: 'Emma',
  genre: Genre.FICTION,
  catalogueNumber: 9_007_199_254_740_993n,
  cover: new Uint8Array([1, 2]),
  subtitle: '',
  authors: [{ name: 'Jane', born: 1775 }, { name: 'Anne' }],
  copiesByBranch: { north: 2 },
  contributors: { editor: { name: 'Ada', born: 1815 } },
  place: { case: 'loan', value: { memberId: 'm7', dueTime: { seconds: 60n } } },
  publisher: 'Murray',
  attachment: anyPack(LoanSchema, create(LoanSchema, { memberId: 'm8' })),
});

function record(...rules: string[]) {
  return recordMessage(BookSchema, book, new FieldRules(rules, registry, 'rules'), registry);
}

describe('a message of a recording', () => {
  it('is complete proto3 JSON if nothing is redacted', () => {
    expect(record()).toEqual({
      message: {
        title: 'Emma',
        genre: 'GENRE_FICTION',
        catalogueNumber: '9007199254740993',
        cover: 'AQI=',
        subtitle: '',
        authors: [{ name: 'Jane', born: 1775 }, { name: 'Anne' }],
        copiesByBranch: { north: 2 },
        contributors: { editor: { name: 'Ada', born: 1815 } },
        loan: { memberId: 'm7', dueTime: '1970-01-01T00:01:00Z' },
        publisher: 'Murray',
        attachment: { '@type': 'type.googleapis.com/library.v1.Loan', memberId: 'm8' },
      },
    });
  });

  it('has no redacted value: in messages, lists, maps, oneofs and Any', () => {
    const recorded = record('*.member_id', 'library.v1.Author.name', 'library.v1.Book.publisher');

    expect(recorded.redacted).toEqual([
      'authors[0].name',
      'authors[1].name',
      'contributors["editor"].name',
      'loan.memberId',
      'publisher',
      'attachment.memberId',
    ]);
    expect(JSON.stringify(recorded.message)).not.toMatch(/Jane|Anne|Ada|m7|m8|Murray/);
    expect(book.place.value).toMatchObject({ memberId: 'm7' });
  });

  it('redacts lists, maps and messages as a whole, and lists only those that were set', () => {
    const { message, redacted } = record(
      'library.v1.Book.authors',
      'library.v1.Book.copies_by_branch',
      'library.v1.Book.loan',
      'library.v1.Book.keywords',
    );

    expect(redacted).toEqual(['authors', 'copiesByBranch', 'loan']);
    expect(message).not.toHaveProperty('loan');
  });

  it('redacts a path only within its field', () => {
    const { redacted } = record('library.v1.Book.contributors.name');

    expect(redacted).toEqual(['contributors["editor"].name']);
  });

  it('redacts a field that a rule names, even if it is kept', () => {
    const rules = new FieldRules(['*.title'], registry, 'rules');
    const { redacted } = recordMessage(
      BookSchema,
      book,
      rules,
      registry,
      new FieldRules(['*.title'], registry, 'keeps'),
    );

    expect(redacted).toEqual(['title']);
  });

  it('redacts fields with debug_redact without a rule, even if they are kept', () => {
    const desc = messageOf({ nickname: true, name: false });
    const message = create(desc, { nickname: 'Countess', name: 'Ada' } as never);
    const keeps = new FieldRules(['*.nickname'], createRegistry(desc), 'keeps');

    const recorded = recordMessage(desc, message, new FieldRules([], registry, 'rules'), registry, keeps);

    expect(recorded).toEqual({ message: { name: 'Ada' }, redacted: ['nickname'] });
  });

  it.each([
    ...['password', 'token', 'access_token', 'card_number', 'cardNumber', 'cvv', 'payment_method', 'api_key'],
    ...['secret', 'client_secret', 'password_hash', 'private_key', 'session_tokens'],
  ])('redacts a field with the name %s, unless it is kept', (name) => {
    const desc = messageOf({ [name]: false });
    const local = desc.fields[0]?.localName ?? '';
    const keeps = new FieldRules([`*.${name}`], createRegistry(desc), 'keeps');
    const record = (...more: FieldRules[]) =>
      recordMessage(
        desc,
        create(desc, { [local]: 's' } as never),
        new FieldRules([], registry, 'rules'),
        registry,
        ...more,
      );

    expect(record()).toEqual({ message: {}, redacted: [name] });
    expect(record(keeps)).toEqual({ message: { [name]: 's' } });
  });

  it.each(['page_token', 'next_page_token', 'token_type', 'secretary', 'span', 'keyboard'])(
    'records a field with the name %s',
    (name) => {
      const desc = messageOf({ [name]: false });
      const message = create(desc, { [desc.fields[0]?.localName ?? '']: 's' } as never);

      const recorded = recordMessage(desc, message, new FieldRules([], registry, 'rules'), registry);

      expect(recorded).toEqual({ message: { [name]: 's' } });
    },
  );

  it('lists fields and types that the schema does not know, and leaves them out', () => {
    const strange = create(BookSchema, {
      authors: [{ name: 'Jane' }],
      attachment: create(AnySchema, { typeUrl: 'type.googleapis.com/acme.Secret', value: new Uint8Array([7]) }),
    });
    for (const author of strange.authors) {
      author.$unknown = [{ no: 99, wireType: 2, data: new TextEncoder().encode('s3cret') }];
    }

    const recorded = recordMessage(BookSchema, strange, new FieldRules([], registry, 'rules'), registry);

    expect(recorded).toEqual({
      message: { authors: [{ name: 'Jane' }], attachment: {} },
      redacted: ['attachment'],
      lost: [
        'authors[0].#99: an unknown field of library.v1.Author',
        'attachment: a acme.Secret, which is not in "types"',
      ],
    });
  });

  it('has the content of an Any whatever the URL before its type', () => {
    const { value } = anyPack(LoanSchema, create(LoanSchema, { memberId: 'm8' }));
    const attachment = create(AnySchema, { typeUrl: 'https://types.example/v2/library.v1.Loan', value });
    const withUrl = create(BookSchema, { attachment });

    const { message } = recordMessage(BookSchema, withUrl, new FieldRules([], registry, 'rules'), registry);

    expect(message).toMatchObject({ attachment: { memberId: 'm8' } });
  });

  it('is redacted within an Any, and an Any in an Any', () => {
    const rules = new FieldRules(['*.member_id'], registry, 'rules');
    const loan = anyPack(LoanSchema, create(LoanSchema, { memberId: 's3cret' }));

    for (const any of [loan, anyPack(AnySchema, loan)]) {
      const recorded = recordMessage(AnySchema, any, rules, registry);
      expect([recorded.redacted, JSON.stringify(recorded.message)]).toEqual([
        ['memberId'],
        expect.not.stringMatching(/s3cret|czNjcmV0/),
      ]);
    }
  });

  it('names an extension that it leaves out', () => {
    const message = create(StrictSchema, { inner: { id: 1n } } as never);
    setExtension(message, fine, 5n);

    expect(recordMessage(StrictSchema, message, new FieldRules([], oddRegistry, 'rules'), oddRegistry)).toEqual({
      message: { inner: { id: '1' } },
      lost: ['[odd.v1.fine]: an extension of odd.v1.Strict'],
    });
  });

  it('is refused if JSON cannot represent it', () => {
    const late = create(BookSchema, { acquireTime: create(TimestampSchema, { seconds: 999_999_999_999n }) });

    expect(() => recordMessage(BookSchema, late, new FieldRules([], registry, 'rules'), registry)).toThrow();
  });
});

/** Returns a message of text fields, with their option `debug_redact`. */
function messageOf(fields: Readonly<Record<string, boolean>>): DescMessage {
  const field = Object.entries(fields).map(([name, debugRedact], index) => ({
    name,
    number: index + 1,
    jsonName: name,
    label: FieldDescriptorProto_Label.OPTIONAL,
    type: FieldDescriptorProto_Type.STRING,
    options: { debugRedact },
  }));
  const set = create(FileDescriptorSetSchema, {
    file: [{ name: 'acme/card.proto', package: 'acme', syntax: 'proto3', messageType: [{ name: 'Card', field }] }],
  });
  return createFileRegistry(set).getMessage('acme.Card') as DescMessage;
}

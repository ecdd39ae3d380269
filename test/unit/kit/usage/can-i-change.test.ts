// The consumers that a change breaks, according to the usage of their tests. A change breaks no consumer only if that is certain.
import { describe, expect, it } from 'vitest';
import { BookSchema, LibraryService } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import type { BreakingFinding } from '../../../../packages/kit/usage/breaking-findings.ts';
import { canIChange, formatChangeReport } from '../../../../packages/kit/usage/can-i-change.ts';
import { formatUsage } from '../../../../packages/kit/usage/format-usage.ts';
import type { ConsumerUsage } from '../../../../packages/kit/usage/usage.ts';
import type { TestRecord } from '../../../../packages/kit/usage/usage-record.ts';
import { deleted, finding, type Read, usageBy, usageOfTypes, usesOf } from './changes.ts';
import { recordEmma, usageOf } from './library-usage.ts';

const readTitle: Read = (record) => recordEmma(record).title;
const setTitle: Read = (record) => record.set(BookSchema.field.title);
const takeWhole: Read = (record) => ({ ...recordEmma(record) });
const readPlace: Read = (record) => recordEmma(record).place.case;
const readCopies: Read = (record) => recordEmma(record).copiesByBranch;
const readGenre: Read = (record) => recordEmma(record).genre;
const callGetBook: Read = (record: TestRecord) => record.call(LibraryService.method.getBook);

describe('a change', () => {
  it.each<[string, BreakingFinding, Read, string]>([
    ['a field that is read', deleted(2, 'title', 'Book'), readTitle, 'reads library.v1.Book.title'],
    ['a field that is set', deleted(2, 'title', 'Book'), setTitle, 'sets library.v1.Book.title'],
    [
      'a field that has another name now',
      finding('FIELD_SAME_TYPE', 'Field "2" with name "headline" on message "Book" changed type from "a" to "b".'),
      readTitle,
      'reads library.v1.Book.title',
    ],
    [
      'a field that moves into a oneof',
      finding(
        'FIELD_SAME_ONEOF',
        'Field "2" with name "title" on message "Book" moved from outside to inside a oneof.',
      ),
      readTitle,
      'reads library.v1.Book.title',
    ],
    [
      'a field of a message that is read as a whole',
      deleted(4, 'copies', 'Book'),
      takeWhole,
      'reads all of library.v1.Book',
    ],
    [
      'the values of a map',
      finding(
        'FIELD_SAME_TYPE',
        'Field "2" with name "value" on message "CopiesByBranchEntry" changed type from "int32" to "int64".',
      ),
      readCopies,
      'reads library.v1.Book.copies_by_branch',
    ],
    [
      'a map in a message that is read as a whole',
      finding(
        'FIELD_SAME_TYPE',
        'Field "2" with name "value" on message "CopiesByBranchEntry" changed type from "int32" to "int64".',
      ),
      takeWhole,
      'reads all of library.v1.Book',
    ],
    [
      'a oneof',
      finding('ONEOF_NO_DELETE', 'Previously present oneof "place" on message "Book" was deleted.'),
      readPlace,
      'reads library.v1.Book.place',
    ],
    [
      'another field of a oneof that is read',
      finding(
        'FIELD_SAME_ONEOF',
        'Field "15" with name "shelf" on message "Book" moved from inside to outside a oneof.',
      ),
      readPlace,
      'reads library.v1.Book.place',
    ],
    [
      'an enum value',
      finding(
        'ENUM_VALUE_SAME_NAME',
        'Enum value "1" on enum "Genre" changed name from "GENRE_FICTION" to "GENRE_NOVEL".',
      ),
      readGenre,
      'has the value library.v1.Genre.GENRE_FICTION',
    ],
    [
      'an RPC',
      finding(
        'RPC_SAME_SERVER_STREAMING',
        'RPC "GetBook" on service "LibraryService" changed from server unary to server streaming.',
      ),
      callGetBook,
      'calls library.v1.LibraryService/GetBook',
    ],
    [
      'a service',
      finding('SERVICE_NO_DELETE', 'Previously present service "LibraryService" was deleted from file.'),
      callGetBook,
      'calls library.v1.LibraryService/GetBook',
    ],
    [
      'a message',
      finding('MESSAGE_NO_DELETE', 'Previously present message "Book" was deleted from file.'),
      readTitle,
      'reads library.v1.Book.title',
    ],
    [
      'a package of which an RPC is called, and no message read',
      finding('PACKAGE_NO_DELETE', 'Previously present package "library.v1" was deleted.', ''),
      callGetBook,
      'calls library.v1.LibraryService/GetBook',
    ],
    [
      'a message of which nothing is read',
      finding('MESSAGE_NO_DELETE', 'Previously present message "GetBookResponse" was deleted from file.'),
      callGetBook,
      'uses library.v1.GetBookResponse',
    ],
    [
      'a file',
      finding('FILE_NO_DELETE', 'Previously present file "library/v1/library.proto" was deleted.', ''),
      readTitle,
      'reads library.v1.Book.title',
    ],
    [
      'a package',
      finding('PACKAGE_NO_DELETE', 'Previously present package "library.v1" was deleted.', ''),
      readTitle,
      'reads library.v1.Book.title',
    ],
  ])('of %s breaks its users', (_, found, take, use) => {
    expect(usesOf(found, usageBy(take))).toEqual([use]);
  });

  it.each<[string, BreakingFinding, Read]>([
    ['a field that is not read', deleted(4, 'copies', 'Book'), readTitle],
    ['a field of another message', deleted(2, 'title', 'Author'), readTitle],
    ['a field of another message than that which is read as a whole', deleted(1, 'name', 'Author'), takeWhole],
    ['a field that is not set', deleted(4, 'copies', 'Book'), setTitle],
    [
      'another field that moves into a oneof',
      finding(
        'FIELD_SAME_ONEOF',
        'Field "4" with name "copies" on message "Book" moved from outside to inside a oneof.',
      ),
      readTitle,
    ],
    [
      'a oneof that is not read',
      finding('ONEOF_NO_DELETE', 'Previously present oneof "place" on message "Book" was deleted.'),
      readTitle,
    ],
    [
      'a field of a message of that name in another package',
      deleted(2, 'title', 'Book', 'proto/shop/v1/shop.proto'),
      readTitle,
    ],
    [
      'an enum value that was not seen',
      finding('ENUM_VALUE_NO_DELETE', 'Previously present enum value "2" on enum "Genre" was deleted.'),
      readGenre,
    ],
    [
      'an RPC that is not called',
      finding('RPC_NO_DELETE', 'Previously present RPC "LendBook" on service "LibraryService" was deleted.'),
      callGetBook,
    ],
    [
      'a file that is not used',
      finding('FILE_NO_DELETE', 'Previously present file "library/v2/library.proto" was deleted.', ''),
      readTitle,
    ],
  ])('of %s breaks no consumer', (_, found, take) => {
    const report = canIChange([found], usageBy(take));

    expect(report).toMatchObject({ isBreaking: false, findings: [{ verdict: 'unused', consumers: [], uses: [] }] });
  });

  it('of an unknown element breaks all consumers', () => {
    const usage = usageBy(readTitle);
    const lender = { ...(usage.consumers[0] as ConsumerUsage), consumer: 'Lender' };
    const report = canIChange([finding('SOMETHING_NEW', 'A thing changed.')], {
      consumers: [...usage.consumers, lender],
    });

    expect(report).toMatchObject({
      isBreaking: true,
      findings: [{ verdict: 'unknown', consumers: ['Lender', 'Reader'] }],
    });
    expect(formatChangeReport(report)).toContain('treat it as breaking all consumers: Lender, Reader');
  });

  it('of a nested type, which buf names without its enclosing type, breaks the users of every type of that name', () => {
    const types = {
      'a.v1.Order.Reason': { file: 'a/v1/order.proto', numbers: { text: 1 } },
      'a.v1.Refund.Reason': { file: 'a/v1/order.proto', numbers: { text: 1 } },
      'b.v1.Order.Reason': { file: 'b/v1/order.proto', numbers: { text: 1 } },
    };
    const usage = usageOfTypes(types, ...Object.keys(types).map((type) => `${type}.text`));

    expect(usesOf(deleted(1, 'text', 'Reason', 'a/v1/order.proto'), usage)).toEqual([
      'reads a.v1.Order.Reason.text',
      'reads a.v1.Refund.Reason.text',
    ]);
  });

  it('of a type that has moved to another file of its package breaks its users', () => {
    const usage = usageOfTypes(
      { 'a.v1.Money': { file: 'a/v1/order.proto', numbers: { units: 2 } } },
      'a.v1.Money.units',
    );

    expect(usesOf(deleted(2, 'units', 'Money', 'proto/a/v1/money.proto'), usage)).toEqual(['reads a.v1.Money.units']);
  });

  it('of a field whose recorded number was different breaks consumers that read it by name', () => {
    const usage = usageOfTypes({ 'a.v1.Money': { file: 'a/v1/o.proto', numbers: { units: 2 } } }, 'a.v1.Money.units');

    expect(usesOf(deleted(7, 'units', 'Money', 'a/v1/o.proto'), usage)).toEqual(['reads a.v1.Money.units']);
  });

  it('of a message breaks the users of nested types', () => {
    const usage = usageOfTypes(
      { 'a.v1.Order.Reason': { file: 'a/v1/o.proto', numbers: { text: 1 } } },
      'a.v1.Order.Reason.text',
    );
    const gone = finding(
      'MESSAGE_NO_DELETE',
      'Previously present message "Order" was deleted from file.',
      'a/v1/o.proto',
    );

    expect(usesOf(gone, usage)).toEqual(['reads a.v1.Order.Reason.text']);
  });

  it('of a type that is known only by name breaks its users in any file', () => {
    const usage = usageOfTypes({ 'a.v1.Loan': { numbers: {} } });
    const [consumer] = usage.consumers as [ConsumerUsage];
    const whole = {
      consumers: [{ ...consumer, tests: consumer.tests.map((test) => ({ ...test, whole: ['a.v1.Loan'] })) }],
    };

    expect(usesOf(deleted(1, 'member_id', 'Loan'), whole)).toEqual(['reads all of a.v1.Loan']);
  });
});

describe('the report', () => {
  it('lists for each finding the consumers and tests it breaks, and ends with a summary', () => {
    const usage = {
      consumers: [usageOf({ 'one test': readTitle, 'two tests': readTitle, three: readTitle, four: readTitle })],
    };
    const report = canIChange([deleted(2, 'title', 'Book'), deleted(4, 'copies', 'Book')], usage);

    expect(formatChangeReport(report)).toBe(`proto/library/v1/library.proto:3  FIELD_NO_DELETE
  Previously present field "2" with name "title" on message "Book" was deleted.
  breaks Reader, which
    reads library.v1.Book.title
      reader.test.ts: one test
      reader.test.ts: two tests
      reader.test.ts: three
      and 1 more

proto/library/v1/library.proto:3  FIELD_NO_DELETE
  Previously present field "4" with name "copies" on message "Book" was deleted.
  no consumer uses it

2 findings: 1 of used elements, 1 of unused elements; breaks Reader`);
  });

  it('is short without findings', () => {
    expect(formatChangeReport(canIChange([], usageBy(readTitle)))).toBe('no findings: nothing breaks');
  });
});

it('the matrix lists how each consumer uses each element, and in how many tests', () => {
  const reader = usageOf({ one: readTitle, two: readTitle, three: readGenre });
  const lender = { ...usageOf({ lends: callGetBook }), consumer: 'Lender' };

  expect(formatUsage({ consumers: [reader, lender] }).split('\n')).toEqual([
    'used                               Lender     Reader',
    'library.v1.Book.genre              -          reads (1)',
    'library.v1.Book.title              -          reads (2)',
    'library.v1.Genre.GENRE_FICTION     -          has the value (1)',
    'library.v1.GetBookRequest          uses (1)   -',
    'library.v1.GetBookResponse         uses (1)   -',
    'library.v1.LibraryService/GetBook  calls (1)  -',
  ]);
});

// The names in a finding: a name that another one begins or ends with is not that other one.
import { describe, expect, it } from 'vitest';
import type { BreakingFinding } from '../../../../packages/kit/usage/breaking-findings.ts';
import type { ConsumerUsage } from '../../../../packages/kit/usage/usage.ts';
import { deleted, finding, usageBy, usageOfTypes, usesOf } from './changes.ts';
import { recordEmma } from './library-usage.ts';

describe('a change', () => {
  it.each<[string, BreakingFinding, unused: string]>([
    [
      'a package whose name another begins with',
      finding('PACKAGE_NO_DELETE', 'Previously present package "library.v1" was deleted.', ''),
      'library.v10.Book',
    ],
    [
      'a package whose name another ends with',
      finding('PACKAGE_NO_DELETE', 'Previously present package "library.v1" was deleted.', ''),
      'old.library.v1.Book',
    ],
    [
      'a message of a package whose name another begins with',
      finding(
        'PACKAGE_MESSAGE_NO_DELETE',
        'Previously present message "Book" was deleted from package "library.v1".',
        '',
      ),
      'library.v1.BookReturned',
    ],
    [
      'a message of a package whose name another ends with',
      finding('PACKAGE_ENUM_NO_DELETE', 'Previously present enum "Genre" was deleted from package "library.v1".', ''),
      'old.library.v1.Genre',
    ],
    [
      'a message whose name another begins with',
      finding('MESSAGE_NO_DELETE', 'Previously present message "Book" was deleted from file.'),
      'library.v1.BookReturned',
    ],
    [
      'a message whose name another ends with',
      finding('MESSAGE_NO_DELETE', 'Previously present message "Book" was deleted from file.'),
      'library.v1.NoteBook',
    ],
    ['a field of a message whose name another begins with', deleted(1, 'name', 'Book'), 'library.v1.BookReturned'],
    ['a field of a message whose name another ends with', deleted(1, 'name', 'Book'), 'library.v1.NoteBook'],
    [
      'a service whose name another ends with',
      finding('SERVICE_NO_DELETE', 'Previously present service "Service" was deleted from file.'),
      'library.v1.LibraryService',
    ],
  ])('of %s does not concern that other one', (_, found, unused) => {
    const types = { [unused]: { file: 'library/v1/library.proto', numbers: { name: 1 } } };

    expect(usesOf(found, usageOfTypes(types, `${unused}.name`))).toEqual([]);
  });

  it.each([
    ['in which another ends', 'proto/old-library/v1/library.proto'],
    ['that is longer by a folder', 'proto/library/v1/more/library.proto'],
    ['of another version', 'proto/library/v10/library.proto'],
  ])('in a file %s does not concern that other file', (_, path) => {
    expect(
      usesOf(
        deleted(2, 'title', 'Book', path),
        usageBy((record) => recordEmma(record).title),
      ),
    ).toEqual([]);
    expect(
      usesOf(
        finding('FILE_SAME_PACKAGE', 'File changed.', path),
        usageBy((record) => recordEmma(record).title),
      ),
    ).toEqual([]);
  });

  it('of an enum value or an RPC concerns only those of its own enum and service', () => {
    const types = {
      'a.v1.Reason': { file: 'a/v1/a.proto', numbers: { REASON_LOST: 1 } },
      'a.v1.OtherReason': { file: 'a/v1/a.proto', numbers: { OTHER_REASON_LOST: 1 } },
      'a.v1.Shelf': { file: 'a/v1/a.proto', numbers: {} },
      'a.v1.OtherShelf': { file: 'a/v1/a.proto', numbers: {} },
    };
    const [consumer] = usageOfTypes(types).consumers as [ConsumerUsage];
    const values = ['a.v1.OtherReason.OTHER_REASON_LOST', 'a.v1.Reason.REASON_LOST'];
    const calls = ['a.v1.Shelf/Ask', 'a.v1.Shelf/AskAgain', 'a.v1.OtherShelf/Ask'];
    const usage = { consumers: [{ ...consumer, tests: consumer.tests.map((test) => ({ ...test, values, calls })) }] };
    const ofEnum = 'Previously present enum value "1" on enum "Reason" was deleted.';
    const ofService = 'Previously present RPC "Ask" on service "Shelf" was deleted.';

    expect(usesOf(finding('ENUM_VALUE_NO_DELETE', ofEnum, 'a/v1/a.proto'), usage)).toEqual([
      'has the value a.v1.Reason.REASON_LOST',
    ]);
    expect(usesOf(finding('RPC_NO_DELETE', ofService, 'a/v1/a.proto'), usage)).toEqual(['calls a.v1.Shelf/Ask']);
  });

  it('of the values of a map concerns maps of that name in the folder of the finding', () => {
    const message =
      'Field "2" with name "value" on message "CopiesByBranchEntry" changed type from "int32" to "int64".';
    const numbers = { copies_by_branch: 1, more_copies_by_branch: 2, copies: 3 };
    const types = {
      'a.v1.Book': { file: 'a/v1/book.proto', numbers },
      'b.v1.Book': { file: 'b/v1/book.proto', numbers },
      'c.v1.Book': { numbers },
    };
    const reads = Object.keys(types).flatMap((type) => Object.keys(numbers).map((name) => `${type}.${name}`));

    expect(usesOf(finding('FIELD_SAME_TYPE', message, 'a/v1/book.proto'), usageOfTypes(types, ...reads))).toEqual([
      'reads a.v1.Book.copies_by_branch',
      'reads c.v1.Book.copies_by_branch',
    ]);
  });

  it('of a message of a package breaks its users and those of its nested types, in whatever file', () => {
    const types = Object.fromEntries(
      ['a.v1.Order', 'a.v1.Order.Reason', 'a.v1.OrderReason', 'a.v2.Order'].map((type) => [
        type,
        { numbers: { text: 1 } },
      ]),
    );
    const usage = usageOfTypes(types, ...Object.keys(types).map((type) => `${type}.text`));
    const gone = 'Previously present message "Order" was deleted from package "a.v1".';

    expect(usesOf(finding('PACKAGE_MESSAGE_NO_DELETE', gone, ''), usage)).toEqual([
      'reads a.v1.Order.text',
      'reads a.v1.Order.Reason.text',
    ]);
  });

  it('of a field of a message does not concern its nested types', () => {
    const usage = usageOfTypes(
      { 'a.v1.Order.Reason': { file: 'a/v1/o.proto', numbers: { text: 1 } } },
      'a.v1.Order.Reason.text',
    );

    expect(usesOf(deleted(1, 'text', 'Order', 'a/v1/o.proto'), usage)).toEqual([]);
  });

  it('in a file without a package breaks its users', () => {
    const usage = usageOfTypes({ Order: { file: 'order.proto', numbers: { text: 1 } } }, 'Order.text');
    const gone = 'Previously present message "Order" was deleted from file.';

    expect(usesOf(deleted(1, 'text', 'Order', 'order.proto'), usage)).toEqual(['reads Order.text']);
    expect(usesOf(finding('MESSAGE_NO_DELETE', gone, 'order.proto'), usage)).toEqual(['reads Order.text']);
  });
});

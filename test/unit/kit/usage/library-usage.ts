// A book to read, and the usage that reading it records.

import { create, createRegistry } from '@bufbuild/protobuf';
import { anyPack, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type Book,
  BookSchema,
  Genre,
  LoanSchema,
  file_library_v1_library as libraryFile,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { recordMessage } from '../../../../packages/kit/usage/recording-message.ts';
import type { ConsumerUsage, TestUsage } from '../../../../packages/kit/usage/usage.ts';
import { type TestRecord, UsageRecord } from '../../../../packages/kit/usage/usage-record.ts';

export const emma = (): Book =>
  create(BookSchema, {
    bookId: 'b1',
    title: 'Emma',
    genre: Genre.FICTION,
    catalogueNumber: 9_007_199_254_740_993n,
    cover: new Uint8Array([1, 2]),
    subtitle: '',
    authors: [{ name: 'Jane', born: 1775 }],
    keywords: ['match', 'making'],
    copiesByBranch: { north: 2 },
    contributors: { cover: { name: 'Ada' } },
    place: { case: 'loan', value: { memberId: 'm1', dueTime: timestampFromDate(new Date(0)) } },
    acquireTime: timestampFromDate(new Date(5)),
    publisher: 'Murray',
    remarks: { damp: true },
    attachment: anyPack(LoanSchema, create(LoanSchema, { memberId: 'm2' })),
    relatedGenres: [Genre.SCIENCE, Genre.FICTION],
  });

/** Returns the usage of a consumer `Reader` of `Library`. Each function records the usage of a test of that name. */
export function usageOf(tests: Readonly<Record<string, (record: TestRecord) => void>>): ConsumerUsage {
  const record = new UsageRecord();
  for (const [test, take] of Object.entries(tests)) take(record.of(test));
  return { consumer: 'Reader', provider: 'Library', ...record.toUsage('reader.test.ts') };
}

/** Returns the usage of one test, without the names of test and file and without empty kinds. */
export function usedBy(take: (record: TestRecord) => void): Partial<TestUsage> {
  const [usage] = usageOf({ only: take }).tests;
  const { file: _file, test: _test, ...kinds } = usage as TestUsage;
  const short = (name: string) => name.replaceAll(/library\.v1\./g, '');
  const some = Object.entries(kinds).filter(([, names]) => names.length > 0);
  return Object.fromEntries(some.map(([kind, names]) => [kind, names.map(short)]));
}

/** Returns Emma as a message that records which of its fields are read. */
export function recordEmma(record: TestRecord, registry = createRegistry(libraryFile)): Book {
  return recordMessage(BookSchema, emma(), { record, registry });
}

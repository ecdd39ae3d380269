// From a changed .proto to the consumers and tests it breaks, with the real buf and recorded usage.
import { execFile } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  canIChange,
  formatChangeReport,
  readBreakingFindings,
  readUsage,
  recordUsage,
  startVirtualService,
  type Usage,
  type UsageRecorder,
} from '@touchstone/kit';
import { beforeAll, expect, it } from 'vitest';
import {
  BookLentSchema,
  Genre,
  LibraryService,
} from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { makeDirectory } from './contract-files.ts';

const PROTO = fileURLToPath(new URL('../../../packages/kit/examples/library/proto', import.meta.url));
const BUF = fileURLToPath(new URL('../../../node_modules/.bin/buf', import.meta.url));

const CONFIG = 'version: v2\nmodules:\n  - path: proto\nbreaking:\n  use:\n    - FILE\n';

let usage: Usage;

// Two consumers of one library, recorded once: what they use does not change, the contract does.
beforeAll(async () => {
  await using directory = await makeDirectory();
  await using library = await startVirtualService({ services: [LibraryService] });
  library.stub(LibraryService.method.getBook).replies({
    book: {
      title: 'Emma',
      genre: Genre.FICTION,
      authors: [{ name: 'Jane' }],
      copiesByBranch: { north: 2 },
      place: { case: 'loan', value: { memberId: 'm1' } },
    },
  });
  library.stub(LibraryService.method.lendBook).replies({ loan: { memberId: 'm1' }, copiesLeft: 1 });
  const real = createClient(LibraryService, createGrpcTransport({ baseUrl: library.url }));
  const record = async (consumer: string, test: string, consume: (recorder: UsageRecorder) => unknown) => {
    const recorder = recordUsage(consumer, 'Library', {
      directory: directory.path,
      file: `${consumer}.test.ts`,
      test: () => test,
    });
    await consume(recorder);
    await recorder.write({ isWhole: false });
  };
  await record('Reader', 'shows a book', (recorder) => showBook(recorder.client(LibraryService, real)));
  await record('Reader', 'shows who has it', async (recorder) => {
    const { book } = await recorder.client(LibraryService, real).getBook({ bookId: 'b1' });
    return book?.place.case === 'loan' ? book.place.value.memberId : book?.place.value;
  });
  await record('Lender', 'lends a book', async (recorder) => {
    const { loan } = await recorder.client(LibraryService, real).lendBook({ bookId: 'b1', memberId: 'm1' });
    return loan?.memberId;
  });
  await record('Lender', 'notes a loan', (recorder) => {
    const { bookId, dueTime } = recorder.message(BookLentSchema, create(BookLentSchema, { bookId: 'b1' }));
    return [bookId, dueTime];
  });
  usage = await readUsage(directory.path);
});

async function showBook(client: Client<typeof LibraryService>): Promise<string> {
  const { book } = await client.getBook({ bookId: 'b1' });
  const authors = book?.authors.map(({ name }) => name);
  return `${book?.title} by ${authors}, ${book?.genre}, ${Object.keys(book?.copiesByBranch ?? {})}`;
}

/** Changes the library's contract and has it compared with what it was. */
async function change(edit: (text: string) => string) {
  await using directory = await makeDirectory();
  await cp(PROTO, join(directory.path, 'proto'), { recursive: true });
  await writeFile(join(directory.path, 'buf.yaml'), CONFIG);
  const file = join(directory.path, 'proto/library/v1/library.proto');
  const before = await readFile(file, 'utf8');
  const after = edit(before);
  expect(after).not.toBe(before);
  await writeFile(file, after);
  const found = await runBuf(directory.path, ['breaking', '--against', PROTO, '--error-format', 'json']);
  return canIChange(readBreakingFindings(found), usage);
}

// 100 is how buf says that it has found something.
function runBuf(cwd: string, words: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(BUF, words, { cwd }, (error, output, complaint) => {
      if (error && error.code !== 100) reject(new Error(`buf ${words.join(' ')}: ${complaint}`, { cause: error }));
      else resolve(output);
    });
  });
}

const replace = (before: string | RegExp, after: string) => (text: string) => text.replace(before, after);

const shows = 'Reader: shows a book';
const showsWho = 'Reader: shows who has it';
const lends = 'Lender: lends a book';
const notes = 'Lender: notes a loan';

it.each<[string, (text: string) => string, Record<string, readonly string[]>]>([
  ['a field deleted that is read', replace('  string title = 2;', ''), { FIELD_NO_DELETE: [shows] }],
  ['a field deleted that no consumer reads', replace('  float rating = 6;', ''), { FIELD_NO_DELETE: [] }],
  [
    'a field of a nested message renamed',
    replace('string name = 1;', 'string full_name = 1;'),
    { FIELD_SAME_NAME: [shows], FIELD_SAME_JSON_NAME: [shows] },
  ],
  ['a field retyped that no consumer reads', replace('double weight', 'string weight'), { FIELD_SAME_TYPE: [] }],
  ['a map retyped', replace('map<string, int32>', 'map<string, string>'), { FIELD_SAME_TYPE: [shows] }],
  ['a field of an event renumbered', replace('due_time = 3;', 'due_time = 9;'), { FIELD_NO_DELETE: [notes] }],
  ['a field made a list', replace('string title', 'repeated string title'), { FIELD_SAME_CARDINALITY: [shows] }],
  [
    'a field of a type that is used in two places',
    replace('message Loan {\n  // Who has it.\n  string', 'message Loan {\n  // Who has it.\n  bytes'),
    { FIELD_SAME_TYPE: [lends, showsWho] },
  ],
  [
    'a oneof taken apart',
    replace(/oneof place \{\n(.*\n.*\n.*\n.*\n) {2}\}/, '$1'),
    {
      ONEOF_NO_DELETE: [showsWho],
      FIELD_SAME_ONEOF: [showsWho],
      FIELD_SAME_CARDINALITY: [],
    },
  ],
  ['an enum value deleted that is read', replace('  GENRE_FICTION = 1;', ''), { ENUM_VALUE_NO_DELETE: [shows] }],
  [
    'an enum value deleted that no consumer has seen',
    replace('  GENRE_SCIENCE = 2;', ''),
    { ENUM_VALUE_NO_DELETE: [] },
  ],
  [
    'an RPC deleted that is called',
    replace('  rpc LendBook(LendBookRequest) returns (LendBookResponse);', ''),
    { RPC_NO_DELETE: [lends] },
  ],
  [
    'an RPC deleted that no consumer calls',
    replace('  rpc ListBooks(ListBooksRequest) returns (stream ListBooksResponse);', ''),
    { RPC_NO_DELETE: [] },
  ],
  ['a request field deleted that is sent', replace('  string member_id = 2;', ''), { FIELD_NO_DELETE: [lends] }],
  ['an event renamed', replace('message BookLent {', 'message BookBorrowed {'), { MESSAGE_NO_DELETE: [notes] }],
  ['a message renamed that no consumer uses', replace('message Refusal {', 'message No {'), { MESSAGE_NO_DELETE: [] }],
  [
    'a package renamed',
    replace('package library.v1;', 'package library.v2;'),
    { FILE_SAME_PACKAGE: [lends, notes, shows, showsWho] },
  ],
  ['a field added', replace('  float rating = 6;', '  float rating = 6;\n  string isbn = 99;'), {}],
])('%s breaks those whose tests use it, and no others', async (_, edit, expected) => {
  const report = await change(edit);

  const broken: Record<string, string[]> = {};
  for (const { finding, verdict, uses } of report.findings) {
    expect(verdict).not.toBe('unknown');
    const tests = uses.map(({ consumer, test }) => `${consumer}: ${test}`);
    broken[finding.rule] = [...new Set([...(broken[finding.rule] ?? []), ...tests])].sort();
  }
  expect(broken).toEqual(expected);
  expect(report.isBreaking).toBe(Object.values(expected).some((tests) => tests.length > 0));
});

it('the report names the consumer, the test and the use, or says that there is none', async () => {
  const report = await change((text) => replace('  string title = 2;', '')(replace('  float rating = 6;', '')(text)));

  expect(formatChangeReport(report)).toBe(`proto/library/v1/library.proto:38  FIELD_NO_DELETE
  Previously present field "2" with name "title" on message "Book" was deleted.
  breaks Reader, which
    reads library.v1.Book.title
      Reader.test.ts: shows a book

proto/library/v1/library.proto:38  FIELD_NO_DELETE
  Previously present field "6" with name "rating" on message "Book" was deleted.
  no consumer uses it

2 findings: 1 of used elements, 1 of unused elements; breaks Reader`);
});

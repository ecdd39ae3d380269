// What a consumer uses, recorded while its real client runs against a real port, and kept in a file that tests add to.
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { contract, like, readUsage, recordUsage, type UsageRecorder } from '@touchstone/kit';
import { expect, it } from 'vitest';
import {
  BookLentSchema,
  Genre,
  LibraryService,
} from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { errorOf, makeDirectory } from './contract-files.ts';

const file = 'test/reader.test.ts';

/** Runs a consumer that asks for a book and shows its title and genre. */
function showBook(directory: string, usage: UsageRecorder): Promise<string> {
  return contract('Reader', 'Library', { directory })
    .uponReceiving('a question for a book')
    .calls(LibraryService.method.getBook, { bookId: 'b1' })
    .repliesWith({ book: { title: like('Emma'), genre: Genre.FICTION, copies: 3 } })
    .run(async ({ url }) => {
      const client = usage.client(LibraryService, createClient(LibraryService, createGrpcTransport({ baseUrl: url })));
      const { book } = await client.getBook({ bookId: 'b1', withContributors: false });
      return `${book?.title} (${book?.genre})`;
    });
}

it('a consumer run against a contract leaves behind what it called, sent and read, under the test that shows it', async () => {
  await using contracts = await makeDirectory();
  await using directory = await makeDirectory();
  const usage = recordUsage('Reader', 'Library', {
    directory: directory.path,
    file,
    test: () => expect.getState().currentTestName,
  });

  expect(await showBook(contracts.path, usage)).toBe('Emma (1)');
  const written = await usage.write({ isWhole: true });

  expect(written).toEqual({ path: join(directory.path, 'Reader-Library.json'), hasChanged: true });
  const { consumers } = await readUsage(directory.path);
  expect(consumers).toMatchObject([{ consumer: 'Reader', provider: 'Library' }]);
  expect(consumers[0]?.tests).toEqual([
    {
      file,
      test: expect.stringContaining('a consumer run against a contract'),
      calls: ['library.v1.LibraryService/GetBook'],
      sets: ['library.v1.GetBookRequest.book_id', 'library.v1.GetBookRequest.with_contributors'],
      reads: ['library.v1.Book.genre', 'library.v1.Book.title', 'library.v1.GetBookResponse.book'],
      whole: [],
      values: ['library.v1.Genre.GENRE_FICTION'],
      types: [],
    },
  ]);
  expect(await usage.write({ isWhole: true })).toMatchObject({ hasChanged: false });
});

it('a handler of events leaves behind what it read of them', async () => {
  await using contracts = await makeDirectory();
  await using directory = await makeDirectory();
  const usage = recordUsage('Reader', 'Library', { directory: directory.path, file, test: () => 'notes a loan' });
  const lent: bigint[] = [];

  await contract('Reader', 'Library', { directory: contracts.path })
    .uponReceiving('a book was lent')
    .event(BookLentSchema, { bookId: 'b1', version: 4n })
    .handledBy(({ payload }) => lent.push(usage.message(BookLentSchema, fromBinary(BookLentSchema, payload)).version));
  await usage.write({ isWhole: true });

  expect(lent).toEqual([4n]);
  const { consumers } = await readUsage(directory.path);
  expect(consumers[0]?.tests).toMatchObject([{ test: 'notes a loan', reads: ['library.v1.BookLent.version'] }]);
});

it('test files that write at the same time lose nothing of each other', async () => {
  await using directory = await makeDirectory();
  const names = Array.from({ length: 12 }, (_, index) => `test/file-${index}.test.ts`).sort();

  await Promise.all(
    names.map(async (name) => {
      const usage = recordUsage('Reader', 'Library', { directory: directory.path, file: name, test: () => 'reads' });
      usage.message(BookLentSchema, fromBinary(BookLentSchema, new Uint8Array())).bookId.trim();
      await usage.write({ isWhole: true });
    }),
  );

  const { consumers } = await readUsage(directory.path);
  expect(consumers.flatMap(({ tests }) => tests.map((test) => test.file))).toEqual(names);
  expect(await readdir(directory.path)).toEqual(['Reader-Library.json']);
});

it('a folder without usage is refused: nothing could be said of a change', async () => {
  await using directory = await makeDirectory();
  const { path } = directory;

  expect((await errorOf(readUsage(join(path, 'none')))).message).toBe(`${join(path, 'none')}: there is no such folder`);
  expect((await errorOf(readUsage(path))).message).toBe(`${path}: there is no usage file in it`);
  await writeFile(join(path, 'a.json'), '{}');
  expect((await errorOf(readUsage(path))).message).toContain('a.json: formatVersion is undefined, not 1');
});

// A contract of Pact and its protobuf plugin, imported: it is verified against a provider, and a stub server answers from it.
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { startStubServer, verifyProvider } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import {
  GetBookRequestSchema,
  GetBookResponseSchema,
  LibraryService,
} from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { runInTerminal } from '../../unit/kit/command-line/fake-terminal.ts';
import { callOf, contentsOf, pactFile } from '../../unit/kit/pact-import/pact-files.ts';
import { makeDirectory, readContract } from './contract-files.ts';
import { startLibraryProvider } from './library-provider.ts';

const found = callOf(
  contentsOf(GetBookRequestSchema, { bookId: 'b1' }),
  contentsOf(
    GetBookResponseSchema,
    { book: { title: 'Emma', copies: 3, keywords: ['love'] } },
    { '$.book.copies': { match: 'integer' }, '$.book.keywords': { match: 'type', min: 1 } },
  ),
  { description: 'a book', providerStates: [{ name: 'book b1 is there' }] },
);
const missing = callOf(
  contentsOf(GetBookRequestSchema, { bookId: 'none' }),
  contentsOf(GetBookResponseSchema, new Uint8Array(), {}, { 'grpc-status': 'NOT_FOUND' }),
  { description: 'a missing book' },
);

/** Writes a Pact file and imports it with the command. Returns the folder of contracts, and what was printed. */
async function importFile(text: string, ...given: readonly string[]) {
  const directory = await makeDirectory();
  const file = join(directory.path, 'pact.json');
  const contracts = join(directory.path, 'contracts');
  await writeFile(file, text);
  const run = () => runInTerminal(['import', file, '--directory', contracts, ...given]);
  return {
    ...directory,
    file,
    contracts,
    run,
    ...(await run()),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

describe('an imported contract', () => {
  it('is honoured by a provider that does what Pact was told, and not by one that does not', async () => {
    await using imported = await importFile(pactFile([found, missing]));
    expect([imported.exitCode, imported.errors]).toEqual([0, '']);
    await using library = await startLibraryProvider();
    const states = (title: string) => ({
      'book b1 is there': () => void library.books.set('b1', { title, copies: 8, keywords: ['a', 'b'] }),
    });
    const verify = (title: string) =>
      verifyProvider({
        provider: 'Library',
        url: library.url,
        contracts: imported.contracts,
        services: [LibraryService],
        states: states(title),
      });

    expect(await verify('Emma')).toMatchObject({ isHonoured: true });
    const refused = await verify('Persuasion');
    expect(refused.isHonoured).toBe(false);
    expect(String(refused)).toContain('book.title');
  });

  it('is served by a stub server', async () => {
    await using imported = await importFile(pactFile([found, missing]));
    await using stub = await startStubServer(imported.contracts, {
      services: [LibraryService],
      states: ['book b1 is there'],
    });
    const client = createClient(LibraryService, createGrpcTransport({ baseUrl: stub.url }));

    expect((await client.getBook({ bookId: 'b1' })).book).toMatchObject({ title: 'Emma', copies: 3 });
    await expect(client.getBook({ bookId: 'none' })).rejects.toThrow('not_found');
  });

  it('has what a new import has, and with --prune nothing else', async () => {
    await using imported = await importFile(pactFile([found, missing]));
    await writeFile(imported.file, pactFile([missing]));
    const descriptions = async () => {
      const { interactions } = await readContract(imported.contracts, 'Reader-Library.json');
      return interactions.map(({ description }: { description: string }) => description);
    };

    await imported.run();
    expect(await descriptions()).toEqual(['a book', 'a missing book']);
    const { out } = await runInTerminal(['import', imported.file, '--directory', imported.contracts, '--prune']);
    expect(await descriptions()).toEqual(['a missing book']);
    expect(out).toContain('removed: a book');
  });

  it('has other names if they are given, and ends with 1 with --strict if something is not carried over', async () => {
    const names = ['--consumer', 'Web', '--provider', 'Books'];
    await using imported = await importFile(pactFile([{ ...found, pending: true }]), ...names, '--strict');

    expect(await readdir(imported.contracts)).toEqual(['Web-Books.json']);
    expect(imported.errors).toContain('not carried over: "a book": "pending" is left out');
    expect(imported.exitCode).toBe(1);
  });

  it('is not written if the file has an error or nothing of the plugin', async () => {
    for (const [text, fault] of [
      [
        pactFile([{ ...found, request: { contents: { content: 7 } } }]),
        'pact.json: "a book": request.contents.content is no text',
      ],
      [pactFile([]), 'pact.json: has no interaction of the protobuf plugin'],
    ] as const) {
      await using imported = await importFile(text);
      expect([imported.exitCode, imported.errors]).toEqual([2, `error: file: ${fault}`]);
      await expect(readdir(imported.contracts)).rejects.toThrow('ENOENT');
    }
  });
});

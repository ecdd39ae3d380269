// A real provider is called as its consumers call it, in every protocol; where it has drifted, the field is named.
import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { absent, type Contract, contract, detail, like, regex, verifyProvider } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import {
  Genre,
  LibraryService,
  RefusalSchema,
} from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { runInTerminal } from '../../unit/kit/command-line/fake-terminal.ts';
import { errorOf, makeDirectory } from './contract-files.ts';
import { type Drift, type LibraryProvider, startLibraryProvider } from './library-provider.ts';

const { getBook, listBooks, returnBooks, askLibrarian } = LibraryService.method;

const clientOf = (url: string) => createClient(LibraryService, createGrpcTransport({ baseUrl: url }));

async function recordBook(library: Contract): Promise<void> {
  await library
    .given('book b1 is there', { bookId: 'b1' })
    .uponReceiving('a question for a book')
    .calls(getBook, { bookId: 'b1' })
    .withMetadata({ 'x-reader': 'r1' })
    .withDeadline({ atMostMs: 3000 })
    .repliesWith(
      { book: { bookId: 'b1', title: like('Emma'), copies: 0, genre: Genre.FICTION, subtitle: absent() } },
      { headers: { 'x-shelf': regex(/^[A-Z]\d$/, 'A1') } },
    )
    .run(({ url }) => clientOf(url).getBook({ bookId: 'b1' }, { headers: { 'x-reader': 'r1' }, timeoutMs: 2000 }));
}

async function recordMissingBook(library: Contract): Promise<void> {
  await library
    .uponReceiving('a question for no book')
    .calls(getBook, { bookId: 'b404' })
    .failsWith(Code.NotFound, 'there is none', [detail(RefusalSchema, { reason: 'NO_SUCH_BOOK' })])
    .run(({ url }) => errorOf(clientOf(url).getBook({ bookId: 'b404' })));
}

async function recordStreams(library: Contract): Promise<void> {
  const books = library
    .given('book b1 is there', { bookId: 'b1' })
    .uponReceiving('a walk')
    .calls(listBooks, { genre: Genre.FICTION })
    .repliesWith([{ book: { title: like('Emma') } }]);
  const pile = library
    .uponReceiving('a pile')
    .calls(returnBooks, [{ bookId: 'b1' }, { bookId: 'b2' }])
    .repliesWith({ count: 2 });
  const talk = library
    .uponReceiving('a conversation')
    .calls(askLibrarian, [{ question: 'a' }, { question: 'b' }])
    .repliesWith([{ answer: 'why a' }, { answer: 'why b' }]);
  await books.run(({ url }) => Array.fromAsync(clientOf(url).listBooks({ genre: Genre.FICTION })));
  await pile.run(({ url }) => clientOf(url).returnBooks(listOf([{ bookId: 'b1' }, { bookId: 'b2' }])));
  await talk.run(({ url }) =>
    Array.fromAsync(clientOf(url).askLibrarian(listOf([{ question: 'a' }, { question: 'b' }]))),
  );
}

async function* listOf<T>(values: T[]): AsyncGenerator<T> {
  yield* values;
}

/** Records a contract, and starts a library that has drifted from it or not. */
async function recordedLibrary(record: (library: Contract) => Promise<unknown>, drift: Drift = {}) {
  const resources = new AsyncDisposableStack();
  const { path } = resources.use(await makeDirectory());
  await record(contract('Reader', 'Library', { directory: path }));
  const provider = resources.use(await startLibraryProvider(drift));
  const services = [LibraryService];
  const options = { contracts: path, provider: 'Library', url: provider.url, services, states: bookStates(provider) };
  return { provider, options, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** Records a contract, and verifies a library against it that has drifted or not. */
async function verify(record: (library: Contract) => Promise<void>, drift: Drift = {}) {
  await using library = await recordedLibrary(record, drift);
  const { provider, options } = library;
  return { verification: await verifyProvider(options), provider };
}

function bookStates({ books }: LibraryProvider) {
  return {
    'book b1 is there': ({ bookId }: Record<string, unknown>) => {
      books.set(String(bookId), {
        bookId: String(bookId),
        title: 'Evelina',
        genre: Genre.FICTION,
        catalogueNumber: 7n,
      });
      return { teardown: () => books.clear() };
    },
  };
}

describe('a provider', () => {
  it('that honours its contract does so in every protocol, each time from a freshly set up state', async () => {
    const { verification, provider } = await verify(recordBook);

    expect(verification.toString().split('\n')).toEqual([
      'consumer  interaction                                    Connect JSON, HTTP/1.1  Connect JSON, HTTP/2  ' +
        'Connect binary, HTTP/1.1  Connect binary, HTTP/2  gRPC, HTTP/2  gRPC-Web, HTTP/1.1  gRPC-Web, HTTP/2',
      expect.stringMatching(/^Reader {4}a question for a book, given book b1 is there( +ok){7}$/),
    ]);
    expect(verification.isHonoured).toBe(true);
    expect(provider.books.size).toBe(0);
    expect(provider.headersSeen).toHaveLength(7);
    const header = provider.headersSeen[0];
    expect([header?.get('x-reader'), header?.get('connect-timeout-ms')]).toEqual(['r1', '3000']);
  });

  it('honours errors by code and detail, whatever their words', async () => {
    const { verification } = await verify(recordMissingBook);

    expect(verification.toString()).not.toContain('FAILED');
  });

  it('honours streams, conversations over HTTP/2 alone', async () => {
    const { verification } = await verify(recordStreams);

    expect(verification.isHonoured).toBe(true);
    expect(verification.interactions.map(({ title, checks }) => [title, checks.length])).toEqual([
      ['a conversation', 4],
      ['a pile', 7],
      ['a walk, given book b1 is there', 7],
    ]);
  });
});

describe('a provider that has drifted', () => {
  it.each<{ drift: string; change: Drift; record?: (library: Contract) => Promise<void>; difference: string }>([
    {
      drift: 'a field dropped',
      change: { getBook: (book) => ({ ...book, title: '' }) },
      difference: '    book.title\n      expected a value like "Emma"\n      actual   ""',
    },
    {
      drift: 'another default',
      change: { getBook: (book) => ({ ...book, copies: 1 }) },
      difference: '    book.copies\n      expected 0\n      actual   1',
    },
    {
      drift: 'an enum value that was not agreed on',
      change: { getBook: (book) => ({ ...book, genre: Genre.SCIENCE }) },
      difference: '    book.genre\n      expected GENRE_FICTION\n      actual   GENRE_SCIENCE',
    },
    {
      drift: 'a field filled in that was absent',
      change: { getBook: (book) => ({ ...book, subtitle: '' }) },
      difference: '    book.subtitle\n      expected nothing\n      actual   ""',
    },
    {
      drift: 'another error code',
      record: recordMissingBook,
      change: { notFound: { code: Code.Internal, reason: 'NO_SUCH_BOOK' } },
      difference: '    error.code\n      expected not_found\n      actual   internal: no book b404',
    },
    {
      drift: 'another error detail',
      record: recordMissingBook,
      change: { notFound: { code: Code.NotFound, reason: 'GONE' } },
      difference: '    error.details[0].reason\n      expected "NO_SUCH_BOOK"\n      actual   "GONE"',
    },
  ])('is reported by field: $drift', async ({ record, change, difference }) => {
    const { verification } = await verify(record ?? recordBook, change);

    expect(verification.isHonoured).toBe(false);
    expect(verification.toString()).toContain(`of Reader\n  in all 7 ways:\n${difference}`);
    expect(() => verification.assertHonoured()).toThrow('Library does not honour "a question for');
  });
});

describe('a verification', () => {
  it('refuses to begin without a handler for each state, and names the state', async () => {
    await using directory = await makeDirectory();
    await recordBook(contract('Reader', 'Library', { directory: directory.path }));
    await using provider = await startLibraryProvider();
    const options = { contracts: directory.path, url: provider.url, services: [LibraryService] };

    const error = await errorOf(verifyProvider(options));

    expect(error.message).toBe(
      'states: there is no handler for\n  "book b1 is there", for "a question for a book, given book b1 is there"',
    );
    expect(provider.headersSeen).toEqual([]);
  });

  it('sends headers of its own with every call, but none in place of one of the consumer', async () => {
    await using library = await recordedLibrary(recordBook);

    const headers = { authorization: 'Bearer t0ken', 'X-Reader': 'verifier' };
    const verification = await verifyProvider({ ...library.options, headers });

    verification.assertHonoured();
    const seen = library.provider.headersSeen.map((sent) => [sent.get('authorization'), sent.get('x-reader')]);
    expect(seen).toEqual(Array(7).fill(['Bearer t0ken', 'r1']));
  });

  it('gives a call the deadline of its consumer, and the timeout of the options only where it sets none', async () => {
    await using library = await recordedLibrary(recordBook);

    (await verifyProvider({ ...library.options, timeoutMs: 1 })).assertHonoured();
  });

  it('sends a deadline where the consumer has any', async () => {
    await using library = await recordedLibrary((reader) =>
      reader
        .uponReceiving('a question for no book')
        .calls(getBook, { bookId: 'b404' })
        .withDeadline()
        .failsWith(Code.NotFound, 'there is none')
        .run(({ url }) => errorOf(clientOf(url).getBook({ bookId: 'b404' }, { timeoutMs: 2000 }))),
    );

    const wires = ['Connect JSON, HTTP/1.1'] as const;
    (await verifyProvider({ ...library.options, wires, timeoutMs: 4000 })).assertHonoured();

    expect(library.provider.headersSeen.map((header) => header.get('connect-timeout-ms'))).toEqual(['4000']);
  });

  it('is of the contracts with the provider of that very name', async () => {
    await using library = await recordedLibrary(recordMissingBook);
    await recordMissingBook(contract('Reader', 'Library2', { directory: library.options.contracts }));

    const { interactions } = await verifyProvider(library.options);

    expect(interactions.map(({ provider }) => provider)).toEqual(['Library']);
  });

  it('by kit verify sends its headers, and is of the contracts with that provider alone', async () => {
    await using library = await recordedLibrary(recordMissingBook);
    const { contracts, url } = library.options;
    await recordBook(contract('Reader', 'Library2', { directory: contracts }));

    const target = ['--provider', url, '--provider-name', 'Library', '--header', 'Authorization: Bearer t0ken'];
    const given = ['verify', contracts, '--descriptors', 'packages/kit/examples/library/proto', '--wire', 'grpc'];
    const { exitCode, out } = await runInTerminal([...given, ...target]);

    expect([exitCode, out]).toEqual([0, expect.stringMatching(/^consumer .*\nReader .* ok$/)]);
    expect(library.provider.headersSeen.map((header) => header.get('authorization'))).toEqual(['Bearer t0ken']);
  });

  it('that finds nothing to verify is an error', async () => {
    await using directory = await makeDirectory();
    await recordMissingBook(contract('Reader', 'Library', { directory: directory.path }));
    const options = { contracts: directory.path, url: 'http://127.0.0.1:1', services: [LibraryService] };

    await expect(verifyProvider({ ...options, provider: 'Archive' })).rejects.toThrow(
      'there is no RPC of Archive to verify',
    );
  });

  it('reports a service that no longer has the RPC', async () => {
    await using directory = await makeDirectory();
    await recordMissingBook(contract('Reader', 'Library', { directory: directory.path }));

    const verification = await verifyProvider({ contracts: directory.path, url: 'http://127.0.0.1:1', services: [] });

    expect(verification.toString()).toContain('there is no RPC library.v1.LibraryService/GetBook in "services"');
  });

  it('reports a state that could not be set up, and tears down the others', async () => {
    await using directory = await makeDirectory();
    const undone: string[] = [];
    await contract('Reader', 'Library', { directory: directory.path })
      .given('the doors are open')
      .given('the lights are on')
      .uponReceiving('a question for no book')
      .calls(getBook, { bookId: 'b404' })
      .failsWith(Code.NotFound, 'none')
      .run(({ url }) => errorOf(clientOf(url).getBook({ bookId: 'b404' })));

    const verification = await verifyProvider({
      contracts: directory.path,
      url: 'http://127.0.0.1:1',
      services: [LibraryService],
      wires: ['gRPC, HTTP/2'],
      states: {
        'the doors are open': () => ({ teardown: () => undone.push('doors') }),
        'the lights are on': () => {
          throw new Error('no power');
        },
      },
    });

    expect(verification.toString()).toContain('state "the lights are on": setting it up failed: no power');
    expect(undone).toEqual(['doors']);
  });

  it('reports a provider that is unreachable', async () => {
    await using directory = await makeDirectory();
    await recordMissingBook(contract('Reader', 'Library', { directory: directory.path }));

    const verification = await verifyProvider({
      contracts: directory.path,
      url: 'http://127.0.0.1:1',
      services: [LibraryService],
      wires: ['Connect JSON, HTTP/1.1'],
    });

    expect(verification.toString()).toContain('error.code\n      expected not_found\n      actual   unavailable');
  });
});

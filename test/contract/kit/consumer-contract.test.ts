// A consumer's test runs its real client against a mock provider on a real port, and the contract file is what came of it.
import { readdir } from 'node:fs/promises';
import { type Client, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { anyOf, type Contract, contract, detail, like, regex } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import {
  Genre,
  LibraryService,
  RefusalSchema,
} from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { errorOf, makeDirectory, readContract } from './contract-files.ts';

const { getBook, lendBook, listBooks, returnBooks, askLibrarian } = LibraryService.method;

function clientOf(
  url: string,
  transport: Transport = createGrpcTransport({ baseUrl: url }),
): Client<typeof LibraryService> {
  return createClient(LibraryService, transport);
}

type LibraryContract = AsyncDisposable & {
  readonly library: Contract;
  readonly path: string;
};

/** A contract in a folder of its own. */
async function openLibraryContract(): Promise<LibraryContract> {
  const directory = await makeDirectory();
  const library = contract('Reader', 'Library', { directory: directory.path });
  return { library, path: directory.path, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

function askForBook(library: Contract, description = 'a question for a book') {
  return library.uponReceiving(description).calls(getBook, { bookId: 'b1' });
}

describe('a consumer contract', () => {
  it('loses the interactions of renamed tests when it is pruned, and no others', async () => {
    await using opened = await openLibraryContract();
    const ask = ({ url }: { url: string }) => clientOf(url).getBook({ bookId: 'b1' });
    await askForBook(opened.library, 'an old name').repliesWith({}).run(ask);
    const library = contract('Reader', 'Library', { directory: opened.path });
    const given = library.given('b1 is lent', { to: 'm1' }).given('it rains');
    await given.uponReceiving('a question').calls(getBook, { bookId: 'b1' }).repliesWith({}).run(ask);
    await askForBook(library, 'a new name').repliesWith({}).run(ask);

    expect([await library.prune(), await library.prune()]).toEqual([['an old name'], []]);

    const { interactions } = await readContract(opened.path, 'Reader-Library.json');
    expect(interactions.map(({ description }: { description: string }) => description)).toEqual([
      'a new name',
      'a question',
    ]);
  });

  it('is written when the consumer makes the call it declares', { tags: 'seed-3.3' }, async () => {
    await using fixture = await openLibraryContract();

    const title = await fixture.library
      .given('book b1 is there', { bookId: 'b1' })
      .uponReceiving('a question for a book')
      .calls(getBook, { bookId: 'b1' })
      .repliesWith({
        book: { bookId: 'b1', title: like('Emma'), copies: 0, genre: anyOf(Genre.FICTION, Genre.SCIENCE) },
      })
      .run(async ({ url }) => (await clientOf(url).getBook({ bookId: 'b1' })).book?.title);

    expect(title).toBe('Emma');
    const { consumer, provider, interactions } = await readContract(fixture.path, 'Reader-Library.json');
    expect([consumer, provider, interactions.length]).toEqual([{ name: 'Reader' }, { name: 'Library' }, 1]);
    expect(interactions[0]).toMatchObject({
      type: 'Synchronous/HTTP',
      description: 'a question for a book',
      providerStates: [{ name: 'book b1 is there', params: { bookId: 'b1' } }],
      request: { method: 'POST', path: '/library.v1.LibraryService/GetBook', body: { content: { bookId: 'b1' } } },
      response: { status: 200, body: { content: { book: { bookId: 'b1', title: 'Emma', genre: 'GENRE_FICTION' } } } },
    });
  });

  it.each([
    { protocol: 'gRPC', transport: (baseUrl: string) => createGrpcTransport({ baseUrl }) },
    { protocol: 'gRPC-Web', transport: (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }) },
    {
      protocol: 'Connect binary',
      transport: (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: true }),
    },
    {
      protocol: 'Connect JSON',
      transport: (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false }),
    },
  ])('sees into a body of $protocol', async ({ transport }) => {
    await using fixture = await openLibraryContract();
    const declaration = askForBook(fixture.library).repliesWith({ book: { title: 'Emma' } });

    await declaration.run(({ url }) =>
      clientOf(url, transport(url)).getBook({ bookId: 'b1', withContributors: false }),
    );
    const error = await errorOf(
      declaration.run(({ url }) => clientOf(url, transport(url)).getBook({ bookId: 'b2', withContributors: true })),
    );

    expect(error.message).toContain('bookId is "b2", not "b1"; withContributors is true, not nothing');
  });

  it('is not written when the consumer calls otherwise, and says how', async () => {
    await using fixture = await openLibraryContract();

    const error = await errorOf(
      askForBook(fixture.library)
        .repliesWith({})
        .run(({ url }) => clientOf(url).getBook({ bookId: 'b2' })),
    );

    expect(error.message).toBe(
      'Reader calls Library otherwise than declared:\n  library.v1.LibraryService/GetBook: no interaction accepts this ' +
        'call; nearest is "a question for a book", but bookId is "b2", not "b1"',
    );
    expect(await readdir(fixture.path)).toEqual([]);
  });

  it('is not written when the consumer swallows the error of an undeclared call', async () => {
    await using fixture = await openLibraryContract();

    const error = await errorOf(
      askForBook(fixture.library)
        .repliesWith({})
        .run(async ({ url }) => {
          await clientOf(url).getBook({ bookId: 'b1' });
          await errorOf(clientOf(url).lendBook({ bookId: 'b1' }));
        }),
    );

    expect(error.message).toContain('library.v1.LibraryService/LendBook has no interaction');
  });

  it('is not written when the consumer writes JSON with a field that does not exist', async () => {
    await using fixture = await openLibraryContract();
    const post = async (url: string, body: string) => {
      const answer = await fetch(`${url}/library.v1.LibraryService/GetBook`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      return answer.text();
    };
    const declaration = askForBook(fixture.library).repliesWith({});
    const answers: string[] = [];

    const error = await errorOf(
      declaration.run(async ({ url }) => answers.push(await post(url, '{"bookId":"b1","booktitle":"Emma"}'))),
    );
    await declaration.run(({ url }) => post(url, '{"bookId":"b1","withContributors":false}'));

    expect(answers[0]).toContain('"booktitle\\" is unknown');
    expect(error.message).toMatch(/GetBook: the request cannot be read: .* key "booktitle" is unknown$/);
  });

  it('is not written when the consumer does not call at all', async () => {
    await using fixture = await openLibraryContract();

    const error = await errorOf(
      askForBook(fixture.library)
        .repliesWith({})
        .run(() => 'nothing was called'),
    );

    expect(error.message).toBe('Reader was declared to call Library, and did not:\n  a question for a book');
    expect(await readdir(fixture.path)).toEqual([]);
  });

  it('is not written when the consumer cannot use the answer', async () => {
    await using fixture = await openLibraryContract();

    const error = await errorOf(
      askForBook(fixture.library)
        .repliesWith({})
        .run(async ({ url }) => {
          const { book } = await clientOf(url).getBook({ bookId: 'b1' });
          if (!book) throw new Error('no book came');
        }),
    );

    expect(error.message).toBe('no book came');
    expect(await readdir(fixture.path)).toEqual([]);
  });

  it('holds several interactions of one run, and refuses the run when one of them was not exercised', async () => {
    await using fixture = await openLibraryContract();
    const question = askForBook(fixture.library).repliesWith({ book: { copies: 1 } });
    const loan = fixture.library
      .uponReceiving('a loan')
      .calls(lendBook, { bookId: 'b1', memberId: 'm1' })
      .repliesWith({ copiesLeft: 0 });
    const lend = async (url: string) => {
      await clientOf(url).getBook({ bookId: 'b1' });
      await clientOf(url).lendBook({ bookId: 'b1', memberId: 'm1' });
    };

    const error = await errorOf(
      fixture.library.run([question, loan], ({ url }) => clientOf(url).getBook({ bookId: 'b1' })),
    );
    await fixture.library.run([question, loan], ({ url }) => lend(url));

    expect(error.message).toContain('and did not:\n  a loan');
    const { interactions } = await readContract(fixture.path, 'Reader-Library.json');
    expect(interactions.map(({ description }: { description: string }) => description)).toEqual([
      'a loan',
      'a question for a book',
    ]);
  });

  it('refuses two interactions of one name that differ', async () => {
    await using fixture = await openLibraryContract();
    const ask = ({ url }: { url: string }) => clientOf(url).getBook({ bookId: 'b1' });
    await askForBook(fixture.library).repliesWith({}).run(ask);

    const error = await errorOf(
      askForBook(fixture.library)
        .repliesWith({ book: { copies: 2 } })
        .run(ask),
    );

    expect(error.message).toContain('"a question for a book" names two different interactions');
  });

  it('is the sum of many tests that end at the same time', async () => {
    await using fixture = await openLibraryContract();
    const descriptions = Array.from({ length: 12 }, (_, index) => `question ${String(index).padStart(2, '0')}`);

    await Promise.all(
      descriptions.map((description) =>
        contract('Reader', 'Library', { directory: fixture.path })
          .uponReceiving(description)
          .calls(getBook, { bookId: 'b1' })
          .repliesWith({})
          .run(({ url }) => clientOf(url).getBook({ bookId: 'b1' })),
      ),
    );

    const { interactions } = await readContract(fixture.path, 'Reader-Library.json');
    expect(interactions.map(({ description }: { description: string }) => description)).toEqual(descriptions);
    expect(await readdir(fixture.path)).toEqual(['Reader-Library.json']);
  });
});

describe('a call that is declared', () => {
  it('fails with its code, message and details', async () => {
    await using fixture = await openLibraryContract();

    const error = await askForBook(fixture.library)
      .failsWith(Code.NotFound, 'there is no such book', [detail(RefusalSchema, { reason: 'NO_SUCH_BOOK' })])
      .run(({ url }) => errorOf(clientOf(url).getBook({ bookId: 'b1' })));

    const refused = ConnectError.from(error);
    expect([refused.code, refused.rawMessage]).toEqual([Code.NotFound, 'there is no such book']);
    expect(refused.findDetails(RefusalSchema)[0]?.reason).toBe('NO_SUCH_BOOK');
  });

  it('must have its metadata', async () => {
    await using fixture = await openLibraryContract();
    const declaration = askForBook(fixture.library)
      .withMetadata({ 'x-reader': regex(/^r\d+$/, 'r1') })
      .repliesWith({}, { headers: { 'x-shelf': 'A1' }, trailers: { 'x-cost': '0' } });
    const ask = (url: string, headers: Record<string, string>) => {
      const seen: Record<string, string | null> = {};
      return clientOf(url)
        .getBook(
          { bookId: 'b1' },
          {
            headers,
            onHeader: (header) => {
              seen.shelf = header.get('x-shelf');
            },
            onTrailer: (trailer) => {
              seen.cost = trailer.get('x-cost');
            },
          },
        )
        .then(() => seen);
    };

    const error = await errorOf(declaration.run(({ url }) => ask(url, { 'x-reader': 'someone' })));
    const seen = await declaration.run(({ url }) => ask(url, { 'x-reader': 'r7' }));

    expect(error.message).toContain('metadata["x-reader"] is "someone", not a text like /^r\\d+$/');
    expect(seen).toEqual({ shelf: 'A1', cost: '0' });
  });

  it('must have its deadline, and no longer one', async () => {
    await using fixture = await openLibraryContract();
    const declaration = askForBook(fixture.library).withDeadline({ atMostMs: 2000 }).repliesWith({});
    const ask = (timeoutMs?: number) =>
      errorOf(
        declaration.run(({ url }) =>
          clientOf(url).getBook({ bookId: 'b1' }, timeoutMs === undefined ? {} : { timeoutMs }),
        ),
      );

    expect((await ask()).message).toContain('deadline is nothing, not at most 2000 ms');
    expect((await ask(3000)).message).toContain('deadline is 3000 ms, not at most 2000 ms');
    expect((await ask(1500)).message).toBe('there was no error');
  });
});

describe('a stream that is declared', () => {
  it('of responses comes as a list, and may end with an error', async () => {
    await using fixture = await openLibraryContract();
    const titles: string[] = [];

    const error = await fixture.library
      .uponReceiving('a walk along the shelf')
      .calls(listBooks, { genre: Genre.FICTION })
      .repliesWith([{ book: { title: 'Emma' } }, { book: { title: 'Ulysses' } }])
      .thenFailsWith(Code.Unavailable, 'closing time')
      .run(({ url }) =>
        errorOf(
          (async () => {
            for await (const { book } of clientOf(url).listBooks({ genre: Genre.FICTION }))
              titles.push(book?.title ?? '');
          })(),
        ),
      );

    expect([titles, ConnectError.from(error).code]).toEqual([['Emma', 'Ulysses'], Code.Unavailable]);
    const { interactions } = await readContract(fixture.path, 'Reader-Library.json');
    expect(interactions[0].type).toBe('Synchronous/Messages');
  });

  it('of requests is a list that has to come whole', async () => {
    await using fixture = await openLibraryContract();
    const declaration = fixture.library
      .uponReceiving('a pile of books')
      .calls(returnBooks, [{ bookId: 'b1' }, { bookId: 'b2' }])
      .repliesWith({ count: 2 });
    const bring = (...bookIds: string[]) =>
      declaration.run(({ url }) =>
        clientOf(url).returnBooks(
          (async function* () {
            for (const bookId of bookIds) yield { bookId };
          })(),
        ),
      );

    expect((await bring('b1', 'b2')).count).toBe(2);
    expect((await errorOf(bring('b1'))).message).toContain('requests is 1, not 2 messages');
    expect((await errorOf(bring('b1', 'b3'))).message).toContain('requests[1].bookId is "b3", not "b2"');
  });

  it('in both directions answers each request before the next one is sent', async () => {
    await using fixture = await openLibraryContract();

    const answers = await fixture.library
      .uponReceiving('a conversation')
      .calls(askLibrarian, [{ question: 'who?' }, { question: 'when?' }])
      .repliesWith([{ answer: 'Ada' }, { answer: '1815' }, { answer: 'good bye' }])
      .run(async ({ url }) => {
        const heard: string[] = [];
        const answered = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
        const questions = (async function* () {
          yield { question: 'who?' };
          await answered[0]?.promise;
          yield { question: 'when?' };
          await answered[1]?.promise;
        })();
        for await (const { answer } of clientOf(url).askLibrarian(questions)) {
          heard.push(answer);
          answered[heard.length - 1]?.resolve();
        }
        return heard;
      });

    expect(answers).toEqual(['Ada', '1815', 'good bye']);
  });
});

describe('a mistake in a declaration', () => {
  it('is refused while it is written: a misspelt field, an unknown enum value, an unknown method', async () => {
    await using fixture = await openLibraryContract();
    const upon = fixture.library.uponReceiving('a mistake');
    const method = LibraryService.method as unknown as Record<string, typeof getBook>;

    expect(() => upon.calls(getBook, { bookid: 'b1' } as never)).toThrow(
      'library.v1.LibraryService/GetBook: request: bookid: library.v1.GetBookRequest has no field "bookid"; it has bookId',
    );
    expect(() => askForBook(fixture.library).repliesWith({ book: { titel: 'Emma' } } as never)).toThrow(
      'response: book.titel: library.v1.Book has no field "titel"',
    );
    expect(() => upon.calls(listBooks, { genre: 9 as Genre })).toThrow(
      'request: genre: library.v1.Genre has no value 9',
    );
    expect(() => upon.calls(method.borrowBook as typeof getBook, {})).toThrow('an RPC that its service does not have');
    expect(() =>
      askForBook(fixture.library).failsWith(Code.NotFound, '', [detail(RefusalSchema, { cause: 'x' } as never)]),
    ).toThrow('error detail 1: cause: library.v1.Refusal has no field "cause"');
  });
});

// A stub server answers from a contract file in every protocol, and refuses calls that are not in the file.
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { type Contract, contract, detail, like, startStubServer, startVirtualService } from '@touchstone/kit';
import { HealthService, ServingStatus } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import { LibraryService, RefusalSchema } from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { errorOf, makeDirectory } from './contract-files.ts';

const { getBook, listBooks } = LibraryService.method;
// More than the hundred streams that a service allows on one connection.
const CONVERSATIONS = 150;

const grpc = (baseUrl: string) => createGrpcTransport({ baseUrl });

/** Records an interaction by making its call. */
async function record(
  library: Contract,
  state: string | undefined,
  description: string,
  bookId: string,
  title: string,
) {
  const declared = state === undefined ? library : library.given(state);
  await declared
    .uponReceiving(description)
    .calls(getBook, { bookId })
    .repliesWith({ book: { title } })
    .run(({ url }) => createClient(LibraryService, grpc(url)).getBook({ bookId }));
}

/** Asks the second question when the first one is answered. */
async function askInTurn(url: string): Promise<string[]> {
  const answered = Promise.withResolvers<void>();
  const questions = (async function* () {
    yield { question: 'why' };
    await answered.promise;
    yield { question: 'and then' };
  })();
  const answers: string[] = [];
  for await (const { answer } of createClient(LibraryService, grpc(url)).askLibrarian(questions)) {
    answers.push(answer);
    answered.resolve();
  }
  return answers;
}

async function startLibrary(write: (library: Contract) => Promise<void>, states?: readonly string[]) {
  await using directory = await makeDirectory();
  await write(contract('Reader', 'Library', { directory: directory.path }));
  return await startStubServer(directory.path, { services: [LibraryService], ...(states && { states }) });
}

describe('a stub server', () => {
  it.each<{ protocol: string; transport: (url: string) => Transport }>([
    { protocol: 'gRPC', transport: grpc },
    { protocol: 'gRPC-Web', transport: (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '2' }) },
    { protocol: 'Connect binary', transport: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1' }) },
    {
      protocol: 'Connect JSON',
      transport: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: false }),
    },
  ])('answers the interactions of its file in $protocol', async ({ transport }) => {
    await using server = await startLibrary(async (library) => {
      await record(library, undefined, 'a question for b1', 'b1', 'Emma');
      await record(library, undefined, 'a question for b2', 'b2', 'Ulysses');
    });
    const client = createClient(LibraryService, transport(server.url));

    const [emma, ulysses] = await Promise.all([client.getBook({ bookId: 'b1' }), client.getBook({ bookId: 'b2' })]);

    expect([emma.book?.title, ulysses.book?.title]).toEqual(['Emma', 'Ulysses']);
  });

  it('answers errors with their details, and streams', async () => {
    await using server = await startLibrary(async (library) => {
      await library
        .uponReceiving('a question for a lost book')
        .calls(getBook, { bookId: 'lost' })
        .failsWith(Code.NotFound, 'lost', [detail(RefusalSchema, { reason: like('LOST') })])
        .run(({ url }) => errorOf(createClient(LibraryService, grpc(url)).getBook({ bookId: 'lost' })));
      await library
        .uponReceiving('a walk')
        .calls(listBooks, {})
        .repliesWith([{ book: { title: 'Emma' } }, { book: { title: 'Ulysses' } }])
        .run(({ url }) => Array.fromAsync(createClient(LibraryService, grpc(url)).listBooks({})));
    });
    const client = createClient(LibraryService, grpc(server.url));

    const error = ConnectError.from(await errorOf(client.getBook({ bookId: 'lost' })));
    const books = await Array.fromAsync(client.listBooks({}));

    expect([error.code, error.findDetails(RefusalSchema)[0]?.reason]).toEqual([Code.NotFound, 'LOST']);
    expect(books.map(({ book }) => book?.title)).toEqual(['Emma', 'Ulysses']);
  });

  it('refuses a call that its file does not have, and names the nearest interaction', async () => {
    await using server = await startLibrary((library) => record(library, undefined, 'a question', 'b1', 'Emma'));
    const client = createClient(LibraryService, grpc(server.url));

    const error = ConnectError.from(await errorOf(client.getBook({ bookId: 'b2' })));

    expect(error.code).toBe(Code.Unimplemented);
    expect(error.rawMessage).toBe(
      'library.v1.LibraryService/GetBook: no interaction accepts this call; nearest is "a question", but bookId is "b2", not "b1"',
    );
    expect(server.unmatchedRequests()).toEqual([error.rawMessage]);
  });

  it('refuses a call that two equally specific interactions accept, and chooses by the state', async () => {
    await using server = await startLibrary(async (library) => {
      await record(library, 'Emma is there', 'a question', 'b1', 'Emma');
      await record(library, 'Ulysses is there', 'a question', 'b1', 'Ulysses');
    });
    const client = createClient(LibraryService, grpc(server.url));

    const error = ConnectError.from(await errorOf(client.getBook({ bookId: 'b1' })));
    server.useStates('Ulysses is there');
    const { book } = await client.getBook({ bookId: 'b1' });

    expect([error.code, error.rawMessage]).toEqual([
      Code.Internal,
      'library.v1.LibraryService/GetBook: both "a question, given Emma is there" and "a question, given Ulysses is there" accept ' +
        'this call, and answer it differently; if the test of one is gone or renamed, prune the contract',
    ]);
    expect(book?.title).toBe('Ulysses');
    expect(() => server.useStates('Emma is lost')).toThrow('states: no interaction is given "Emma is lost"');
  });

  it('answers a call that several interactions accept with the most specific one', async () => {
    await using server = await startLibrary(async (library) => {
      await library
        .uponReceiving('any question')
        .calls(getBook, { bookId: like('b9') })
        .repliesWith({ book: { title: 'some book' } })
        .run(({ url }) => createClient(LibraryService, grpc(url)).getBook({ bookId: 'b9' }));
      await record(library, undefined, 'a question for b1', 'b1', 'Emma');
    });
    const client = createClient(LibraryService, grpc(server.url));

    const books = await Promise.all(['b1', 'b2'].map((bookId) => client.getBook({ bookId })));

    expect(books.map(({ book }) => book?.title)).toEqual(['Emma', 'some book']);
  });

  it('tells who watches its health that it stops', async () => {
    await using server = await startLibrary((library) => record(library, undefined, 'a question', 'b1', 'Emma'));
    const watch = createClient(HealthService, grpc(server.url)).watch({})[Symbol.asyncIterator]();
    const next = async () => (await watch.next()).value?.status;

    const before = await next();
    const [after] = await Promise.all([next(), server.stop()]);

    expect([before, after]).toEqual([ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
    expect(await errorOf(next())).toMatchObject({ code: Code.Unavailable });
  });

  it('has hundreds of conversations open at once on one connection, as the mock provider before it', async () => {
    const converse = async (url: string) => {
      const client = createClient(LibraryService, grpc(url));
      const allOpen = Promise.withResolvers<void>();
      let open = 0;
      const talk = async () => {
        const questions = (async function* () {
          yield { question: 'why' };
          await allOpen.promise;
        })();
        for await (const { answer } of client.askLibrarian(questions)) {
          expect(answer).toBe('because');
          open += 1;
          if (open === CONVERSATIONS) allOpen.resolve();
        }
      };
      await Promise.all(Array.from({ length: CONVERSATIONS }, talk));
      return open;
    };
    let answered = 0;

    await using server = await startLibrary(async (library) => {
      await library
        .uponReceiving('a question')
        .calls(LibraryService.method.askLibrarian, [{ question: 'why' }])
        .repliesWith([{ answer: 'because' }])
        .run(async ({ url }) => {
          answered = await converse(url);
        });
    });

    expect([answered, await converse(server.url)]).toEqual([CONVERSATIONS, CONVERSATIONS]);
  });

  it('answers a conversation at once whose test was renamed, as a virtual service does', async () => {
    await using directory = await makeDirectory();
    const library = contract('Reader', 'Library', { directory: directory.path });
    const { askLibrarian } = LibraryService.method;
    for (const name of ['its old name', 'its new name']) {
      await library
        .uponReceiving(name)
        .calls(askLibrarian, [{ question: 'why' }, { question: 'and then' }])
        .repliesWith([{ answer: 'because' }, { answer: 'it ends' }])
        .run(({ url }) => askInTurn(url));
    }
    await using stub = await startStubServer(directory.path, { services: [LibraryService] });
    await using virtual = await startVirtualService({ services: [LibraryService], contract: directory.path });

    const answers = [await askInTurn(stub.url), await askInTurn(virtual.url)];

    expect(answers).toEqual([
      ['because', 'it ends'],
      ['because', 'it ends'],
    ]);
  });

  it('does not start with a file that does not fit or does not exist', async () => {
    await using directory = await makeDirectory();
    await record(contract('Reader', 'Library', { directory: directory.path }), undefined, 'a question', 'b1', 'Emma');

    await expect(startStubServer(directory.path, { services: [] })).rejects.toThrow(
      '"a question": there is no RPC library.v1.LibraryService/GetBook in "services"',
    );
    await expect(startStubServer(`${directory.path}/none.json`, { services: [LibraryService] })).rejects.toThrow(
      'none.json: there is no such file or folder',
    );
  });
});

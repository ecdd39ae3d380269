// A virtual service without a port: by its transport, by a fetch request, and behind the network mocks of browser tests.
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import {
  createInMemoryService,
  createMswHandlers,
  createPlaywrightHandler,
  type InMemoryService,
  type PlaywrightRoute,
  reset,
} from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { LibraryService } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { WeatherService } from '../../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';

const { getBook, askLibrarian, listBooks } = LibraryService.method;
const bookUrl = 'https://api.example/library.v1.LibraryService/GetBook';

function createLibrary(): Promise<InMemoryService> {
  return createInMemoryService({ services: [LibraryService] });
}

function askForBook(url: string, body = '{"bookId": "b1"}'): Request {
  return new Request(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}

describe('the transport of a service in memory', () => {
  it('answers from stubs, records the calls, and counts them', async () => {
    const library = await createLibrary();
    library.stub(getBook, { bookId: 'b1' }).replies({ book: { title: 'Emma', catalogueNumber: 9007199254740993n } });
    const client = createClient(LibraryService, library.transport);

    const { book } = await client.getBook({ bookId: 'b1' }, { headers: { 'x-tenant': 'north' } });
    const unmatched = await client.getBook({ bookId: 'b2' }).catch(ConnectError.from);

    expect(book).toMatchObject({ title: 'Emma', catalogueNumber: 9007199254740993n });
    expect(unmatched).toMatchObject({
      code: Code.Unimplemented,
      rawMessage: expect.stringContaining('nearest is stub'),
    });
    expect(library.calls(getBook)[0]?.requestHeader.get('x-tenant')).toBe('north');
    expect(library.unmatchedRequests()).toHaveLength(1);
    library.received(getBook).with({ bookId: 'b1' }).times(1);
  });

  it('carries conversations, whose calls a client can end', async () => {
    const library = await createLibrary();
    library.stub(askLibrarian, { question: 'where?' }).replies({ answer: 'there' });
    library.stub(getBook).hangs();
    const client = createClient(LibraryService, library.transport);
    const ask = async function* () {
      yield { question: 'where?' };
    };

    const answers = await Array.fromAsync(client.askLibrarian(ask()), ({ answer }) => answer);
    const given = new AbortController();
    const hanging = client.getBook({}, { signal: given.signal }).catch(ConnectError.from);
    given.abort();

    expect(answers).toEqual(['there']);
    expect(await hanging).toMatchObject({ code: Code.Canceled });
  });

  it('refuses faults, which need a connection, and forgets everything at a reset', async () => {
    const library = await createLibrary();
    library.stub(getBook).replies({});

    expect(() => library.stub(listBooks).withFault(reset()).replies([])).toThrow('faults need a connection');
    await createClient(LibraryService, library.transport).getBook({});
    library.reset();

    expect([library.stubs(), library.journal().calls]).toEqual([[], []]);
  });
});

describe('a service with generated answers', () => {
  const answerOf = async (seed: number, bookId: string) => {
    const library = await createInMemoryService({ services: [LibraryService], generate: { seed } });
    library.stub(getBook, { bookId: 'stubbed' }).replies({ book: { title: 'Emma' } });
    const { book } = await createClient(LibraryService, library.transport).getBook({ bookId });
    expect(library.unmatchedRequests()).toEqual([]);
    return book;
  };

  it('answers a request without a stub in the same way each time, and other requests and seeds in others', async () => {
    const [first, again] = [await answerOf(1, 'b1'), await answerOf(1, 'b1')];

    expect(again).toEqual(first);
    expect(first).toMatchObject({ $typeName: 'library.v1.Book' });
    expect(await answerOf(1, 'b2')).not.toEqual(first);
    expect(await answerOf(2, 'b1')).not.toEqual(first);
    expect(await answerOf(1, 'stubbed')).toMatchObject({ title: 'Emma' });
  });

  it('answers a stream with three messages, and each request of a conversation with one', async () => {
    const library = await createInMemoryService({ services: [LibraryService], generate: { seed: 1 } });
    const client = createClient(LibraryService, library.transport);
    const ask = async function* () {
      yield { question: 'a' };
      yield { question: 'b' };
    };

    expect(await Array.fromAsync(client.listBooks({}))).toHaveLength(3);
    expect(await Array.fromAsync(client.askLibrarian(ask()))).toHaveLength(2);
  });
});

describe('a fetch request', () => {
  it('is answered in the protocol of a browser client, whatever its host and base path are', async () => {
    const library = await createLibrary();
    library.stub(listBooks).replies([{ book: { title: 'Emma' } }, { book: { title: 'Ulysses' } }]);
    const transport = createConnectTransport({
      baseUrl: 'https://api.example/v1',
      fetch: async (input, init) => library.handle(new Request(input, init)) ?? Response.error(),
    });

    const books = createClient(LibraryService, transport).listBooks({});

    expect(await Array.fromAsync(books, ({ book }) => book?.title)).toEqual(['Emma', 'Ulysses']);
  });

  it('for another path is left to others', async () => {
    const library = await createLibrary();

    expect(library.handle(askForBook('https://api.example/other.v1.OtherService/GetBook'))).toBeUndefined();
  });
});

describe('handlers for msw', () => {
  it('answer the RPCs of each service, and no other path', async () => {
    const service = await createInMemoryService({ services: [LibraryService, WeatherService] });
    service.stub(getBook).replies({ book: { title: 'Emma' } });
    const http = {
      all: (path: RegExp, resolver: (info: { request: Request }) => Promise<Response> | undefined) => ({
        path,
        resolver,
      }),
    };

    const handlers = await createMswHandlers(service, http);
    const [ofLibrary] = handlers;

    expect(handlers.map(({ path }) => path.test(bookUrl))).toEqual([true, false]);
    expect(ofLibrary?.path.test('https://api.example/libraryXv1.LibraryService/GetBook')).toBe(false);
    expect(await (await ofLibrary?.resolver({ request: askForBook(bookUrl) }))?.json()).toEqual({
      book: { title: 'Emma' },
    });
  });
});

/** A route of Playwright that records what is done with it. */
function routeOf(url: string, headers: Record<string, string>) {
  const done: unknown[] = [];
  const route: PlaywrightRoute = {
    request: () => ({
      method: () => 'POST',
      url: () => url,
      allHeaders: async () => ({ ':authority': 'api.example', 'content-type': 'application/json', ...headers }),
      postDataBuffer: () => Buffer.from('{"bookId": "b1"}'),
    }),
    fulfill: async (response) => void done.push({ ...response, body: response.body.toString() }),
    fallback: async () => void done.push('fallback'),
  };
  return { route, done };
}

describe('a handler for Playwright', () => {
  it('fulfills a route, and lets a page of another origin read the response', async () => {
    const library = await createLibrary();
    library.stub(getBook).replies({ book: { title: 'Emma' } });
    const { route, done } = routeOf(bookUrl, { origin: 'https://shop.example' });

    await (await createPlaywrightHandler(library))(route);

    expect(done).toMatchObject([
      {
        status: 200,
        body: '{"book":{"title":"Emma"}}',
        headers: {
          'content-type': 'application/json',
          'access-control-allow-origin': 'https://shop.example',
          'access-control-expose-headers': expect.stringContaining('content-type'),
        },
      },
    ]);
    library.received(getBook).with({ bookId: 'b1' }).times(1);
  });

  it('leaves other paths to other routes', async () => {
    const { route, done } = routeOf('https://api.example/style.css', {});

    await (await createPlaywrightHandler(await createLibrary()))(route);

    expect(done).toEqual(['fallback']);
  });
});

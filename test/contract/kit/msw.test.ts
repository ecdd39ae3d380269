// A service in memory behind msw itself: clients that call by fetch get the stubs' answers, and the journal has their calls.
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { createInMemoryService, createMswHandlers, type InMemoryService, startVirtualService } from '@touchstone/kit';
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { describe, expect, it, vi } from 'vitest';
import { LibraryService, RefusalSchema } from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { WeatherService } from '../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { PATIENCE } from '../../support/patience.ts';

const { getBook, listBooks } = LibraryService.method;
const baseUrl = 'https://library.example/rpc';

/** Starts msw with a service in memory. A request that no handler answers is an error. */
async function mockLibrary(options: { readonly contract?: string } = {}) {
  const library = await createInMemoryService({ services: [LibraryService], ...options });
  const server = setupServer(
    http.get('https://library.example/theme', () => HttpResponse.json('dark')),
    ...(await createMswHandlers(library, http)),
  );
  server.listen({ onUnhandledFrame: 'error' });
  return { library, server, [Symbol.dispose]: () => server.close() };
}

const connectClient = (url = baseUrl) => createClient(LibraryService, createConnectTransport({ baseUrl: url }));
const outcomesOf = (library: InMemoryService) => library.journal().calls.map(({ outcome }) => outcome);

describe('a service behind msw', () => {
  it.each<{ protocol: string; transport: Transport }>([
    { protocol: 'Connect JSON', transport: createConnectTransport({ baseUrl }) },
    { protocol: 'Connect binary', transport: createConnectTransport({ baseUrl, useBinaryFormat: true }) },
    { protocol: 'Connect by GET', transport: createConnectTransport({ baseUrl, useHttpGet: true }) },
    { protocol: 'gRPC-Web', transport: createGrpcWebTransport({ baseUrl }) },
  ])('answers messages, errors with their details and streams in $protocol', async ({ transport }) => {
    using mocked = await mockLibrary();
    const { library } = mocked;
    library.stub(getBook, { bookId: 'b1' }).replies({ book: { title: 'Emma', catalogueNumber: 9007199254740993n } });
    library
      .stub(getBook, { bookId: 'lost' })
      .fails(Code.NotFound, 'no such book', [{ desc: RefusalSchema, value: { reason: 'LOST' } }]);
    library
      .stub(listBooks)
      .breaksOff([{ book: { title: 'Emma' } }, { book: { title: 'Ulysses' } }], Code.Aborted, 'enough');
    const client = createClient(LibraryService, transport);
    const titles: (string | undefined)[] = [];

    const { book } = await client.getBook({ bookId: 'b1' }, { headers: { 'x-tenant': 'north' } });
    const refusal = await client.getBook({ bookId: 'lost' }).catch(ConnectError.from);
    const ending = await (async () => {
      for await (const listed of client.listBooks({})) titles.push(listed.book?.title);
    })().catch(ConnectError.from);

    expect(book).toMatchObject({ title: 'Emma', catalogueNumber: 9007199254740993n });
    expect(refusal).toMatchObject({ code: Code.NotFound, rawMessage: 'no such book' });
    expect((refusal as ConnectError).findDetails(RefusalSchema)).toMatchObject([{ reason: 'LOST' }]);
    expect([titles, (ending as ConnectError).rawMessage]).toEqual([['Emma', 'Ulysses'], 'enough']);
    expect(library.calls(getBook)[0]?.requestHeader.get('x-tenant')).toBe('north');
    expect(outcomesOf(library)).toEqual(['answered', 'failed', 'failed']);
  });

  it('tells the caller and the journal why a call matches no stub', async () => {
    using mocked = await mockLibrary();
    mocked.library.stub(getBook, { bookId: 'b1' }).replies({});

    const error = await connectClient().getBook({ bookId: 'b2' }).catch(ConnectError.from);

    const why =
      'library.v1.LibraryService/GetBook: no stub matches; nearest is stub(GetBook, { bookId: "b1" }), but bookId is ' +
      '"b2", not "b1"';
    expect(error).toMatchObject({ code: Code.Unimplemented, rawMessage: why });
    expect(mocked.library.unmatchedRequests()).toEqual([why]);
  });

  it('sends the messages of a stream as they come, and learns that its caller has left', async () => {
    using mocked = await mockLibrary();
    const { library } = mocked;
    const left = Promise.withResolvers<never>();
    library.stub(listBooks).replies(async function* () {
      yield { book: { title: 'Emma' } };
      await left.promise;
    });

    const stream = connectClient().listBooks({})[Symbol.asyncIterator]();
    const first = await stream.next();
    await stream.return?.();
    left.reject(new ConnectError('its caller has left', Code.Aborted));

    expect(first.value?.book?.title).toBe('Emma');
    await vi.waitFor(() => expect(outcomesOf(library)).toEqual(['abandoned']), PATIENCE);
  });

  it('leaves other requests to other handlers, and to the network if msw does', async () => {
    await using weather = await startVirtualService({ services: [WeatherService] });
    weather.stub('weather.v1.WeatherService/GetForecast').replies({});
    using mocked = await mockLibrary();
    const elsewhere = () =>
      createClient(WeatherService, createConnectTransport({ baseUrl: weather.url })).getForecast({ town: 'Oslo' });

    const theme = await (await fetch('https://library.example/theme')).json();
    const refused = await elsewhere().catch(ConnectError.from);
    mocked.server.close();
    mocked.server.listen({ onUnhandledFrame: 'bypass' });
    await elsewhere();

    expect(theme).toBe('dark');
    expect(refused).toBeInstanceOf(ConnectError);
    expect(weather.calls('weather.v1.WeatherService/GetForecast')).toHaveLength(1);
    expect(mocked.library.journal().calls).toEqual([]);
  });
});

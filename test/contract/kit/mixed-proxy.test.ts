// A virtual service with `upstream`: calls that match no stub are answered by the real service, and look to it as if they came from the
// caller.
import { Code, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { createControlClient, startControl, startVirtualService, type VirtualServiceOptions } from '@touchstone/kit';
import { describe, expect, it, vi } from 'vitest';
import {
  Genre,
  LibraryService,
  RefusalSchema,
} from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { wires } from '../../../packages/kit/verification/wire.ts';
import {
  askInTurn,
  clientOf,
  errorOf,
  leaveAfterTwo,
  startLibrary,
  streamOf,
} from '../../integration/kit/recording/recorded-library.ts';
import { PATIENCE } from '../../support/patience.ts';

const services = [LibraryService];
const { getBook, listBooks, returnBooks, askLibrarian } = LibraryService.method;

/** Starts a library, and a virtual service in front of it, which stops with it. */
async function startMixed(options: Partial<VirtualServiceOptions> = {}) {
  await using opened = new AsyncDisposableStack();
  const library = opened.use(await startLibrary());
  const service = opened.use(await startVirtualService({ services, upstream: library.url, ...options }));
  const resources = opened.move();
  return { library, service, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

const outcomesOf = ({ calls }: { readonly calls: readonly { outcome: string; isForwarded: boolean }[] }) =>
  calls.map(({ outcome, isForwarded }) => [outcome, isForwarded]);

describe('a virtual service in front of a real one', () => {
  it.each(wires)('forwards every kind of call in its protocol, with errors and details: $name', async (wire) => {
    await using mixed = await startMixed();
    using opened = wire.open(mixed.service.url);
    const client = createClient(LibraryService, opened.transport);

    const { book } = await client.getBook({ bookId: 'b1' });
    const refusal = await errorOf(client.getBook({ bookId: 'lost' }));
    const listed = await Array.fromAsync(client.listBooks({}));
    const brokenOff = await errorOf(Array.fromAsync(client.listBooks({ genre: Genre.SCIENCE })));
    const { count } = await client.returnBooks(streamOf({ bookId: 'b1' }, { bookId: 'b2' }));
    const isTwoWay = wire.http === '2';
    const answers = isTwoWay ? await askInTurn((questions) => client.askLibrarian(questions), 'a', 'b') : [];

    expect([book?.catalogueNumber, listed.length, count]).toEqual([9_007_199_254_740_993n, 2, 2]);
    expect(answers).toEqual(isTwoWay ? ['why a', 'why b'] : []);
    for (const error of [refusal, brokenOff]) {
      expect([error.code, error.metadata.get('x-reason')]).toEqual([Code.NotFound, 'gone']);
      expect(error.findDetails(RefusalSchema)).toMatchObject([{ reason: 'NO_SUCH_BOOK' }]);
    }
    const forms = mixed.library.calls.map(({ context: { protocolName, requestHeader } }) => [
      protocolName,
      requestHeader.get('content-type')?.includes('json') ?? false,
      requestHeader.has('host') ? '1.1' : '2',
    ]);
    const protocol = wire.name.split(/[ ,]/)[0]?.toLowerCase();
    expect(new Set(forms.map(String))).toEqual(new Set([String([protocol, wire.name.includes('JSON'), wire.http])]));
    expect(mixed.service.forwardedCalls).toBe(mixed.library.calls.length);
  });

  it('forwards the calls of several callers, each in its own protocol, format and HTTP version', async () => {
    await using mixed = await startMixed();
    for (const { open } of wires) {
      using opened = open(mixed.service.url);
      await createClient(LibraryService, opened.transport).getBook({ bookId: 'b1' });
    }
    for (const useHttpGet of [true, false]) {
      const transport = createConnectTransport({ baseUrl: mixed.service.url, httpVersion: '1.1', useHttpGet });
      await createClient(LibraryService, transport).getBook({ bookId: 'b1' });
    }

    const forms = mixed.library.calls.map(({ context: { protocolName, requestMethod, requestHeader } }) => {
      const codec = requestHeader.get('content-type')?.includes('json') ? 'JSON' : 'binary';
      return `${requestMethod} ${protocolName} ${codec} ${requestHeader.has('host') ? '1.1' : '2'}`;
    });
    const expected = wires.map(({ name, http }) => {
      const protocol = name.split(/[ ,]/)[0]?.toLowerCase();
      return `POST ${protocol} ${name.includes('JSON') ? 'JSON' : 'binary'} ${http}`;
    });
    expect(forms).toEqual([...expected, 'GET connect binary 1.1', 'POST connect binary 1.1']);
  });

  it('forwards metadata and deadlines, and returns headers and trailers', async () => {
    await using mixed = await startMixed();
    const received: Record<string, string | null> = {};

    await clientOf(mixed.service.url).getBook(
      { bookId: 'b1' },
      {
        timeoutMs: 3000,
        headers: { authorization: 'Bearer s3cret', 'x-tenant': 'north' },
        onHeader: (headers) => Object.assign(received, { shelf: headers.get('x-shelf') }),
        onTrailer: (trailers) => Object.assign(received, { copies: trailers.get('x-copies') }),
      },
    );

    expect(received).toEqual({ shelf: 'A1', copies: '3' });
    const [call] = mixed.library.calls;
    const header = call?.context.requestHeader;
    expect([header?.get('authorization'), header?.get('x-tenant')]).toEqual(['Bearer s3cret', 'north']);
    expect(call?.timeoutMs).toBeLessThanOrEqual(3000);
    expect(call?.timeoutMs).toBeGreaterThan(0);
  });

  it('answers what is stubbed itself, until a stub has no step left, and its journal says what was forwarded', async () => {
    await using mixed = await startMixed();
    const { service, library } = mixed;
    service.stub(getBook, { bookId: 'b2' }).replies({ book: { title: 'stubbed' } });
    service.stub(getBook, { bookId: 'b3' }).fails(Code.Unavailable, 'down').times(1);
    service.stub(askLibrarian, { question: 'a' }).replies({ answer: 'stubbed' });
    service.stub(returnBooks, [{ bookId: 'b9' }]).replies({ count: 9 });
    const client = clientOf(service.url);
    await using control = await startControl({ service });

    const titles = [];
    for (const bookId of ['b1', 'b2']) titles.push((await client.getBook({ bookId })).book?.title);
    const first = await errorOf(client.getBook({ bookId: 'b3' }));
    const second = (await client.getBook({ bookId: 'b3' })).book?.title;
    const { count } = await client.returnBooks(streamOf({ bookId: 'b1' }, { bookId: 'b2' }));
    const stubbed = await askInTurn((questions) => client.askLibrarian(questions), 'a');
    const forwarded = await askInTurn((questions) => client.askLibrarian(questions), 'x', 'a');

    expect([titles, first.code, second, count]).toEqual([['Emma', 'stubbed'], Code.Unavailable, 'Emma', 2]);
    expect([stubbed, forwarded]).toEqual([['stubbed'], ['why x', 'why a']]);
    expect(outcomesOf(service.journal())).toEqual([
      ['answered', true],
      ['answered', false],
      ['failed', false],
      ['answered', true],
      ['answered', true],
      ['answered', false],
      ['answered', true],
    ]);
    expect([library.calls.length, service.forwardedCalls]).toEqual([4, 4]);
    const remote = await (await createControlClient(control.url)).calls({ rpc: getBook });
    expect(remote.map(({ isForwarded }) => isForwarded)).toEqual([true, false, false, true]);
  });

  it('keeps a call that two stubs match, and the rest of a conversation that it has answered', async () => {
    await using mixed = await startMixed();
    const { service, library } = mixed;
    service.stub(getBook, { bookId: 'b1' }).replies({});
    service.stub(getBook, { withContributors: true }).replies({});
    service.stub(askLibrarian, { question: 'a' }).replies({ answer: 'stubbed' });
    const client = clientOf(service.url);

    const ambiguous = await errorOf(client.getBook({ bookId: 'b1', withContributors: true }));
    const unmatched = await errorOf(askInTurn((questions) => client.askLibrarian(questions), 'a', 'x'));

    expect([ambiguous.code, unmatched.code]).toEqual([Code.Internal, Code.Unimplemented]);
    expect(outcomesOf(service.journal())).toEqual(Array(2).fill(['unmatched', false]));
    expect(library.calls).toEqual([]);
  });

  it('passes a deadline and a caller that leaves on to the real service', async () => {
    await using mixed = await startMixed();
    const { service, library } = mixed;

    const late = await errorOf(clientOf(service.url).getBook({ bookId: 'silent' }, { timeoutMs: 300 }));
    await leaveAfterTwo(service.url);

    expect(late.code).toBe(Code.DeadlineExceeded);
    await vi.waitFor(() => {
      expect(library.calls.map(({ context }) => context.signal.aborted)).toEqual([true, true]);
      expect(service.calls(listBooks).map(({ outcome }) => outcome)).toEqual(['abandoned']);
    }, PATIENCE);
  });

  it('answers `unavailable` while the real service is down, and refuses what cannot be its URL', async () => {
    await using service = await startVirtualService({ services, upstream: 'http://127.0.0.1:1' });
    const start = (options: Partial<VirtualServiceOptions>) => startVirtualService({ services, ...options });

    const error = await errorOf(clientOf(service.url).getBook({ bookId: 'b1' }));

    expect(error.code).toBe(Code.Unavailable);
    await expect(start({ upstream: 'library:50051' })).rejects.toThrow('upstream: must be an http or https URL');
    await expect(start({ upstream: 'http://me:s3cret@127.0.0.1' })).rejects.toThrow(/^upstream: must not contain/);
    await expect(start({ upstream: service.url, generate: { seed: 1 } })).rejects.toThrow(/^generate: cannot be given/);
  });
});

// A unary call over real connections: each client with each path of the server. A caller cannot tell them apart.
import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { describe, expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { createUnaryTransport } from '#services/platform/client/unary-transport.ts';
import { EchoService, type echo } from '../../support/echo/echo-service.ts';
import { startEchoServer } from '../../support/echo/start-echo-server.ts';

type Path = 'thin' | 'connect';
const PAIRS: readonly [client: Path, server: Path][] = [
  ['thin', 'thin'],
  ['thin', 'connect'],
  ['connect', 'thin'],
  ['connect', 'connect'],
];

/** Chooses Connect's handler, to which this spelling means the same. */
const spell: Interceptor = (next) => (request) => {
  request.header.set('content-type', 'application/PROTO');
  return next(request);
};

/** Starts a server with this implementation, and a client of one of the pairs. */
async function startPair([client, server]: (typeof PAIRS)[number], say: (typeof echo)['say']) {
  await using resources = new AsyncDisposableStack();
  const { address } = resources.use(await startEchoServer({}, { say }));
  const { url } = address;
  const manager = new Http2SessionManager(url);
  resources.defer(() => manager.abort());
  const interceptors = server === 'connect' ? [spell] : [];
  const transport =
    client === 'thin'
      ? createUnaryTransport({ url, manager, interceptors })
      : createConnectTransport({ baseUrl: url, httpVersion: '2', sessionManager: manager, interceptors });
  const owned = resources.move();
  return { say: createClient(EchoService, transport).say, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const CODES = Object.values(Code).filter((code) => typeof code === 'number');
const never = new Promise<never>(() => undefined);

describe.each(PAIRS)('a call by the client %s to the server %s', (...pair) => {
  it('fails with each code, with the message, the details and the metadata of the implementation', async () => {
    await using called = await startPair(pair, ({ value }) => {
      const info = { desc: ErrorInfoSchema, value: { reason: 'NO_MORE', domain: 'test' } };
      throw new ConnectError('nothing is left: Größe 東', Number(value), { 'x-why': 'sold' }, [info]);
    });

    for (const code of CODES) {
      const error = await called.say({ value: String(code) }).catch((thrown: ConnectError) => thrown);
      expect(error).toMatchObject({ code, rawMessage: 'nothing is left: Größe 東', isWireError: true });
      if (!(error instanceof ConnectError)) throw new Error('the call was answered');
      expect(error.metadata.get('x-why')).toBe('sold');
      expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: 'NO_MORE' }]);
    }
  });

  it('ends at its deadline, of which the implementation learns', async () => {
    const reasons = Promise.withResolvers<unknown>();
    await using called = await startPair(pair, (_, { signal, timeoutMs }) => {
      expect(timeoutMs()).toBeLessThanOrEqual(100);
      signal.addEventListener('abort', () => reasons.resolve(signal.reason));
      return never;
    });

    await expect(called.say({}, { timeoutMs: 100 })).rejects.toMatchObject({ code: Code.DeadlineExceeded });

    expect(await reasons.promise).toBeInstanceOf(ConnectError);
  });

  it('that is cancelled is reset by CANCEL', async () => {
    const caller = new AbortController();
    const reasons = Promise.withResolvers<unknown>();
    await using called = await startPair(pair, (_, { signal }) => {
      signal.addEventListener('abort', () => reasons.resolve(signal.reason));
      caller.abort();
      return never;
    });

    await expect(called.say({}, { signal: caller.signal })).rejects.toMatchObject({ code: Code.Canceled });

    expect(await reasons.promise).toMatchObject({ code: Code.Canceled, rawMessage: expect.stringContaining('(0x8)') });
  });
});

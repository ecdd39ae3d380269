// The limits of connections: their number, their idle time, their headers, the age of their streams.
import { once } from 'node:events';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { Code, ConnectError } from '@connectrpc/connect';
import { HealthService } from '@touchstone/rpc-server';
import { describe, expect, it, vi } from 'vitest';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { createSelfSignedCertificate } from '#local/identity/certificate-authority.ts';
import { openConnection } from '../../support/clients.ts';
import {
  createEchoClient,
  dialects,
  openSocket,
  postJson,
  startEchoServer,
} from '../../support/echo/start-echo-server.ts';
import { PATIENCE } from '../../support/patience.ts';

const SAY = 'echo.v1.EchoService/Say';

/** An HTTP/2 connection whose settings have been exchanged. */
async function openSession(url: string, options = {}) {
  const session = connect(url, options);
  const closed = Promise.withResolvers<void>();
  // A connection that is cut off is closed with an error.
  session.on('error', () => undefined).once('close', closed.resolve);
  await once(session, 'remoteSettings');
  return { session, closed: closed.promise, [Symbol.dispose]: () => session.destroy() };
}

describe('an idle connection', () => {
  it('is closed in HTTP/2, and one with a call is not', async () => {
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    await using echo = await startEchoServer(
      { idleTimeoutMs: 500 },
      {
        say: async (request) => {
          entered.resolve();
          await release.promise;
          return request;
        },
      },
    );
    using busy = await openSession(echo.address.url);
    const call = busy.session.request({ ':method': 'POST', ':path': `/${SAY}`, 'content-type': 'application/json' });
    call.end('"x"');
    await entered.promise;
    using idle = await openSession(echo.address.url);

    await idle.closed;
    expect(busy.session.closed).toBe(false);
    release.resolve();

    expect(await text(call)).toBe('"x"');
    await busy.closed;
  });

  it('is closed in HTTP/2 while it sends a header block without end', async () => {
    await using echo = await startEchoServer({ idleTimeoutMs: 50 });
    const socket = await openSocket(echo.address.port);
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const headersWithoutEnd = Buffer.from([0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82]);

    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings, headersWithoutEnd]));
    socket.resume();
    await once(socket, 'end');

    expect((await postJson(echo.address.url, SAY, '"x"')).status).toBe(200);
    socket.destroy();
  });

  it('is told in HTTP/1.1 for how long it may be used again', async () => {
    await using echo = await startEchoServer({ idleTimeoutMs: 90_000 });

    expect((await postJson(echo.address.url, SAY, '"x"')).headers.get('keep-alive')).toBe('timeout=90');
  });

  it('is closed in HTTP/1.1 when its headers take too long, with an answer that says so', async () => {
    await using echo = await startEchoServer({ headersTimeoutMs: 50 });
    const socket = await openSocket(echo.address.port);

    socket.write(`POST /${SAY} HTTP/1.1\r\nhost: local`);

    expect(await text(socket)).toMatch(/^HTTP\/1.1 408 .*"deadline_exceeded"/s);
    socket.destroy();
  });
});

describe('a quiet HTTP/2 call', () => {
  const forever = {
    async *count(_: unknown, { signal }: { signal: AbortSignal }) {
      yield { value: '1' };
      await once(signal, 'abort');
    },
  };

  it('is pinged while it lasts', async () => {
    await using echo = await startEchoServer({ pingIntervalMs: 500 }, forever);
    using client = await openSession(echo.address.url);
    const pinged = vi.fn();
    client.session.on('ping', pinged);

    const call = client.session.request({
      ':method': 'POST',
      ':path': '/echo.v1.EchoService/Count',
      'content-type': 'application/connect+json',
    });
    call.end(Buffer.from([0, 0, 0, 0, 3, 0x22, 0x31, 0x22]));
    await once(call, 'data');

    await expect.poll(() => pinged.mock.calls.length).toBeGreaterThan(0);
    expect(call.closed).toBe(false);
  });
});

it('connections that break off in the middle of their requests do no harm', async () => {
  await using echo = await startEchoServer();

  for (let round = 0; round < 40; round += 1) {
    using client = await openSession(echo.address.url);
    for (let call = 0; call < 5; call += 1) {
      const stream = client.session.request({
        ':method': 'POST',
        ':path': `/${SAY}`,
        'content-type': 'application/json',
      });
      stream.on('error', () => undefined).write('"x');
    }
    await new Promise(setImmediate);
  }

  expect((await postJson(echo.address.url, SAY, '"x"')).status).toBe(200);
});

describe('the number of connections', () => {
  it('is limited: the one idle longest is closed for a new one, and one with a call never', async () => {
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const onLimit = vi.fn();
    await using echo = await startEchoServer(
      { maxConnections: 2, onLimit },
      {
        say: async (request) => {
          entered.resolve();
          await release.promise;
          return request;
        },
      },
    );
    const busy = postJson(echo.address.url, SAY, '"busy"');
    await entered.promise;
    using idle = await openSession(echo.address.url);
    using newer = await openSession(echo.address.url);

    await idle.closed;
    expect(newer.session.closed).toBe(false);
    release.resolve();

    expect(await (await busy).text()).toBe('"busy"');
    expect(onLimit.mock.calls).toEqual([['connections']]);
  });

  it('is limited for each peer, also under TLS', async () => {
    const tls = createSelfSignedCertificate();
    const onLimit = vi.fn();
    await using echo = await startEchoServer({ maxConnectionsPerPeer: 1, tls, onLimit });
    using first = await openSession(echo.address.url, { ca: tls.cert });
    using second = await openSession(echo.address.url, { ca: tls.cert });

    await first.closed;

    expect(second.session.closed).toBe(false);
    expect(onLimit.mock.calls).toEqual([['peer_connections']]);
  });

  it('leaves room for calls of one connection as it announces', async () => {
    await using echo = await startEchoServer({ maxStreamsPerConnection: 7 });
    using client = await openSession(echo.address.url);

    expect(client.session.remoteSettings.maxConcurrentStreams).toBe(7);
  });
});

describe('a stream that is too old', () => {
  it.each(dialects)('ends with a status that says to call again, in $dialect', async (dialect) => {
    const ended = vi.fn();
    await using echo = await startEchoServer(
      { maxStreamAgeMs: 300, errorDomain: 'shop' },
      {
        async *count(_, { signal }) {
          yield { value: '1' };
          if (!signal.aborted) await once(signal, 'abort');
          ended();
        },
      },
    );
    const counting = async () => {
      for await (const { value } of createEchoClient(dialect, echo.address.url).count({})) expect(value).toBe('1');
    };

    const error = ConnectError.from(await counting().catch((thrown: unknown) => thrown));

    expect(error.code).toBe(Code.Unavailable);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: 'STREAM_TOO_OLD', domain: 'shop' }]);
    expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
    await expect.poll(() => ended).toHaveBeenCalledOnce();
  });
});

it('watches of health have places of their own, which are free again when they end', async () => {
  await using echo = await startEchoServer();
  using first = openConnection(echo.address.url);
  using second = openConnection(echo.address.url);
  const leaving = new AbortController();
  const watch = async (connection: typeof first) => {
    const watching = connection.client(HealthService).watch({}, { signal: leaving.signal })[Symbol.asyncIterator]();
    return (await watching.next()).done;
  };
  await Promise.all(Array.from({ length: 100 }, () => watch(first)));

  await expect(watch(second)).rejects.toMatchObject({ code: Code.ResourceExhausted });
  expect(await second.client(HealthService).check({})).toBeDefined();
  leaving.abort();

  await vi.waitFor(async () => {
    const again = second.client(HealthService).watch({})[Symbol.asyncIterator]();
    expect((await again.next()).done).toBe(false);
  }, PATIENCE);
});

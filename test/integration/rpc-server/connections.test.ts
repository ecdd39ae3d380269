import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createRpcServer } from '@touchstone/rpc-server';
import { describe, expect, it, vi } from 'vitest';
import { createSelfSignedCertificate } from '#local/identity/certificate-authority.ts';
import {
  createEchoClient,
  dialects,
  openSocket,
  postJson,
  startEchoServer,
} from '../../support/echo/start-echo-server.ts';
import { PATIENCE } from '../../support/patience.ts';

const say = 'echo.v1.EchoService/Say';
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const settingsFrameType = 4;

function sayRequest(connection: string): Buffer {
  const body = '"hello"';
  const headers = ['Host: localhost', 'Content-Type: application/json', `Content-Length: ${body.length}`];
  return Buffer.from(
    `POST /${say} HTTP/1.1\r\n${[...headers, `Connection: ${connection}`].join('\r\n')}\r\n\r\n${body}`,
  );
}

/** Resolves when the server has closed the connection, in whatever manner. */
async function untilEnded(socket: Socket): Promise<void> {
  await text(socket).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET') throw error;
  });
  socket.destroy();
}

async function writeByteByByte(socket: Socket, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    // Each byte is its own packet, and the server gets a turn to read it.
    await new Promise((resolve) => socket.write(Buffer.of(byte), resolve));
    await new Promise(setImmediate);
  }
}

describe('a connection', () => {
  it('is HTTP/1.1 also when its bytes come one at a time', async () => {
    await using echo = await startEchoServer();
    const socket = await openSocket(echo.address.port);

    const answer = text(socket);
    await writeByteByByte(socket, sayRequest('close'));

    expect(await answer).toMatch(/^HTTP\/1\.1 200 OK\r\n.*"hello"$/s);
    socket.destroy();
  });

  it('is HTTP/2 also when its bytes come one at a time', async () => {
    await using echo = await startEchoServer();
    const socket = await openSocket(echo.address.port);

    const answer = once(socket, 'data');
    await writeByteByByte(socket, Buffer.concat([preface, emptySettings]));

    const [frame] = (await answer) as [Buffer];
    expect(frame[3]).toBe(settingsFrameType);
    socket.destroy();
  });

  it.each([
    { state: 'begins with a byte of neither protocol', bytes: Buffer.from([0x16, 0x03, 0x01, 0x0d, 0x0a]) },
    { state: 'begins like HTTP/2 and continues differently', bytes: Buffer.from('PRI * HTTP/1.1\r\n\r\n') },
  ])('is closed when it $state, and others are served', async ({ bytes }) => {
    await using echo = await startEchoServer();
    const socket = await openSocket(echo.address.port);

    socket.write(bytes);
    await untilEnded(socket);

    expect((await postJson(echo.address.url, say, '"x"')).status).toBe(200);
  });

  it.each([
    { state: 'sends nothing', bytes: Buffer.alloc(0) },
    { state: 'stops in the middle of the preface', bytes: preface.subarray(0, 10) },
    { state: 'sends the preface and no settings', bytes: preface },
  ])('is closed when it $state for too long, and others are served', async ({ bytes }) => {
    await using echo = await startEchoServer({ firstBytesTimeoutMs: 50 });
    const socket = await openSocket(echo.address.port);

    socket.write(bytes);
    await untilEnded(socket);

    // On a busy machine the first bytes of a good request may come late as well.
    const post = async () => (await postJson(echo.address.url, say, '"x"')).status;
    await vi.waitFor(async () => expect(await post()).toBe(200), PATIENCE);
  });

  it('gets its answer when it has closed its own side after the request', async () => {
    await using echo = await startEchoServer();
    const socket = await openSocket(echo.address.port);

    socket.end(sayRequest('keep-alive'));

    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n.*"hello"$/s);
  });

  it('that closes or breaks off before it has shown its protocol does no harm', async () => {
    await using echo = await startEchoServer();

    const closing = await openSocket(echo.address.port);
    closing.end('PR');
    await untilEnded(closing);
    const breaking = await openSocket(echo.address.port);
    breaking.write('PR', () => breaking.resetAndDestroy());
    await once(breaking, 'close');

    expect((await postJson(echo.address.url, say, '"x"')).status).toBe(200);
  });

  it('aborts the call that runs on it when the caller goes away', async () => {
    const aborted = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    await using echo = await startEchoServer(
      {},
      {
        async say(_, context) {
          context.signal.addEventListener('abort', () => aborted.resolve());
          started.resolve();
          await aborted.promise;
          return {};
        },
      },
    );
    const socket = await openSocket(echo.address.port);

    socket.write(sayRequest('keep-alive'));
    await started.promise;
    socket.destroy();

    await expect(aborted.promise).resolves.toBeUndefined();
  });

  it.each(dialects)('ends the stream that runs on it, its cleaning up included, in $dialect', async (dialect) => {
    const cleanedUp = vi.fn();
    await using echo = await startEchoServer(
      {},
      {
        async *count() {
          try {
            for (;;) {
              yield { value: 'x' };
              await new Promise(setImmediate);
            }
          } finally {
            cleanedUp();
          }
        },
      },
    );
    const leaving = new AbortController();
    const client = createEchoClient(dialect, echo.address.url);

    const counting = async () => {
      for await (const _ of client.count({}, { signal: leaving.signal })) leaving.abort();
    };

    await expect(counting()).rejects.toThrow();
    await expect.poll(() => cleanedUp).toHaveBeenCalledOnce();
  });
});

describe('a TLS port', () => {
  const tls = createSelfSignedCertificate();

  it('serves HTTP/2 and gRPC to those who offer it by ALPN', async () => {
    await using echo = await startEchoServer({ tls });
    const [grpc] = dialects.filter(({ dialect }) => dialect.startsWith('gRPC over'));

    const client = createEchoClient(grpc!, echo.address.url, { nodeOptions: { ca: tls.cert } });

    expect(echo.address.url).toMatch(/^https:/);
    expect((await client.say({ value: 'hello' })).value).toBe('hello');
  });

  it('serves HTTP/1.1 to those who offer nothing', async () => {
    await using echo = await startEchoServer({ tls, httpRoutes: { '/version': (q, r) => r.end(q.httpVersion) } });

    const version = await new Promise<string>((resolve, reject) => {
      requestHttps(`${echo.address.url}/version`, { ca: tls.cert, agent: false }, (response) => resolve(text(response)))
        .on('error', reject)
        .end();
    });

    expect(version).toBe('1.1');
  });
});

describe('listening', () => {
  it('fails with an error that names host and port when the port is taken', async () => {
    await using echo = await startEchoServer();
    const { host, port } = echo.address;
    await using second = createRpcServer({ routes: () => undefined, host, port });

    await expect(second.listen()).rejects.toMatchObject({
      message: `cannot listen on ${host}:${port}: the port is already in use`,
      code: 'EADDRINUSE',
    });
  });

  it('fails a second time and after a stop', async () => {
    await using echo = await startEchoServer();

    await expect(echo.server.listen()).rejects.toThrow('already listening');
    await echo.server.stop();
    await expect(echo.server.listen()).rejects.toThrow('cannot listen again');
  });

  it('gives an address to call when it listens on all of them', async () => {
    await using echo = await startEchoServer({ host: '0.0.0.0' });

    expect(echo.address.url).toBe(`http://127.0.0.1:${echo.address.port}`);
    expect((await postJson(echo.address.url, say, '"x"')).status).toBe(200);
  });
});

describe('a plain HTTP route', () => {
  const httpRoutes = {
    '/metrics': (_: unknown, response: { end(text: string): void }) => response.end('calls 1\n'),
    '/broken': () => {
      throw new Error('the secret cause');
    },
  };

  it('is served over HTTP/1.1, whatever its query', async () => {
    await using echo = await startEchoServer({ httpRoutes });

    const response = await fetch(`${echo.address.url}/metrics?of=all`);

    expect(await response.text()).toBe('calls 1\n');
  });

  it('is served over HTTP/2', async () => {
    await using echo = await startEchoServer({ httpRoutes });
    const session = connectHttp2(echo.address.url);

    const body = await text(session.request({ ':path': '/metrics' })).finally(() => session.close());

    expect(body).toBe('calls 1\n');
  });

  it('answers 500 without its cause when it throws, and reports it', async () => {
    const reported: unknown[] = [];
    const onError = (error: unknown, where: string) => reported.push({ error, where });
    await using echo = await startEchoServer({ httpRoutes, onError });

    const response = await fetch(`${echo.address.url}/broken`);

    expect([response.status, await response.text()]).toEqual([500, 'internal error\n']);
    expect(reported).toEqual([{ error: new Error('the secret cause'), where: '/broken' }]);
  });
});

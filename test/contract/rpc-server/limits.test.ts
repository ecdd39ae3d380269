import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { Code, ConnectError } from '@connectrpc/connect';
import { credentials, Client as GrpcClient, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import {
  createEchoClient,
  dialects,
  openSocket,
  postJson,
  startEchoServer,
} from '../../support/echo/start-echo-server.ts';

const tenMegabytes = 'a'.repeat(10_000_000);
const say = 'echo.v1.EchoService/Say';

/** Calls with these bytes as a gRPC message, the way another Node program would. */
function sayBytes(port: number, path: string, message: Buffer): Promise<ServiceError | null> {
  const client = new GrpcClient(`127.0.0.1:${port}`, credentials.createInsecure());
  const pass = (bytes: Buffer) => bytes;
  return new Promise<ServiceError | null>((resolve) => {
    client.makeUnaryRequest(path, pass, pass, message, new Metadata(), (error) => resolve(error));
  }).finally(() => client.close());
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  const outcome = await call.then(
    () => 'answered',
    (error: unknown) => Code[ConnectError.from(error).code] ?? 'no code',
  );
  return outcome;
}

describe('a request that is too large', () => {
  it.each(dialects)('is answered resource_exhausted in $dialect, and the next call is served', async (dialect) => {
    await using echo = await startEchoServer();
    const client = createEchoClient(dialect, echo.address.url);

    expect(await codeOf(client.say({ value: tenMegabytes }))).toBe('ResourceExhausted');
    expect((await client.say({ value: 'still here' })).value).toBe('still here');
  });

  it('is answered RESOURCE_EXHAUSTED to the gRPC library of other Node programs', async () => {
    await using echo = await startEchoServer();

    const error = await sayBytes(echo.address.port, `/${say}`, Buffer.alloc(10_000_000, 0x0a));

    expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
  });

  it.each([
    { way: 'announced by its length', head: `Content-Length: ${tenMegabytes.length + 2}`, body: `"${tenMegabytes}"` },
    {
      way: 'sent in chunks',
      head: 'Transfer-Encoding: chunked',
      body: `${(tenMegabytes.length + 2).toString(16)}\r\n"${tenMegabytes}"\r\n0\r\n\r\n`,
    },
  ])('leaves its HTTP/1.1 connection to the next request, when $way', async ({ head, body }) => {
    await using echo = await startEchoServer();
    const begin = `POST /${say} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
    const socket = await openSocket(echo.address.port);

    socket.end(`${begin}${head}\r\n\r\n${body}${begin}Connection: close\r\nContent-Length: 12\r\n\r\n"still here"`);

    expect((await text(socket)).match(/HTTP.1.1 \d+|resource_exhausted|"still here"/g)).toEqual([
      'HTTP/1.1 429',
      'resource_exhausted',
      'HTTP/1.1 200',
      '"still here"',
    ]);
  });

  it('is answered while its caller holds back the rest of it', async () => {
    await using echo = await startEchoServer({ maxRequestBytes: 10 });
    const socket = await openSocket(echo.address.port);

    const answer = once(socket, 'data');
    socket.write(`POST /${say} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`);
    socket.write('Content-Length: 100\r\n\r\n"the first half');

    expect(String(await answer)).toMatch(/^HTTP.1.1 429/);
    socket.destroy();
  });

  it('is answered to fetch, which sends its whole body first', async () => {
    await using echo = await startEchoServer();

    const refused = await postJson(echo.address.url, say, JSON.stringify(tenMegabytes));

    expect([refused.status, await refused.json()]).toEqual([
      429,
      { code: 'resource_exhausted', message: expect.stringContaining('4194304') },
    ]);
  });

  it.each([
    { encoding: 'gzip', compress: gzipSync },
    { encoding: 'br', compress: brotliCompressSync },
  ])('is recognized when it is small only because it is compressed with $encoding', async ({ encoding, compress }) => {
    await using echo = await startEchoServer();
    const bomb = compress(JSON.stringify(tenMegabytes));
    expect(bomb.length).toBeLessThan(100_000);

    const response = await fetch(`${echo.address.url}/${say}`, {
      method: 'POST',
      body: new Uint8Array(bomb),
      headers: { 'content-type': 'application/json', 'content-encoding': encoding },
    });

    expect(await response.json()).toMatchObject({ code: 'resource_exhausted' });
  });

  it('is measured by maxRequestBytes', async () => {
    await using echo = await startEchoServer({ maxRequestBytes: 10 });

    const atTheLimit = await postJson(echo.address.url, say, '"12345678"');
    const aboveIt = await postJson(echo.address.url, say, '"123456789"');

    expect([atTheLimit.status, aboveIt.status]).toEqual([200, 429]);
  });
});

describe('a request that makes no sense', () => {
  it('is answered invalid_argument when its JSON is malformed, and the next call is served', async () => {
    await using echo = await startEchoServer();

    const refused = await postJson(echo.address.url, say, '{"value": ');
    const served = await postJson(echo.address.url, say, '"still here"');

    expect([refused.status, await refused.json()]).toEqual([
      400,
      { code: 'invalid_argument', message: expect.any(String) },
    ]);
    expect(await served.json()).toBe('still here');
  });

  it.each([
    { protocol: 'Connect', contentType: 'application/proto', isFramed: false, expected: '"invalid_argument"' },
    { protocol: 'gRPC-Web', contentType: 'application/grpc-web+proto', isFramed: true, expected: 'grpc-status: 3' },
    {
      protocol: 'a Connect stream',
      contentType: 'application/connect+proto',
      isFramed: true,
      rpc: 'echo.v1.EchoService/Join',
      expected: '"invalid_argument"',
    },
  ])('is answered invalid_argument when its protobuf is malformed, in $protocol', async (given) => {
    await using echo = await startEchoServer();
    const malformed = [0x0a, 0x7f, 0x01];

    const response = await fetch(`${echo.address.url}/${given.rpc ?? say}`, {
      method: 'POST',
      headers: { 'content-type': given.contentType },
      body: Uint8Array.from(given.isFramed ? [0, 0, 0, 0, malformed.length, ...malformed] : malformed),
    });

    expect(await response.text()).toContain(given.expected);
    expect((await postJson(echo.address.url, say, '"still here"')).status).toBe(200);
  });

  it('is answered INVALID_ARGUMENT when its protobuf is malformed, in gRPC', async () => {
    await using echo = await startEchoServer();

    const error = await sayBytes(echo.address.port, `/${say}`, Buffer.from([0x0a, 0x7f, 0x01]));

    expect(error?.code).toBe(status.INVALID_ARGUMENT);
  });

  it('is not blamed for what its implementation could not parse', async () => {
    await using echo = await startEchoServer(
      {},
      {
        say() {
          throw new ConnectError('parse binary: the answer of a dependency', Code.Internal);
        },
      },
    );

    const response = await postJson(echo.address.url, say, '"x"');

    expect(await response.json()).toMatchObject({ code: 'internal' });
  });

  it('is answered unimplemented when its RPC is not served, in each protocol', async () => {
    await using echo = await startEchoServer();
    const path = 'echo.v1.EchoService/Shout';

    const grpc = await sayBytes(echo.address.port, `/${path}`, Buffer.from([]));
    const connect = await postJson(echo.address.url, path, '""');
    const grpcWeb = await fetch(`${echo.address.url}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc-web+proto' },
      body: new Uint8Array(5),
    });

    expect(grpc).toMatchObject({ code: status.UNIMPLEMENTED, details: `/${path} is not served here` });
    expect([connect.status, await connect.json()]).toMatchObject([404, { code: 'unimplemented' }]);
    expect([grpcWeb.status, await grpcWeb.text()]).toEqual([200, expect.stringContaining('grpc-status: 12\r\n')]);
  });

  it('is answered 400 when it names no usable host, and the next call is served', async () => {
    await using echo = await startEchoServer();
    const { host, port } = echo.address;
    const { request } = await import('node:http');

    const status = await new Promise<number | undefined>((resolve, reject) => {
      request({ host, port, path: `/${say}`, method: 'POST', headers: { host: 'not a host' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });

    expect(status).toBe(400);
    expect((await postJson(echo.address.url, say, '"x"')).status).toBe(200);
  });
});

// What every request has before its body: host, origin and headers, and what a caller sees when they are refused.
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { openSocket, startEchoServer } from '../../support/echo/start-echo-server.ts';

const SAY = '/echo.v1.EchoService/Say';
type Headers = Record<string, string>;

/** Calls Say by HTTP/1.1 with these headers; returns the whole answer. */
async function callHttp1(port: number, headers: Headers, path = SAY): Promise<string> {
  const socket = await openSocket(port);
  const all = {
    host: 'localhost',
    connection: 'close',
    'content-type': 'application/json',
    'content-length': '3',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n"x"`);
  return await text(socket).finally(() => socket.destroy());
}

/** Calls Say by HTTP/2 with these headers; returns status, trailers and body. */
async function callHttp2(port: number, { host = 'localhost', ...headers }: Headers, path = SAY): Promise<string> {
  const session = connect(`http://127.0.0.1:${port}`);
  using _session = { [Symbol.dispose]: () => session.destroy() };
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    ':authority': host,
    'content-type': 'application/json',
    ...headers,
  });
  let status = '';
  stream.on('response', (head) => {
    status = `${head[':status']} `;
  });
  stream.on('trailers', (trailers) => {
    status += JSON.stringify(trailers);
  });
  stream.end(headers['content-type'] ? Buffer.from([0, 0, 0, 0, 0]) : '"x"');
  const answer = await text(stream);
  return `${status}${answer}`;
}

const calls = [
  { version: 'HTTP/1.1', call: callHttp1 },
  { version: 'HTTP/2', call: callHttp2 },
];

describe.each(calls)('over $version', ({ call }) => {
  it('a request with 140 headers is served, one with more than 256 is told the limit', async () => {
    await using echo = await startEchoServer();
    const pairs = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, 'y']));

    expect(await call(echo.address.port, pairs(140))).toMatch(/200 .*"x"$/s);
    expect(await call(echo.address.port, pairs(257))).toMatch(/431 .*"resource_exhausted".*at most 256 are accepted/s);
  });

  it('a request with headers of 31 KiB is served, one with more than 32 KiB is told the limit', async () => {
    await using echo = await startEchoServer();
    const head = (bytes: number) =>
      Object.fromEntries(Array.from({ length: 4 }, (_, index) => [`x-${index}`, 'y'.repeat(bytes / 4)]));

    expect(await call(echo.address.port, head(31 * 1024))).toMatch(/200 .*"x"$/s);
    expect(await call(echo.address.port, head(33 * 1024))).toMatch(
      /431 .*"resource_exhausted".*at most 32768 are accepted/s,
    );
  });

  it('a request with a path of more than 32 KiB is told the limit: it counts as a header', async () => {
    await using echo = await startEchoServer();

    expect(await call(echo.address.port, {}, `${SAY}?${'y'.repeat(33 * 1024)}`)).toMatch(
      /431 .*"resource_exhausted".*at most 32768 are accepted/s,
    );
  });

  it('a request for another host is refused, before anything is done for it', async () => {
    const say = vi.fn(() => ({}));
    await using echo = await startEchoServer({}, { say });

    const answer = await call(echo.address.port, { host: 'rebound.example' });

    expect(answer).toMatch(/403 .*"permission_denied"/s);
    expect(say).not.toHaveBeenCalled();
  });

  it('a request for another host is served when the host is allowed', async () => {
    await using echo = await startEchoServer({ allowedHosts: ['order.shop.internal'] });

    expect(await call(echo.address.port, { host: 'order.shop.internal:50051' })).toMatch(/200 .*"x"$/s);
  });

  it('a script of another origin is refused although it could not read the answer', async () => {
    await using echo = await startEchoServer();

    expect(await call(echo.address.port, { origin: 'https://evil.example' })).toMatch(/403 .*"permission_denied"/s);
    expect(await call(echo.address.port, { origin: 'http://localhost:3000' })).toMatch(/200 .*"x"$/s);
  });
});

it('headers that even the parser of HTTP/1.1 refuses are told the limit too', async () => {
  await using echo = await startEchoServer();

  expect(await callHttp1(echo.address.port, { big: 'y'.repeat(100_000) })).toMatch(
    /^HTTP\/1.1 431 .*"resource_exhausted".*at most 32768 bytes/s,
  );
});

it('what is no HTTP at all gets an answer that says so', async () => {
  await using echo = await startEchoServer();
  const socket = await openSocket(echo.address.port);

  socket.write('POST / HTTP/1.1\r\nhost localhost\r\n\r\n');

  expect(await text(socket)).toMatch(/^HTTP\/1.1 400 .*"invalid_argument"/s);
  socket.destroy();
});

it.each([
  { protocol: 'gRPC', contentType: 'application/grpc+proto', expected: /^200 .*"grpc-status":"7"/ },
  { protocol: 'gRPC-Web', contentType: 'application/grpc-web+proto', expected: /^200 .*grpc-status: 7\r\n/s },
])('a refused host is permission_denied in $protocol', async ({ contentType, expected }) => {
  await using echo = await startEchoServer();

  expect(await callHttp2(echo.address.port, { host: 'rebound.example', 'content-type': contentType })).toMatch(
    expected,
  );
});

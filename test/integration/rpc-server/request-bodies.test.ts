// Bodies that do not arrive: how long they are waited for, and how much memory they may hold.
import { once } from 'node:events';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import {
  createEchoClient,
  dialects,
  openSocket,
  postJson,
  startEchoServer,
} from '../../support/echo/start-echo-server.ts';

const SAY = '/echo.v1.EchoService/Say';
const CHAT = '/echo.v1.EchoService/Chat';
const LONG_MS = 3_600_000;

/** Sends the head of an HTTP/1.1 request and half of its body; returns the answer. */
async function sendHalf(port: number, headers: Record<string, string> = {}): Promise<string> {
  const socket = await openSocket(port);
  using _socket = { [Symbol.dispose]: () => socket.destroy() };
  const lines = Object.entries({
    host: 'localhost',
    'content-type': 'application/json',
    'content-length': 20,
    ...headers,
  });
  socket.write(`POST ${SAY} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n"half`);
  const [answer] = await once(socket, 'data');
  return String(answer);
}

/** Opens HTTP/2 streams on one connection, and reads the answer of each as it comes. */
function openSession(url: string) {
  const session = connect(url);
  const open = (contentType: string, path = SAY) => {
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': contentType });
    const trailers = once(stream, 'trailers').then(([headers]) => headers as Record<string, string>);
    const answer = text(stream);
    // Those that a test does not wait for end with the session.
    for (const ending of [trailers, answer]) ending.catch(() => undefined);
    return { stream, answer, trailers };
  };
  return { session, open, [Symbol.dispose]: () => session.destroy() };
}

function envelope(message: string): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, Buffer.from(message)]);
}

describe('a request whose body stalls', () => {
  it('is answered at the deadline of its caller', async () => {
    await using echo = await startEchoServer({ bodyTimeoutMs: LONG_MS });

    expect(await sendHalf(echo.address.port, { 'connect-timeout-ms': '50' })).toMatch(
      /^HTTP\/1.1 504 .*"deadline_exceeded"/s,
    );
  });

  it('is answered when the server has waited long enough, without a deadline or with a late one', async () => {
    const onLimit = vi.fn();
    await using echo = await startEchoServer({ bodyTimeoutMs: 50, onLimit });

    const answers = await Promise.all([
      sendHalf(echo.address.port),
      sendHalf(echo.address.port, { 'connect-timeout-ms': String(LONG_MS) }),
    ]);

    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 504 .*not complete within 50 ms/s);
    expect(onLimit.mock.calls).toEqual([['body_timeout'], ['body_timeout']]);
  });

  it('is answered over HTTP/2 too, and its connection serves the next call', async () => {
    await using echo = await startEchoServer({ bodyTimeoutMs: 500 });
    using session = openSession(echo.address.url);
    const stalled = session.open('application/grpc+json');

    stalled.stream.write(envelope('"half"').subarray(0, 8));

    expect(await stalled.trailers).toMatchObject({ 'grpc-status': '4' });
    const next = session.open('application/json');
    next.stream.end('"x"');
    expect(await next.answer).toBe('"x"');
  });

  it('ends a stream in the middle of a message, not between messages', async () => {
    const onLimit = vi.fn();
    await using echo = await startEchoServer({ bodyTimeoutMs: 500, onLimit });
    using session = openSession(echo.address.url);
    const quiet = session.open('application/grpc+json', CHAT);
    const stalled = session.open('application/grpc+json', CHAT);

    quiet.stream.write(envelope('"first"'));
    stalled.stream.write(Buffer.concat([envelope('"first"'), envelope('"half"').subarray(0, 8)]));

    expect(await stalled.trailers).toMatchObject({ 'grpc-status': '4' });
    quiet.stream.end(envelope('"second"'));
    expect(await quiet.answer).toMatch(/"first".*"second"/s);
    expect(onLimit).toHaveBeenCalledOnce();
  });

  it('does not reach the implementation', async () => {
    const say = vi.fn();
    await using echo = await startEchoServer({ bodyTimeoutMs: 50 }, { say });

    await sendHalf(echo.address.port);

    expect(say).not.toHaveBeenCalled();
  });
});

describe('requests that are held back', () => {
  const HALF = Buffer.alloc(500_000, 0x61);

  it('lose their place to others when they hold too much memory together, oldest first, with retry advice', async () => {
    const limits: string[] = [];
    await using echo = await startEchoServer({
      maxRequestBytes: 1_000_000,
      maxRequestBytesInFlight: 4_000_000,
      bodyTimeoutMs: LONG_MS,
      onLimit: (limit) => limits.push(limit),
    });
    using greedy = openSession(echo.address.url);

    const held = Array.from({ length: 20 }, () => greedy.open('application/json'));
    for (const { stream } of held) stream.write(HALF);
    const [first] = await Promise.all(held.slice(0, 8).map(({ answer }) => answer));
    const honest = await Promise.all(
      dialects.map((dialect) => createEchoClient(dialect, echo.address.url).say({ value: 'x' })),
    );

    expect(JSON.parse(first!)).toMatchObject({
      code: 'resource_exhausted',
      details: [{ type: 'google.rpc.RetryInfo' }],
    });
    expect(honest.map(({ value }) => value)).toEqual(dialects.map(() => 'x'));
    expect(new Set(limits)).toEqual(new Set(['request_bytes']));
  });

  it('are rejected in gRPC with retry advice that its clients can read', async () => {
    await using echo = await startEchoServer({ maxRequestBytesInFlight: 20_000, errorDomain: 'shop' });
    const [grpc] = dialects.filter(({ dialect }) => dialect.startsWith('gRPC over'));

    const call = createEchoClient(grpc!, echo.address.url).say({ value: 'x'.repeat(50_000) });
    const error = ConnectError.from(await call.catch((thrown: unknown) => thrown));

    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay).toBeDefined();
  });
});

it.each(dialects)('the body of a call that is over holds no memory, in $dialect', async (dialect) => {
  await using echo = await startEchoServer({ maxRequestBytesInFlight: 40_000 });
  const client = createEchoClient(dialect, echo.address.url);

  for (let call = 0; call < 10; call += 1) await client.say({ value: 'x'.repeat(10_000) });
});

describe('a call that is not admitted', () => {
  it.each(dialects)('is refused before its body has arrived, and others are served, in $dialect', async (dialect) => {
    const say = vi.fn(({ value }: { value: string }) => ({ value }));
    await using echo = await startEchoServer(
      {
        admit: ({ requestHeader }) => {
          if (requestHeader.has('x-refuse')) throw new ConnectError('not now', Code.ResourceExhausted);
        },
      },
      { say },
    );
    const client = createEchoClient(dialect, echo.address.url);

    const refused = client.say({ value: 'x' }, { headers: { 'x-refuse': '1' } });
    await expect(refused).rejects.toMatchObject({ code: Code.ResourceExhausted, rawMessage: 'not now' });
    expect(say).not.toHaveBeenCalled();
    expect(await client.say({ value: 'y' })).toMatchObject({ value: 'y' });
  });

  it('is answered while its body is held back', async () => {
    await using echo = await startEchoServer({
      bodyTimeoutMs: LONG_MS,
      admit: () => {
        throw new ConnectError('not now', Code.ResourceExhausted);
      },
    });

    expect(await sendHalf(echo.address.port)).toMatch(/^HTTP\/1.1 429 .*not now/s);
  });
});

it('a caller of HTTP/2 that sends on after an early answer is read to its end, far beyond the window of flow control', async () => {
  await using echo = await startEchoServer({ maxRequestBytes: 1_000, bodyTimeoutMs: LONG_MS });
  const session = connect(echo.address.url);
  using _session = { [Symbol.dispose]: () => session.destroy() };
  const stream = session.request({ ':method': 'POST', ':path': CHAT, 'content-type': 'application/connect+json' });
  const answer = text(stream);
  stream.write(Buffer.from([0, 0, 0, 0x10, 0])); // A message of 4,096 bytes is announced.
  expect(await answer).toContain('resource_exhausted');

  const closed = once(stream, 'close');
  stream.end(Buffer.alloc(4 * 1024 * 1024));

  await closed;
  expect(stream.rstCode).toBe(0);
});

it('a caller that does not read its answer is cut off', async () => {
  const ended = Promise.withResolvers<void>();
  const chunk = 'x'.repeat(1_000_000);
  await using echo = await startEchoServer(
    { bodyTimeoutMs: 500 },
    {
      async *count() {
        try {
          for (;;) yield { value: chunk };
        } finally {
          ended.resolve();
        }
      },
    },
  );
  const socket = await openSocket(echo.address.port);
  using _socket = { [Symbol.dispose]: () => socket.destroy() };
  socket.on('error', () => undefined);
  const body = envelope('"1"');
  socket.write(
    `POST /echo.v1.EchoService/Count HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/connect+json\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);

  await expect(ended.promise).resolves.toBeUndefined();
  expect((await postJson(echo.address.url, SAY.slice(1), '"x"')).status).toBe(200);
});

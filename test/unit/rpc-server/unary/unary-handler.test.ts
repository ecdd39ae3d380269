// A unary call is answered by the thin path as by Connect's handler: every row is called over both.
import { EventEmitter, getEventListeners } from 'node:events';
import { type ClientHttp2Stream, constants } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createContextValues } from '@connectrpc/connect';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createUnaryHandler } from '#packages/rpc-server/unary-handler.ts';
import { EchoService } from '../../../support/echo/echo-service.ts';
import {
  describeCall,
  describeReason,
  echo,
  expectTheSame,
  fail,
  failsWith,
  HELLO,
  hello,
  type Options,
  OWN,
  ok,
  type Say,
} from './both-paths.ts';
import { PATHS, type Path, type RawCall } from './raw-call.ts';

const LARGE = 'a'.repeat(3_000);

afterEach(() => {
  vi.useRealTimers();
});

it('takes the thin path for the content type of services, and Connect for another spelling', async () => {
  const reasons = async (path: Path) => {
    const calls = [await describeCall(path, echo, hello()(), {}), await describeCall(path, echo, hello()(), {})];
    return calls.map(({ signals }) => signals[0]!.reason);
  };
  const [thin, connect] = [await reasons('thin'), await reasons('connect')];

  // The thin path creates the reason once.
  expect(thin[0]).toBe(thin[1]);
  expect(connect[0]).not.toBe(connect[1]);
});

describe('an answer', () => {
  const withMetadata: Say = (request, { responseHeader, responseTrailer }) => {
    responseHeader.append('x-a', '1');
    responseHeader.append('x-a', '2');
    responseHeader.append('set-cookie', 'a=1');
    responseHeader.append('set-cookie', 'b=2');
    responseTrailer.set('x-b', '3');
    return request;
  };

  it.each<[string, object, Say, RawCall['headers']?]>([
    ['is the message', ok, echo],
    ['has headers and trailers', { ...ok, head: { 'x-a': '1, 2', 'trailer-x-b': '3' } }, withMetadata],
    [
      'is compressed when it is large: gzip',
      { head: { 'content-encoding': 'gzip' } },
      () => ({ value: LARGE }),
      { 'accept-encoding': 'gzip,br' },
    ],
    [
      'is compressed when it is large: br',
      { head: { 'content-encoding': 'br' } },
      () => ({ value: LARGE }),
      { 'accept-encoding': 'deflate, br' },
    ],
    [
      'is not compressed by what is unknown',
      { head: { 'content-length': '3003' } },
      () => ({ value: LARGE }),
      { 'accept-encoding': 'zstd' },
    ],
    ['is not compressed unless asked', { head: { 'content-length': '3003' } }, () => ({ value: LARGE })],
    [
      'is compressed from 1024 bytes on',
      { head: { 'content-encoding': 'gzip' } },
      () => ({ value: 'a'.repeat(1_021) }),
      { 'accept-encoding': 'gzip' },
    ],
    [
      'is not compressed below 1024 bytes',
      { head: { 'content-length': '1023' } },
      () => ({ value: 'a'.repeat(1_020) }),
      { 'accept-encoding': 'gzip' },
    ],
    ['is not compressed when it is small', ok, echo, { 'accept-encoding': 'gzip' }],
    ['may be empty', { body: '', head: { 'content-length': '0' } }, () => ({})],
    [
      'exposes its headers to scripts',
      { head: { 'access-control-allow-origin': 'http://localhost:3000' } },
      echo,
      { origin: 'http://localhost:3000' },
    ],
  ])('%s', async (_, expected, say, headers) => {
    await expectTheSame(expected, say, hello(headers));
  });
});

const HEADERS_OF_PROTOCOLS = [
  ...['content-type', 'content-length', 'content-encoding', 'accept-encoding', 'host', 'user-agent', 'date'],
  ...['trailer', 'trailer-', 'connect-content-encoding', 'connect-accept-encoding', 'connect-timeout-ms'],
  ...['connect-protocol-version', 'grpc-encoding', 'grpc-accept-encoding', 'grpc-timeout', 'grpc-status'],
  ...['grpc-message', 'grpc-status-details-bin'],
];

describe('an error', () => {
  const wired = Object.assign(new ConnectError('no', Code.NotFound, { 'x-a': '1' }), { isWireError: true });
  const detailed = new ConnectError(
    'no',
    Code.FailedPrecondition,
    Object.fromEntries(['x-a', ...HEADERS_OF_PROTOCOLS].map((name) => [name, '1'])),
    [{ desc: StringValueSchema, value: { value: 'why' } }],
  );

  it.each(Object.values(Code).filter((code) => typeof code === 'number'))(
    'has its code and its status: %s',
    async (code) => {
      await expectTheSame(failsWith(code), fail(new ConnectError('no', code)), hello());
    },
  );

  it.each<[string, object, unknown]>([
    ['has details and metadata', { head: { 'x-a': '1' }, body: expect.stringContaining('"debug":"why"') }, detailed],
    ['of another call loses its metadata', failsWith(Code.NotFound, 404), wired],
    ['that is unexpected is internal', { body: '{"code":"internal","message":"internal error"}' }, new Error('secret')],
    ['that is nothing is internal', { body: '{"code":"internal","message":"internal error"}' }, undefined],
    [
      'that looks like a parse error is internal',
      failsWith(Code.Internal, 500),
      new ConnectError('parse binary: a', Code.Internal),
    ],
    ['that is large is compressed', { head: { 'content-encoding': 'gzip' } }, new ConnectError(LARGE, Code.Aborted)],
  ])('%s', async (_, expected, error) => {
    await expectTheSame(expected, fail(error), hello({ 'accept-encoding': 'gzip' }));
  });
});

describe('a request', () => {
  const headers = { 'x-a': ['1', '2'], cookie: 'a=1; b=2', authorization: 'Bearer a', 'user-agent': 'test/1' };

  it.each<[string, object, () => RawCall, Options?]>([
    [
      'reaches the implementation with its headers',
      { ...ok, seen: [{ request: 'hello', requestMethod: 'POST' }] },
      hello(headers),
    ],
    [
      'has the context values of the server',
      { seen: [{ own: 'mine' }] },
      hello(),
      { contextValues: () => createContextValues().set(OWN, 'mine') },
    ],
    [
      'has a query',
      { ...ok, seen: [{ url: 'http://localhost/echo.v1.EchoService/Say?a=%20b' }] },
      () => ({ ...hello()(), path: '/echo.v1.EchoService/Say?a=%20b' }),
    ],
    ['in pieces', ok, () => ({ body: [...HELLO].map((byte) => Uint8Array.of(byte)) })],
    ['that is empty', { body: '', seen: [{ request: '' }] }, () => ({})],
    ['that is garbage', failsWith(Code.InvalidArgument, 400), () => ({ body: [Buffer.from('garbage')] })],
    [
      'that says it is too large',
      failsWith(Code.ResourceExhausted, 429),
      hello({ 'content-length': '7' }),
      { maxRequestBytes: 6 },
    ],
    ['that is too large', failsWith(Code.ResourceExhausted, 429), hello(), { maxRequestBytes: 6 }],
    ['that is as large as it may be', ok, hello(), { maxRequestBytes: 7 }],
    ['that is compressed', ok, () => ({ headers: { 'content-encoding': 'gzip' }, body: [gzipSync(HELLO)] })],
    ['whose compression is unknown', failsWith(Code.Unimplemented), hello({ 'content-encoding': 'zstd' })],
    ['that names no compression', ok, hello({ 'content-encoding': 'identity' })],
    ['of another version of the protocol', ok, hello({ 'connect-protocol-version': '2' })],
    [
      'that is refused before its body is read',
      failsWith(Code.Unavailable, 503),
      () => ({ body: [Buffer.from('garbage')] }),
      { admit: fail(new ConnectError('full', Code.Unavailable)) },
    ],
    ['that is admitted later', ok, hello(), { admit: async () => undefined }],
  ])('%s', async (_, expected, makeCall, options) => {
    await expectTheSame(expected, echo, makeCall, options);
  });

  it('that is refused while it is sent is answered all the same', async () => {
    const admit = fail(new ConnectError('full', Code.Unavailable));
    const act = (stream: ClientHttp2Stream) => {
      stream.write(Buffer.alloc(10_000));
      stream.once('response', () => stream.end(Buffer.alloc(300_000)));
    };

    await expectTheSame(failsWith(Code.Unavailable, 503), echo, () => ({ act }), { admit });
  });

  it.each<[string, object, Options, RawCall['headers']?]>([
    [
      'in the time of the server',
      { ...failsWith(Code.DeadlineExceeded, 504), limits: ['body_timeout'] },
      { bodyTimeoutMs: 20, errorDomain: 'test' },
    ],
    ['in the time of its deadline', failsWith(Code.DeadlineExceeded, 504), {}, { 'connect-timeout-ms': '20' }],
    [
      'because it is one of too many',
      { ...failsWith(Code.ResourceExhausted, 429), limits: ['request_bytes'] },
      { maxRequestBytesInFlight: 1_000 },
    ],
  ])('that does not arrive %s is answered', async (_, expected, options, headers) => {
    // The delay after which it may be sent again.
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const act = (stream: ClientHttp2Stream) => {
      stream.write(HELLO.subarray(0, 2));
      stream.once('response', () => stream.end());
    };

    await expectTheSame(expected, echo, () => ({ act, ...(headers && { headers }) }), options);
  });
});

describe('a deadline', () => {
  const sleep: Say = (request, { signal }) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(request));
      vi.advanceTimersByTime(60_000);
    });

  it.each<[string, object, string, Options?]>([
    ['is passed on', { ...ok, seen: [{ hasDeadline: true }] }, '60000'],
    [
      'is shortened to what the server grants',
      { seen: [{ headers: expect.arrayContaining([['connect-timeout-ms', '1000']]) }] },
      '60000',
      { maxTimeoutMs: 1_000 },
    ],
    ['is over before the call begins', { ...ok, seen: [{ isAborted: true }] }, '0'],
    ['is no number', failsWith(Code.InvalidArgument, 400), '1s'],
    ['is negative', failsWith(Code.InvalidArgument, 400), '-1'],
    ['is too long a number', failsWith(Code.InvalidArgument, 400), '99999999999'],
    ['is empty', failsWith(Code.InvalidArgument, 400), ''],
  ])('%s', async (_, expected, timeout, options) => {
    await expectTheSame(expected, echo, hello({ 'connect-timeout-ms': timeout }), options);
  });

  it('aborts the signal, and the answer of the implementation still counts', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const ends = [{ code: Code.DeadlineExceeded, message: '[deadline_exceeded] the operation timed out' }];

    await expectTheSame({ ...ok, ends }, sleep, hello({ 'connect-timeout-ms': '60000' }));
  });
});

it('leaves neither a timer nor a listener when its answer is known', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const shutdown = new AbortController();
  const handle = createUnaryHandler({
    method: EchoService.method.say,
    implementation: echo as never,
    interceptors: [],
    requestGate: () => undefined,
    shutdownSignal: shutdown.signal,
    options: { jsonOptions: {}, maxRequestBytes: 1_000 },
  });
  const stream = new EventEmitter();
  const request = { headers: {}, url: '/', authority: 'localhost', socket: {}, stream } as never;
  const timeout = { headerName: 'connect-timeout-ms', headerValue: '60000', timeoutMs: 60_000 } as const;

  const { status } = await handle({ request, values: createContextValues(), timeout, readBody: async () => HELLO });

  const left = [vi.getTimerCount(), getEventListeners(shutdown.signal, 'abort').length, stream.listenerCount('close')];
  expect([status, left]).toEqual([200, [0, 0, 0]]);
});

describe('a caller', () => {
  it.each([...Array(14).keys()])('resets the call by code %s: the signal says so', async (code) => {
    const outcomes = [];
    for (const path of ['thin', 'connect'] as const) {
      const aborted = Promise.withResolvers<unknown>();
      const started = Promise.withResolvers<void>();
      const say: Say = (_, { signal }) => {
        signal.addEventListener('abort', () => aborted.resolve(describeReason(signal.reason)));
        started.resolve();
        return aborted.promise.then(() => ({}));
      };
      const act = async (stream: ClientHttp2Stream) => {
        stream.end(HELLO);
        await started.promise;
        stream.close(code);
        // With its connection, because Node does not reset a stream whose answer is still to come by NO_ERROR.
        await aborted.promise;
      };
      const { errors, limits } = await describeCall(path, say, { act }, {});
      outcomes.push({ reason: await aborted.promise, errors, limits });
    }

    expect(outcomes[0]).toEqual(outcomes[1]);
  });

  it('that breaks off its request is not served', async () => {
    const act = (stream: ClientHttp2Stream) => {
      stream.write(HELLO.subarray(0, 2), () => stream.close(constants.NGHTTP2_CANCEL));
    };

    await expectTheSame({ seen: [], errors: [] }, echo, () => ({ act }));
  });

  it.each(Object.keys(PATHS) as Path[])('that reads nothing is cut off, over the path: %s', async (path) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const act = (stream: ClientHttp2Stream) => {
      stream.pause();
      stream.end(HELLO);
      stream.once('response', () => vi.advanceTimersByTime(30_000));
    };
    const { head, body } = await describeCall(path, () => ({ value: 'a'.repeat(200_000) }), { act }, {});

    expect(head).toMatchObject({ ':status': 200 });
    expect(body).not.toMatch(/^20000\d bytes/);
  });
});

// A unary call ends over the thin path as it ends over Connect's transport: every row is called over both.
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { base64Encode } from '@bufbuild/protobuf/wire';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { CheckAvailabilityResponseSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { type Call, outcomeOf, type Script } from './memory-server.ts';

const PROTO: OutgoingHttpHeaders = { ':status': 200, 'content-type': 'application/proto' };
const JSON_TYPE = 'application/json';
const answer = { productId: '12345', available: true, quantity: 100 };
const message = toBinary(CheckAvailabilityResponseSchema, create(CheckAvailabilityResponseSchema, answer));
const silent = () => undefined;

/** Answers with these headers and this body. */
const respond =
  (headers: OutgoingHttpHeaders, ...body: (Uint8Array | string)[]): Script =>
  (stream) => {
    stream.respond(headers);
    // As over a network: Connect loses an answer that arrives whole before it has begun to read.
    setImmediate(() => {
      for (const chunk of body) stream.write(chunk);
      stream.end();
    });
  };
const answers = (body: object, status = 400, headers: OutgoingHttpHeaders = {}) =>
  respond({ ':status': status, 'content-type': JSON_TYPE, ...headers }, JSON.stringify(body));
const status = (code: number, type = 'text/html') => respond({ ':status': code, 'content-type': type }, '<html>');

/** Ends the stream with a code, after this much of an answer. */
const resetAfter =
  (code: number, answered: 'nothing' | 'head' | 'half' | 'all', headers: OutgoingHttpHeaders = PROTO): Script =>
  (stream) => {
    const reset = () => stream.close(code);
    if (answered === 'nothing') return reset();
    stream.respond(headers);
    if (answered === 'head') return setImmediate(reset);
    return stream.write(answered === 'all' ? message : message.subarray(0, 3), () => setImmediate(reset));
  };

const detail = {
  type: ErrorInfoSchema.typeName,
  value: toBinary(ErrorInfoSchema, create(ErrorInfoSchema, { reason: 'X' })),
};
const wireDetail = { type: detail.type, value: base64Encode(detail.value, 'std_raw'), debug: { reason: 'X' } };

const DEADLINE_MS = 20_000;

/** Lets the deadline pass as soon as the server has treated the call. */
const atDeadline =
  (script: Script): Script =>
  (stream, connection) => {
    script(stream, connection);
    vi.advanceTimersByTime(DEADLINE_MS);
  };

type Row = [behaviour: string, expected: object, script: Script, call?: Call];
const ok = { answer };
const fails = (code: Code, rawMessage?: unknown) => ({
  error: { name: 'ConnectError', code, ...(rawMessage !== undefined && { rawMessage }) },
});

async function expectTheSame(expected: object, script: Script, call?: () => Call): Promise<void> {
  const thin = await outcomeOf('thin', script, call?.());

  expect(thin).toEqual(await outcomeOf('connect', script, call?.()));
  expect(thin).toMatchObject(expected);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('an answer', () => {
  it.each<Row>([
    ['in one piece', ok, respond(PROTO, message)],
    ['in pieces', ok, respond(PROTO, message.subarray(0, 2), message.subarray(2, 5), message.subarray(5))],
    ['that is empty', { answer: { productId: '', quantity: 0 } }, respond(PROTO)],
    ['with its length', ok, respond({ ...PROTO, 'content-length': message.length }, message)],
    ['that is compressed by gzip', ok, respond({ ...PROTO, 'content-encoding': 'gzip' }, gzipSync(message))],
    ['that is compressed by brotli', ok, respond({ ...PROTO, 'content-encoding': 'br' }, brotliCompressSync(message))],
    ['that is not compressed, as it says', ok, respond({ ...PROTO, 'content-encoding': 'identity' }, message)],
    ['whose type is in capitals', ok, respond({ ...PROTO, 'content-type': 'Application/PROTO' }, message)],
    [
      'with headers and trailers',
      { ...ok, header: expect.arrayContaining([['x-a', '1, 2']]), trailer: [['x-b', '3']] },
      respond({ ...PROTO, 'x-a': ['1', '2'], 'set-cookie': ['a=1', 'b=2'], 'trailer-x-b': '3' }, message),
    ],
  ])('%s is read', async (_, expected, script) => {
    await expectTheSame(expected, script);
  });

  it.each<Row>([
    ['whose type is none', fails(Code.Unknown), respond({ ':status': 200 }, message)],
    ['whose type is not of the protocol', fails(Code.Unknown), respond({ ...PROTO, 'content-type': 'a/b' }, message)],
    [
      'whose type has a parameter',
      fails(Code.Unknown),
      respond({ ...PROTO, 'content-type': 'application/proto; a=b' }, message),
    ],
    ['whose type is JSON', fails(Code.Internal), respond({ ...PROTO, 'content-type': JSON_TYPE }, '{}')],
    [
      'whose type is of streams',
      fails(Code.Internal),
      respond({ ...PROTO, 'content-type': 'application/connect+proto' }),
    ],
    ['whose type is of gRPC', fails(Code.Unknown), respond({ ...PROTO, 'content-type': 'application/grpc+proto' })],
    ['whose compression is unknown', fails(Code.Internal), respond({ ...PROTO, 'content-encoding': 'zstd' }, message)],
    [
      'that is not compressed as it says',
      fails(Code.InvalidArgument),
      respond({ ...PROTO, 'content-encoding': 'gzip' }, message),
    ],
    ['that is garbage', fails(Code.Internal, expect.stringContaining('parse binary')), respond(PROTO, 'garbage')],
    ['that is shorter than it says', fails(Code.Internal), respond({ ...PROTO, 'content-length': 99 }, message)],
    ['that is longer than it says', fails(Code.Internal), respond({ ...PROTO, 'content-length': 3 }, message)],
  ])('%s cannot be read', async (_, expected, script) => {
    await expectTheSame(expected, script);
  });
});

describe('an error that the server answers', () => {
  it.each(Object.values(Code).filter((code) => typeof code === 'number'))('has its code: %s', async (code) => {
    const error = { code: codeToString(code), message: 'no', details: [wireDetail] };
    const expected = { error: { code, rawMessage: 'no', isWireError: true, details: [detail] } };

    await expectTheSame(expected, answers(error, 400, { 'x-a': '1', 'trailer-x-b': '2' }));
  });

  it.each<Row>([
    [
      'compressed',
      fails(Code.NotFound, 'no'),
      respond(
        { ':status': 404, 'content-type': JSON_TYPE, 'content-encoding': 'gzip' },
        gzipSync('{"code":"not_found","message":"no"}'),
      ),
    ],
    ['without a message', fails(Code.NotFound, ''), answers({ code: 'not_found' })],
    ['without a code', fails(Code.Unavailable, 'no'), answers({ message: 'no' }, 503)],
    ['with an unknown code', fails(Code.Unimplemented, 'no'), answers({ code: 'lost', message: 'no' }, 404)],
    ['whose message is no text', fails(Code.Internal, 'HTTP 400'), answers({ code: 'not_found', message: 1 })],
    [
      'whose details are broken',
      fails(Code.Internal, 'HTTP 400'),
      answers({ code: 'not_found', details: [{ type: 'a', value: '%' }] }),
    ],
    ['that is a list', fails(Code.Unavailable, 'HTTP 502'), answers([], 502)],
    ['that is no JSON', fails(Code.Unavailable, 'HTTP 503'), status(503, JSON_TYPE)],
    ['that is empty', fails(Code.Unknown, 'HTTP 500'), respond({ ':status': 500, 'content-type': JSON_TYPE })],
    ...[400, 401, 403, 404, 408, 413, 429, 431, 500, 502, 503, 504].map(
      (http): Row => [
        `of a gateway: ${http}`,
        { error: { rawMessage: `HTTP ${http}`, isWireError: false } },
        status(http),
      ],
    ),
    [
      'of a gateway that never ends',
      fails(Code.Unavailable, 'HTTP 503'),
      (stream) => stream.respond({ ':status': 503 }),
    ],
  ])('%s is reported', async (_, expected, script) => {
    await expectTheSame(expected, script);
  });
});

describe('a stream that is reset', () => {
  const codes = [...Array(14).keys()];

  it.each(codes)('by code %s before its answer is a failure', async (code) => {
    await expectTheSame({ error: { isWireError: false } }, resetAfter(code, 'nothing'));
  });

  it.each(codes)('by code %s in its answer ends the same way', async (code) => {
    await expectTheSame({}, resetAfter(code, 'head'));
    await expectTheSame({}, resetAfter(code, 'half'));
    await expectTheSame({}, resetAfter(code, 'all'));
    await expectTheSame({}, resetAfter(code, 'half', { ...PROTO, 'content-length': message.length }));
    await expectTheSame({}, resetAfter(code, 'all', { ...PROTO, 'content-length': message.length }));
  });
});

describe('a connection that ends', () => {
  const goAway = (code: number) => (stream: ServerHttp2Stream) => stream.session?.goaway(code, 0);
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
  const broken = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  const failing = (error: Error) => () => {
    const side = new Duplex({ read: silent, write: silent });
    setImmediate(() => side.destroy(error));
    return side;
  };

  it.each<Row>([
    ['before the answer', {}, (_, connection) => connection.end()],
    ['in the answer', {}, (stream, connection) => stream.respond(PROTO) ?? stream.write('1', () => connection.end())],
    ['by GOAWAY', {}, atDeadline(goAway(constants.NGHTTP2_NO_ERROR)), { timeoutMs: DEADLINE_MS }],
    ['by GOAWAY with an error', {}, goAway(constants.NGHTTP2_ENHANCE_YOUR_CALM)],
    ['by the end of its session', {}, (stream) => stream.session?.destroy()],
    ['because it is refused', fails(Code.Unavailable), silent, { connect: failing(refused) }],
    ['because its host is unknown', fails(Code.Unavailable), silent, { connect: failing(unknown) }],
    ['because it is reset', fails(Code.Aborted), silent, { connect: failing(broken) }],
  ])('%s fails the call', async (_, expected, script, call) => {
    await expectTheSame({ error: { name: 'ConnectError' }, ...expected }, script, call && (() => call));
  });
});

describe('a call that ends before its answer', () => {
  const late: Script = (stream) => {
    stream.respond(PROTO);
    stream.write(message.subarray(0, 3));
  };
  const reasons: [string, unknown][] = [
    ['no reason', undefined],
    ['an error', new Error('enough')],
    ['an error of the protocol', new ConnectError('the server stops', Code.Unavailable)],
    ['a word', 'enough'],
    ['a timeout', new DOMException('too late', 'TimeoutError')],
  ];

  it.each<Row>([
    ['with no answer', fails(Code.DeadlineExceeded, 'the operation timed out'), silent],
    ['in its answer', fails(Code.DeadlineExceeded, 'the operation timed out'), late],
  ])('has a deadline, %s', async (_, expected, script) => {
    await expectTheSame(expected, atDeadline(script), () => ({ timeoutMs: DEADLINE_MS }));
  });

  it.each(reasons)('is cancelled for %s, and its stream reset', async (_, reason) => {
    for (const begin of [silent, late]) {
      const call = (): Call & { cancel: () => void } => {
        const controller = new AbortController();
        return { signal: controller.signal, cancel: () => controller.abort(reason) };
      };
      const outcomes = [];
      for (const name of ['thin', 'connect'] as const) {
        const { cancel, ...rest } = call();
        const script: Script = (stream, connection) => {
          begin(stream, connection);
          setImmediate(cancel);
        };
        outcomes.push(await outcomeOf(name, script, rest));
      }

      expect(outcomes[0]).toEqual(outcomes[1]);
      expect(outcomes[0]).toMatchObject({ error: { name: 'ConnectError' }, seen: [{ resetBy: expect.any(Number) }] });
    }
  });

  it('is cancelled before it begins, and the server sees at most a reset', async () => {
    const call = () => ({ signal: AbortSignal.abort(new Error('enough')) });
    const thin = await outcomeOf('thin', silent, call());

    expect(thin).toMatchObject(fails(Code.Canceled));
    expect(thin.error).toEqual((await outcomeOf('connect', silent, call())).error);
  });

  it('resets its stream with CANCEL when the caller gives up, as gRPC asks', async () => {
    const controller = new AbortController();
    const { seen } = await outcomeOf('thin', () => controller.abort(), { signal: controller.signal });

    expect(seen).toMatchObject([{ resetBy: constants.NGHTTP2_CANCEL }]);
  });
});

describe('a request', () => {
  it.each<[string, Call]>([
    ['with nothing else', {}],
    ['with headers', { headers: { 'x-a': '1', authorization: 'Bearer a' } }],
    ['with a user agent of its own', { headers: { 'user-agent': 'test/1' } }],
    ['with a deadline', { timeoutMs: 60_000 }],
    ['with no deadline, by zero', { timeoutMs: 0 }],
    ['that is large', { request: { productId: 'a'.repeat(50_000) } }],
  ])('%s is written the same way', async (_, call) => {
    await expectTheSame({ ...ok, seen: [{ headers: { ':method': 'POST' } }] }, respond(PROTO, message), () => call);
  });
});

describe('an interceptor', () => {
  const ofRequests: Interceptor = (next) => (request) => {
    request.header.append('x-seen', `${request.url} ${request.requestMethod} ${request.header.get('content-type')}`);
    return next(request);
  };
  const second: Interceptor = (next) => (request) => {
    request.header.append('x-seen', 'second');
    return next(request);
  };
  const ofAnswers: Interceptor = (next) => async (request) => {
    const response = await next(request);
    response.header.set('x-seen', String(request.signal.aborted));
    return { ...response };
  };
  const ofErrors: Interceptor = (next) => async (request) => {
    try {
      return await next(request);
    } catch (error) {
      throw new Error('seen', { cause: error });
    }
  };
  const elsewhere: Interceptor = (next) => (request) => next({ ...request, url: 'http://other.example/a' });
  const breaks: Interceptor = (next) => (request) => next({ ...request, message: null } as never);
  const gaveUp: Interceptor = (next) => async (request) => {
    await Promise.race([next(request), Promise.reject(new ConnectError('enough', Code.Aborted))]);
    throw new Error('unreachable');
  };

  it.each<[string, object, Interceptor[], Script]>([
    ['changes requests, the first one first', ok, [ofRequests, second], respond(PROTO, message)],
    [
      'changes answers',
      { ...ok, header: expect.arrayContaining([['x-seen', 'false']]) },
      [ofAnswers],
      respond(PROTO, message),
    ],
    ['changes errors', fails(Code.Unknown, 'seen'), [ofErrors], answers({ code: 'not_found' })],
    ['cannot choose another server', fails(Code.Internal), [elsewhere], silent],
    ['breaks a request, which is not sent', { ...fails(Code.Internal), seen: [] }, [breaks], silent],
    ['gives up the call', fails(Code.Aborted, 'enough'), [gaveUp], silent],
  ])('%s', async (_, expected, interceptors, script) => {
    await expectTheSame(expected, script, () => ({ interceptors }));
  });

  it('sees the signal aborted when the call is over', async () => {
    const signals: AbortSignal[] = [];
    const watch: Interceptor = (next) => (request) => {
      signals.push(request.signal);
      return next(request);
    };

    for (const script of [respond(PROTO, message), status(503)])
      await outcomeOf('thin', script, { interceptors: [watch] });

    expect(signals.map((signal) => signal.aborted)).toEqual([true, true]);
  });
});

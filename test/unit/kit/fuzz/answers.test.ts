// Answers as they arrive: how they are read by the rules of their protocol, and which of them are problems.
import { create, toBinary, toJsonString } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import {
  GetForecastRequestSchema,
  GetForecastResponseSchema,
  WatchTemperatureRequestSchema,
  WeatherService,
} from '../../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { type DamageKind, envelope } from '../../../../packages/kit/fuzz/calls/body-damage.ts';
import type { FuzzCall } from '../../../../packages/kit/fuzz/calls/fuzz-call.ts';
import { FUZZ_WIRES } from '../../../../packages/kit/fuzz/calls/fuzz-wire.ts';
import type { RawAnswer } from '../../../../packages/kit/fuzz/calls/http-client.ts';
import { judgeAnswer, judgeBroken } from '../../../../packages/kit/fuzz/calls/judge-answer.ts';
import { readAnswer } from '../../../../packages/kit/fuzz/calls/read-answer.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import type { WireName } from '../../../../packages/kit/verification/wire.ts';

const registry = createTypeRegistry([WeatherService]);
const forecast = create(GetForecastResponseSchema, { highestCelsius: 4 });
const binary = toBinary(GetForecastResponseSchema, forecast);
const json = Buffer.from(toJsonString(GetForecastResponseSchema, forecast));
const noRules = { hints: { of: () => ({}), ofElement: () => undefined }, violationOf: () => undefined };

function callOf(wireName: WireName, damage?: DamageKind): FuzzCall {
  return {
    method: WeatherService.method.getForecast,
    wire: FUZZ_WIRES.find(({ name }) => name === wireName) as FuzzCall['wire'],
    messages: [create(GetForecastRequestSchema)],
    deviation: undefined,
    damage: damage && { kind: damage, at: 0, bytes: new Uint8Array() },
  };
}

const streamOf = (wireName: WireName): FuzzCall => ({
  ...callOf(wireName),
  method: WeatherService.method.watchTemperature,
  messages: [create(WatchTemperatureRequestSchema)],
});

type Complete = RawAnswer & { kind: 'answer' };

function answered(type: string, body: Uint8Array | string, more: Partial<Complete> = {}): Complete {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return {
    kind: 'answer',
    status: 200,
    headers: { 'content-type': type },
    trailers: {},
    body: bytes,
    isCut: false,
    ...more,
  };
}

const trailerFrame = (text: string) => envelope(Buffer.from(text), { flags: 0x80 });
const status = (code: string, message = '') => ({ 'grpc-status': code, 'grpc-message': message });
const read = (answer: Complete, call: FuzzCall) => readAnswer(answer, call, registry);

describe('an answer', () => {
  it.each([
    ['Connect JSON, HTTP/1.1', answered('application/json', json)],
    ['Connect binary, HTTP/2', answered('application/proto', binary)],
    ['gRPC, HTTP/2', answered('application/grpc+proto', envelope(binary), { trailers: status('0') })],
    [
      'gRPC-Web, HTTP/1.1',
      answered('application/grpc-web+proto', Buffer.concat([envelope(binary), trailerFrame('grpc-status: 0\r\n')])),
    ],
  ] as const)('of %s is read as its message', (wire, raw) => {
    expect(read(raw, callOf(wire))).toEqual({ kind: 'ok', messages: [forecast] });
  });

  it.each([
    ['Connect JSON, HTTP/1.1', answered('application/json', '{"code":"not_found","message":"no"}', { status: 404 })],
    [
      'gRPC, HTTP/2',
      answered('application/grpc', '', { headers: { 'content-type': 'application/grpc', ...status('5', 'no') } }),
    ],
    [
      'gRPC-Web, HTTP/1.1',
      answered('application/grpc-web+proto', trailerFrame('grpc-status: 5\r\ngrpc-message: no\r\n')),
    ],
  ] as const)('of %s is read as its error', (wire, raw) => {
    expect(read(raw, callOf(wire))).toEqual({ kind: 'error', code: Code.NotFound, message: 'no' });
  });

  it.each([Code.Canceled, Code.Unauthenticated])(
    'of gRPC is read as its error from the first code to the last: %i',
    (code) => {
      const raw = answered('application/grpc', '', { trailers: status(String(code)) });

      expect(read(raw, callOf('gRPC, HTTP/2'))).toEqual({ kind: 'error', code, message: '' });
    },
  );

  it('of gRPC-Web is read as its error, whose message may have a colon', () => {
    const trailers = trailerFrame('grpc-status: 5\r\ngrpc-message: no book: b1\r\n');

    expect(read(answered('application/grpc-web', trailers), callOf('gRPC-Web, HTTP/2'))).toMatchObject({
      message: 'no book: b1',
    });
  });

  it.each([
    ['Connect JSON, HTTP/1.1', 'Application/JSON; charset=utf-8', json],
    ['Connect binary, HTTP/1.1', 'application/proto;a=b', binary],
    ['gRPC, HTTP/2', 'application/grpc; charset=utf-8', envelope(binary)],
  ] as const)('of %s may have a content type with parameters and capitals: %s', (wire, type, body) => {
    expect(read(answered(type, body, { trailers: status('0') }), callOf(wire))).toMatchObject({ kind: 'ok' });
  });

  it.each([
    ['gRPC, HTTP/2', 'application/grpc-web'],
    ['gRPC, HTTP/2', 'application/grpc-web+proto'],
    ['gRPC, HTTP/2', 'application/grpc+json'],
    ['gRPC-Web, HTTP/2', 'application/grpc'],
    ['gRPC-Web, HTTP/2', 'application/grpc-web-text'],
    ['Connect binary, HTTP/2', 'application/protobuf'],
    ['Connect JSON, HTTP/2', 'application/json-patch'],
  ] as const)('of %s is unreadable with the content type of another format: %s', (wire, type) => {
    const { protocol, codec } = callOf(wire).wire;
    const plain = codec === 'json' ? json : binary;
    const body = protocol === 'connect' ? plain : Buffer.concat([envelope(binary), trailerFrame('grpc-status: 0\r\n')]);

    expect(read(answered(type, body, { trailers: status('0') }), callOf(wire))).toMatchObject({
      kind: 'unreadable',
      reason: expect.stringContaining(`the content type is ${type} instead of `),
    });
  });

  it('of HTTP is no error of Connect if its body is of another type than its JSON', () => {
    const raw = answered('application/json-seq', '{"code":"aborted"}', { status: 502 });

    expect(read(raw, callOf('Connect JSON, HTTP/1.1'))).toEqual({ kind: 'http error', status: 502 });
  });

  it('of a stream in Connect ends with its error', () => {
    const end = envelope(Buffer.from('{"error":{"code":"aborted"}}'), { flags: 2 });

    expect(read(answered('application/connect+json', end), streamOf('Connect JSON, HTTP/2'))).toEqual({
      kind: 'error',
      code: Code.Aborted,
      message: '',
    });
  });

  it.each([
    ['Connect JSON, HTTP/1.1', answered('application/json', '{"highestCelsius":"warm"}'), 'highest_celsius'],
    ['Connect JSON, HTTP/1.1', answered('application/json', '{'), 'is not JSON'],
    ['Connect JSON, HTTP/1.1', answered('text/html', json), 'the content type is text/html'],
    ['Connect JSON, HTTP/1.1', answered('application/json', '{"code":"bad"}', { status: 500 }), 'the code "bad"'],
    ['Connect binary, HTTP/1.1', answered('application/proto', Buffer.of(0xff)), ''],
    ['gRPC, HTTP/2', answered('application/grpc', envelope(binary)), 'no grpc-status'],
    ['gRPC, HTTP/2', answered('application/grpc', '', { trailers: status('0') }), '0 messages instead of one'],
    ['gRPC, HTTP/2', answered('application/grpc', '', { trailers: status('17') }), 'is not a status'],
    [
      'gRPC, HTTP/2',
      answered('application/grpc', binary.subarray(0, 2), { trailers: status('0') }),
      'middle of an envelope',
    ],
    [
      'gRPC, HTTP/2',
      answered('application/grpc', envelope(binary, { length: 99 }), { trailers: status('0') }),
      'middle of a',
    ],
  ] as const)('of %s is unreadable: %j', (wire, raw, reason) => {
    expect(read(raw, callOf(wire))).toMatchObject({ kind: 'unreadable', reason: expect.stringContaining(reason) });
  });

  it('of a stream in Connect is unreadable without its last message', () => {
    const raw = answered('application/connect+json', envelope(Buffer.from('{}')));

    expect(read(raw, streamOf('Connect JSON, HTTP/2'))).toMatchObject({ kind: 'unreadable' });
  });
});

describe('a problem', () => {
  const judge = (answer: Parameters<typeof judgeAnswer>[0], call = callOf('Connect JSON, HTTP/1.1')) =>
    judgeAnswer(answer, call, noRules)?.kind;

  it.each([Code.Internal, Code.Unknown, Code.DataLoss])('is the code %i, which names no reason', (code) => {
    expect(judge({ kind: 'error', code, message: 'oops' })).toBe('untyped error');
  });

  it.each([Code.InvalidArgument, Code.NotFound, Code.Unavailable, Code.DeadlineExceeded, Code.Unimplemented])(
    'is not the code %i',
    (code) => {
      expect(judge({ kind: 'error', code, message: 'no' })).toBeUndefined();
    },
  );

  it('is HTTP 5xx without the error of an RPC, and not 4xx', () => {
    const judged = [413, 499, 500, 502].map((status) => judge({ kind: 'http error', status }));

    expect(judged).toEqual([undefined, undefined, 'untyped error', 'untyped error']);
  });

  it('is not the status internal of gRPC for bytes that cannot be decoded, but that of Connect is', () => {
    const internal = { kind: 'error', code: Code.Internal, message: 'cannot decode' } as const;

    expect(judge(internal, callOf('gRPC, HTTP/2', 'truncated'))).toBeUndefined();
    expect(judge(internal, callOf('gRPC, HTTP/2'))).toBe('untyped error');
    expect(judge(internal, callOf('Connect binary, HTTP/2', 'truncated'))).toBe('untyped error');
    // The one case in which Connect's specification demands it.
    expect(
      judge(internal, callOf('Connect JSON, HTTP/2', 'a compressed message without a compression')),
    ).toBeUndefined();
  });

  it('is a request that was accepted although it violates a rule, unless its bytes are damaged', () => {
    const rules = { ...noRules, violationOf: () => 'town: string.min_len' };
    const judgeWith = (damage?: DamageKind) =>
      judgeAnswer({ kind: 'ok', messages: [] }, callOf('gRPC, HTTP/2', damage), rules);

    expect(judgeWith()).toMatchObject({ kind: 'unenforced rule', cause: 'town: string.min_len' });
    expect(judgeWith('garbage')).toBeUndefined();
  });

  it('is a call without end: a hang, or a stream that has begun; or a lost connection, or a closed port', () => {
    const noEnd = (hasBegun: boolean) => ({ kind: 'no end', hasBegun, receivedBytes: 0 }) as const;
    const unary = callOf('gRPC, HTTP/2');
    const stream = streamOf('gRPC, HTTP/2');
    const lost = { kind: 'lost', reason: 'socket hang up' } as const;

    expect([
      judgeBroken(noEnd(true), unary, true).kind,
      judgeBroken(noEnd(false), stream, true).kind,
      judgeBroken(noEnd(true), stream, true).kind,
      judgeBroken(lost, unary, true).kind,
      judgeBroken(lost, unary, false).kind,
    ]).toEqual(['hang', 'hang', 'endless stream', 'connection lost', 'crash']);
  });
});

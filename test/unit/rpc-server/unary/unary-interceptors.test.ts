// Interceptors, and the end of the server, act on a unary call of the thin path as on one of Connect's handler.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { createRpcHandler, type RpcServerOptions } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import { EchoService } from '../../../support/echo/echo-service.ts';
import { echo, expectTheSame, fail, failsWith, hello, ok, type Say } from './both-paths.ts';
import { callOver, PATHS, type Path } from './raw-call.ts';

describe('interceptors', () => {
  const mark =
    (name: string): Interceptor =>
    (next) =>
    async (request) => {
      request.header.append('x-order', name);
      const response = await next(request);
      response.header.append('x-order', name);
      return response;
    };
  const replace: Interceptor = (next) => async (request) => {
    const header = new Headers(request.header);
    header.set('x-new', '1');
    const response = await next({ ...request, header });
    return {
      ...response,
      header: new Headers({ 'content-type': 'application/proto', 'x-own': '2' }),
      trailer: new Headers({ 'x-t': '3' }),
    };
  };
  const breaks: Interceptor = (next) => async (request) => ({ ...(await next(request)), message: null }) as never;
  const map: Interceptor = (next) => (request) =>
    next(request).catch((error: unknown) => Promise.reject(new ConnectError('mapped', Code.Aborted, {}, [], error)));

  it.each<[string, object, Interceptor[], Say]>([
    ['run in order', { ...ok, head: { 'x-order': 'b, a' } }, [mark('a'), mark('b')], echo],
    ['replace headers', { ...ok, head: { 'x-own': '2', 'trailer-x-t': '3' } }, [replace], echo],
    ['may break answers', failsWith(Code.Internal, 500), [breaks], echo],
    ['map errors', failsWith(Code.Aborted, 409), [map], fail(new Error('no'))],
    [
      'answer errors',
      failsWith(Code.PermissionDenied, 403),
      [() => fail(new ConnectError('no', Code.PermissionDenied))],
      echo,
    ],
  ])('%s', async (_, expected, interceptors, say) => {
    await expectTheSame(expected, say, hello(), { interceptors });
  });

  it('see the message that was parsed, and not the call that cannot be parsed', async () => {
    const seen: unknown[] = [];
    const watch: Interceptor = (next) => (request) => {
      seen.push(
        request.stream
          ? undefined
          : fromBinary(StringValueSchema, toBinary(StringValueSchema, request.message as never)).value,
      );
      return next(request);
    };

    await expectTheSame(ok, echo, hello(), { interceptors: [watch] });
    await expectTheSame({}, echo, () => ({ body: [Buffer.from('garbage')] }), { interceptors: [watch] });

    expect(seen).toEqual(['hello', 'hello']);
  });
});

it.each(Object.keys(PATHS) as Path[])(
  'a server that ends its calls answers unavailable over the path: %s',
  async (path) => {
    const entered = Promise.withResolvers<AbortSignal>();
    const waiting: Say = (_, { signal }) => {
      entered.resolve(signal);
      return new Promise(() => undefined);
    };
    const options = {
      routes: ({ rpc }) => rpc(EchoService.method.say, waiting as never),
      errorDomain: 'test',
    } satisfies RpcServerOptions;
    const handler = createRpcHandler(options);
    const answer = callOver(path, options, hello()(), handler);
    const signal = await entered.promise;

    handler.endCalls();

    expect(signal.reason).toMatchObject({ code: Code.Unavailable, rawMessage: 'the server is shutting down' });
    expect(await answer).toMatchObject({
      head: { ':status': 503 },
      body: expect.stringMatching(/"code":"unavailable","message":"the server is shutting down".*RetryInfo/),
    });
  },
);

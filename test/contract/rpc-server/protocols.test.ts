import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { credentials, Client as GrpcClient, Metadata, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { createEchoClient, dialects, postJson, startEchoServer } from '../../support/echo/start-echo-server.ts';

async function* textsOf(...values: string[]) {
  for (const value of values) yield { value };
}

describe('one port', () => {
  it.each(dialects)('answers a unary call and a server stream in $dialect', async (dialect) => {
    await using echo = await startEchoServer();
    const client = createEchoClient(dialect, echo.address.url);

    expect((await client.say({ value: 'hello' })).value).toBe('hello');
    const counted = [];
    for await (const { value } of client.count({ value: '3' })) counted.push(value);
    expect(counted).toEqual(['1', '2', '3']);
  });

  it.each(dialects)('takes a client stream in $dialect', async (dialect) => {
    await using echo = await startEchoServer();

    const joined = await createEchoClient(dialect, echo.address.url).join(textsOf('a', 'b', 'c'));

    expect(joined.value).toBe('a b c');
  });

  it.each(dialects.filter(({ httpVersion }) => httpVersion === '2'))(
    'talks both ways at once in $dialect',
    async (dialect) => {
      await using echo = await startEchoServer();

      const heard = [];
      for await (const { value } of createEchoClient(dialect, echo.address.url).chat(textsOf('one', 'two'))) {
        heard.push(value);
      }

      expect(heard).toEqual(['one', 'two']);
    },
  );

  it('answers the gRPC library of other Node programs', async () => {
    await using echo = await startEchoServer();
    const client = new GrpcClient(`127.0.0.1:${echo.address.port}`, credentials.createInsecure());
    const bytes = Buffer.from([0x0a, 2, 0x68, 0x69]);

    const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
      const pass = (message: Buffer) => message;
      const done = (error: ServiceError | null, message?: Buffer) => (error ? reject(error) : resolve(message));
      client.makeUnaryRequest('/echo.v1.EchoService/Say', pass, pass, bytes, new Metadata(), done);
    }).finally(() => client.close());

    expect(answer).toEqual(bytes);
  });

  it.each(['item[0].id: must be <one> of "a/b" & c, 100 %', 'Größe: 東 🎁'])(
    'reports an error to the gRPC library of other Node programs in the words of the service: %s',
    async (words) => {
      const fail: Interceptor = () => () => Promise.reject(new ConnectError(words, Code.InvalidArgument));
      await using echo = await startEchoServer({ interceptors: [fail] });
      const client = new GrpcClient(`127.0.0.1:${echo.address.port}`, credentials.createInsecure());

      const error = await new Promise<ServiceError | null>((resolve) => {
        const pass = (message: Buffer) => message;
        client.makeUnaryRequest('/echo.v1.EchoService/Say', pass, pass, Buffer.alloc(0), new Metadata(), resolve);
      }).finally(() => client.close());

      expect(error).toMatchObject({ code: Code.InvalidArgument, details: words });
    },
  );

  it('answers plain JSON over HTTP/1.1', async () => {
    await using echo = await startEchoServer();

    const response = await postJson(echo.address.url, 'echo.v1.EchoService/Say', '"hello"');

    expect([response.status, await response.json()]).toEqual([200, 'hello']);
  });

  it('answers a read without side effects to GET', async () => {
    await using echo = await startEchoServer();
    const query = new URLSearchParams({ connect: 'v1', encoding: 'json', message: '"hello"' });

    const response = await fetch(`${echo.address.url}/echo.v1.EchoService/Say?${query}`);

    expect([response.status, await response.json()]).toEqual([200, 'hello']);
  });

  it('runs the interceptors around its services and not around health', async () => {
    const seen: string[] = [];
    await using echo = await startEchoServer({
      interceptors: [
        (next) => (request) => {
          seen.push(`${request.service.typeName}/${request.method.name}`);
          return next(request);
        },
      ],
    });

    await postJson(echo.address.url, 'echo.v1.EchoService/Say', '"hello"');
    await postJson(echo.address.url, 'grpc.health.v1.Health/Check', '{}');

    expect(seen).toEqual(['echo.v1.EchoService/Say']);
  });
});

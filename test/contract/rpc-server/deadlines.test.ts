// The deadline that a caller sets, and what the server makes of it.
import { credentials, Client as GrpcClient, Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { createEchoClient, dialects, postJson, startEchoServer } from '../../support/echo/start-echo-server.ts';

const TWO_HOURS_MS = 7_200_000;

describe('a deadline beyond the longest', () => {
  it.each(dialects)('is shortened to it, in $dialect', async (dialect) => {
    const granted: (number | undefined)[] = [];
    await using echo = await startEchoServer(
      { maxTimeoutMs: 60_000 },
      {
        say: (_, { timeoutMs }) => {
          granted.push(timeoutMs());
          return {};
        },
      },
    );

    await createEchoClient(dialect, echo.address.url).say({}, { timeoutMs: TWO_HOURS_MS });

    expect(granted[0]).toBeGreaterThan(0);
    expect(granted[0]).toBeLessThanOrEqual(60_000);
  });

  it.each([
    { limit: 'the longest there is', maxTimeoutMs: 2_147_483_647, header: '99999999H' },
    { limit: 'less than a second', maxTimeoutMs: 999, header: '2H' },
    { limit: 'the most milliseconds in eight digits', maxTimeoutMs: 99_999_999, header: '99999999H' },
    { limit: 'one millisecond more', maxTimeoutMs: 100_000_000, header: '99999999H' },
  ])('is shortened in the units of gRPC: $limit', async ({ maxTimeoutMs, header }) => {
    const granted: (number | undefined)[] = [];
    await using echo = await startEchoServer(
      { maxTimeoutMs },
      {
        say: (_, { timeoutMs }) => {
          granted.push(timeoutMs());
          return {};
        },
      },
    );

    const response = await fetch(`${echo.address.url}/echo.v1.EchoService/Say`, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc-web+proto', 'grpc-timeout': header },
      body: new Uint8Array(5),
    });

    expect(await response.text()).toContain('grpc-status: 0');
    expect(granted[0]).toBeGreaterThan(maxTimeoutMs - 1_000 - 900);
    expect(granted[0]).toBeLessThanOrEqual(maxTimeoutMs);
  });

  it('is shortened for reflection too', async () => {
    await using echo = await startEchoServer({ maxTimeoutMs: 60_000 });
    const client = new GrpcClient(`127.0.0.1:${echo.address.port}`, credentials.createInsecure());
    using _client = { [Symbol.dispose]: () => client.close() };
    const listServices = Buffer.from([0x3a, 0x00]);
    const pass = (bytes: Buffer) => bytes;

    const stream = client.makeBidiStreamRequest(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      pass,
      pass,
      new Metadata(),
      { deadline: Date.now() + TWO_HOURS_MS },
    );
    stream.end(listServices);
    const answers: Buffer[] = await stream.toArray();

    expect(String(answers[0])).toContain('echo.v1.EchoService');
  });
});

it('a malformed deadline is invalid_argument', async () => {
  await using echo = await startEchoServer();

  const refused = await postJson(echo.address.url, 'echo.v1.EchoService/Say', '"x"', { 'connect-timeout-ms': 'soon' });

  expect(await refused.json()).toMatchObject({ code: 'invalid_argument' });
});

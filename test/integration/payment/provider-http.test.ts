// Responses of the payment provider over a real connection, and the two ways to get none.
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { createProviderHttp, NoAnswer } from '#services/payment/provider-http.ts';
import { recordSpans } from '../../support/telemetry/recorded-spans.ts';

/** Starts a provider with this handler, and a client of it. */
async function startProvider(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const http = createProviderHttp(`http://127.0.0.1:${port}`);
  return {
    ask: (timeoutMs = 5_000) => http.send({ method: 'GET', path: 'v1/charges', headers: {}, timeoutMs }),
    [Symbol.asyncDispose]: async () => {
      http.stop();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

it.each([
  ['2', 2_000],
  ['soon', undefined],
  [undefined, undefined],
])('the Retry-After of a response is passed on: %s', async (header, retryAfterMs) => {
  await using provider = await startProvider((_request, response) => {
    response.writeHead(503, header === undefined ? {} : { 'retry-after': header }).end('{}');
  });

  expect(await provider.ask()).toEqual({ status: 503, body: {}, retryAfterMs });
});

it('a timeout is distinguished from a lost connection', async () => {
  await using hanging = await startProvider(() => undefined);
  await using breaking = await startProvider((request) => request.socket.destroy());

  const late = await hanging.ask(50).catch((error: unknown) => error);
  const broken = await breaking.ask().catch((error: unknown) => error);

  expect(late).toBeInstanceOf(NoAnswer);
  expect(broken).toBeInstanceOf(NoAnswer);
  expect([late, broken]).toMatchObject([{ timedOut: true }, { timedOut: false }]);
});

it('a request is a span of its own, whose trace the provider is handed', async () => {
  using spans = recordSpans();
  const seen: (string | undefined)[] = [];
  await using provider = await startProvider((request, response) => {
    seen.push(request.headers.traceparent as string | undefined);
    response.writeHead(seen.length === 1 ? 200 : 503).end('{}');
  });

  await provider.ask();
  await provider.ask();

  const [answered, failed] = spans.ended();
  expect(answered).toMatchObject({
    name: 'GET',
    attributes: {
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'url.full': expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\//),
      'server.address': '127.0.0.1',
      'server.port': expect.any(Number),
    },
  });
  expect(answered?.attributes).not.toHaveProperty('error.type');
  expect(failed?.attributes).toMatchObject({ 'http.response.status_code': 503, 'error.type': '503' });
  expect(seen).toEqual([expect.stringMatching(/^00-[0-9a-f]{32}-/), expect.stringMatching(/^00-[0-9a-f]{32}-/)]);
});

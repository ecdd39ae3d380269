// Responses of the payment provider over a real connection, and the two ways to get none.
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { createProviderHttp, NoAnswer } from '#services/payment/provider-http.ts';
import { recordSpans } from '../../support/telemetry/recorded-spans.ts';

const MAX_ANSWER_BYTES = 256 * 1024;

/** Starts a provider with this handler, and a client of it, whose URL has this path. */
async function startProvider(listener: RequestListener, path = '') {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const http = createProviderHttp(`http://127.0.0.1:${port}${path}`);
  return {
    server,
    ask: (timeoutMs = 5_000) => http.send({ method: 'GET', path: 'v1/charges', headers: {}, timeoutMs }),
    post: (body: unknown) => http.send({ method: 'POST', path: 'v1/charges', headers: {}, body, timeoutMs: 5_000 }),
    stop: () => http.stop(),
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
  ['120', 120_000],
  ['soon', undefined],
  ['3s', undefined],
  ['1.5', undefined],
  ['-1', undefined],
  ['1234567', undefined],
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

it('a request that a stop ends did not time out', async () => {
  await using provider = await startProvider(() => undefined);
  const arrived = once(provider.server, 'request');
  const asked = provider.ask().catch((error: unknown) => error);
  await arrived;

  provider.stop();

  expect(await asked).toBeInstanceOf(NoAnswer);
  expect(await asked).toMatchObject({ timedOut: false });
});

it('a response is read up to 256 KiB, and a longer one is none', async () => {
  const answerOf = (bytes: number) => JSON.stringify('x'.repeat(bytes - 2));
  const sizes = [MAX_ANSWER_BYTES, MAX_ANSWER_BYTES + 1];
  await using provider = await startProvider((_request, response) => response.end(answerOf(sizes.shift() ?? 0)));

  expect((await provider.ask()).body).toHaveLength(MAX_ANSWER_BYTES - 2);
  const failure = await provider.ask().catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(NoAnswer);
  expect(failure).toMatchObject({ timedOut: false, message: expect.stringContaining('larger than') });
});

it('a body is sent whole and as JSON, whatever its characters', async () => {
  const received: unknown[] = [];
  await using provider = await startProvider(async (request, response) => {
    received.push([request.headers['content-type'], await text(request)]);
    response.end('{}');
  });

  await provider.post({ customer: 'Zoë Müller 東京' });

  expect(received).toEqual([['application/json', '{"customer":"Zoë Müller 東京"}']]);
});

it.each(['/psp', '/psp/'])('the path of the provider’s URL is kept: %s', async (path) => {
  const paths: (string | undefined)[] = [];
  await using provider = await startProvider((request, response) => {
    paths.push(request.url);
    response.end('{}');
  }, path);

  await provider.ask();

  expect(paths).toEqual(['/psp/v1/charges']);
});

it('requests that follow each other share a connection', async () => {
  await using provider = await startProvider((_request, response) => response.end('{}'));
  let connections = 0;
  provider.server.on('connection', () => {
    connections += 1;
  });

  for (let request = 0; request < 3; request += 1) await provider.ask();

  expect(connections).toBe(1);
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

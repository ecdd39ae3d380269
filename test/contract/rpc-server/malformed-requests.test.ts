// What a caller sees of a request that cannot be read, in each protocol: always that the fault is its own.
import { once } from 'node:events';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { postJson, startEchoServer } from '../../support/echo/start-echo-server.ts';

const SAY = 'echo.v1.EchoService/Say';
const JOIN = 'echo.v1.EchoService/Join';
const hello = { json: Buffer.from('"hello"'), proto: Buffer.from([0x0a, 5, ...Buffer.from('hello')]) };

type Sent = {
  readonly rpc?: string;
  readonly contentType: string;
  readonly headers?: Record<string, string>;
  readonly body: Buffer;
};

/** Sends a request over HTTP/2 and returns all that says how it was answered: headers, body and trailers. */
async function send(url: string, { rpc = SAY, contentType, headers, body }: Sent): Promise<string> {
  const session = connect(url);
  using _session = { [Symbol.dispose]: () => session.destroy() };
  const stream = session.request({ ':method': 'POST', ':path': `/${rpc}`, 'content-type': contentType, ...headers });
  const received: object[] = [];
  stream.on('response', (head) => received.push(head)).on('trailers', (trailers) => received.push(trailers));
  const closed = once(stream, 'close');
  stream.end(body);
  const answer = await text(stream);
  await closed;
  return `${received.map((head) => JSON.stringify(head)).join()} ${answer}`;
}

/** A message in the envelope of gRPC, gRPC-Web and Connect streams. */
function envelope(message: Buffer, { flags = 0, length = message.length } = {}): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(flags, 0);
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, message]);
}

const isInvalidArgument = /"grpc-status":"3"|grpc-status: 3\r|"code":"invalid_argument"/;
const isInternal = /"grpc-status":"13"|grpc-status: 13\r|"code":"internal"/;
const isTooLarge = /"grpc-status":"8"|grpc-status: 8\r|"code":"resource_exhausted"/;

const protocols = [
  { protocol: 'unary Connect', rpc: SAY, type: 'application', encoding: 'content-encoding', isEnveloped: false },
  { protocol: 'a Connect stream', rpc: JOIN, type: 'application/connect', encoding: 'connect-content-encoding' },
  { protocol: 'gRPC', rpc: SAY, type: 'application/grpc', encoding: 'grpc-encoding' },
  { protocol: 'gRPC-Web', rpc: SAY, type: 'application/grpc-web', encoding: 'grpc-encoding' },
].map((row) => ({ isEnveloped: true, ...row }));

const contentTypeOf = (type: string, codec: 'json' | 'proto') =>
  (type === 'application' ? `${type}/` : `${type}+`) + codec;

const compressions = [
  { name: 'gzip', compress: gzipSync },
  { name: 'br', compress: brotliCompressSync },
];

describe('a compressed request', () => {
  const cases = protocols.flatMap((protocol) => compressions.map((compression) => ({ ...protocol, ...compression })));

  it.each(cases)('that ends too early is invalid_argument: $name in $protocol', async (given) => {
    await using echo = await startEchoServer();
    const cut = given.compress(hello.proto).subarray(0, -4);

    const answer = await send(echo.address.url, {
      rpc: given.rpc,
      contentType: contentTypeOf(given.type, 'proto'),
      headers: { [given.encoding]: given.name },
      body: given.isEnveloped ? envelope(cut, { flags: 1 }) : cut,
    });

    expect(answer).toMatch(isInvalidArgument);
  });

  it.each(cases)('that grows beyond the limit is resource_exhausted: $name in $protocol', async (given) => {
    await using echo = await startEchoServer({ maxRequestBytes: 1_000 });
    const bomb = given.compress(Buffer.alloc(1_000_000));

    const answer = await send(echo.address.url, {
      rpc: given.rpc,
      contentType: contentTypeOf(given.type, 'proto'),
      headers: { [given.encoding]: given.name },
      body: given.isEnveloped ? envelope(bomb, { flags: 1 }) : bomb,
    });

    expect(answer).toMatch(isTooLarge);
  });

  it.each(protocols.filter(({ isEnveloped }) => isEnveloped))(
    'that names no compression is internal in $protocol, as the protocols demand',
    async ({ rpc, type }) => {
      await using echo = await startEchoServer();
      const body = envelope(gzipSync(hello.proto), { flags: 1 });

      expect(await send(echo.address.url, { rpc, contentType: contentTypeOf(type, 'proto'), body })).toMatch(
        isInternal,
      );
    },
  );
});

describe('an envelope', () => {
  it.each(
    protocols
      .filter(({ isEnveloped }) => isEnveloped)
      .flatMap((protocol) => [
        {
          ...protocol,
          fault: 'shorter than its length',
          body: envelope(hello.proto, { length: 50 }),
          is: isInvalidArgument,
        },
        {
          ...protocol,
          fault: 'longer than its length',
          body: envelope(hello.proto, { length: 3 }),
          is: isInvalidArgument,
        },
        {
          ...protocol,
          fault: 'of four gibibytes',
          body: envelope(hello.proto, { length: 0xffff_ffff }),
          is: isTooLarge,
        },
        { ...protocol, fault: 'without the rest of its header', body: Buffer.alloc(3), is: isInvalidArgument },
      ]),
  )('$fault is the fault of the caller, in $protocol', async ({ rpc, type, body, is }) => {
    await using echo = await startEchoServer();

    expect(await send(echo.address.url, { rpc, contentType: contentTypeOf(type, 'proto'), body })).toMatch(is);
  });
});

describe('text that is no UTF-8', () => {
  const malformed = Buffer.from([0x22, 0x74, 0xff, 0x22]);

  it.each(
    protocols.flatMap((protocol) => [
      { ...protocol, codec: 'json', what: 'JSON', message: malformed } as const,
      { ...protocol, codec: 'json', what: 'a lone surrogate in JSON', message: Buffer.from('"t\\ud800"') } as const,
      { ...protocol, codec: 'proto', what: 'protobuf', message: Buffer.from([0x0a, 2, 0x74, 0xff]) } as const,
    ]),
  )(
    'is invalid_argument and never another text: $what in $protocol',
    async ({ rpc, type, codec, message, isEnveloped }) => {
      await using echo = await startEchoServer();
      const body = isEnveloped ? envelope(message) : message;

      expect(await send(echo.address.url, { rpc, contentType: contentTypeOf(type, codec), body })).toMatch(
        isInvalidArgument,
      );
    },
  );

  it.each([
    { what: 'percent-encoded', query: 'message=%22t%ff%22' },
    { what: 'in base64', query: `base64=1&message=${malformed.toString('base64url')}` },
    { what: 'as a lone surrogate', query: `message=${encodeURIComponent('"t\\ud800"')}` },
    { what: 'in no valid base64 at all', query: 'base64=1&message=!' },
  ])('is invalid_argument in a GET, $what', async ({ query }) => {
    await using echo = await startEchoServer();

    const refused = await fetch(`${echo.address.url}/${SAY}?connect=v1&encoding=json&${query}`);

    expect([refused.status, await refused.text()]).toEqual([400, expect.stringMatching(isInvalidArgument)]);
    expect((await postJson(echo.address.url, SAY, '"tÿ"')).status).toBe(200);
  });
});

// The boundaries of HTTP/1.1 messages, however their bytes arrive.
import { describe, expect, it } from 'vitest';
import { MessageReader } from '../../../../packages/kit/fault-proxy/http1/message-reader.ts';

type Options = ConstructorParameters<typeof MessageReader>[0];

function read(options: Options, ...chunks: string[]): string[] {
  const reader = new MessageReader(options);
  return chunks
    .flatMap((chunk) => reader.push(Buffer.from(chunk, 'latin1')))
    .map(({ kind, bytes, isLast }) => `${kind}:${bytes.toString('latin1')}${isLast ? '|' : ''}`);
}

const post = 'POST /a.v1.A/B HTTP/1.1\r\nContent-Length: 5\r\n\r\n';
const get = 'GET /a.v1.A/B?x=1 HTTP/1.1\r\nhost: x\r\n\r\n';
const chunkedHead = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const chunkedBody = '3\r\nabc\r\na;ext=1\r\n0123456789\r\n0\r\nx-trailer: 1\r\n\r\n';
const request: Options = { side: 'request' };
const response: Options = { side: 'response' };

describe('requests', () => {
  it('follow one another on a connection', () => {
    expect(read(request, `${post}hello${get}${post}wo`, 'rld')).toEqual([
      `head:${post}`,
      'body:hello|',
      `head:${get}|`,
      `head:${post}`,
      'body:wo',
      'body:rld|',
    ]);
  });

  it('are the same when their bytes arrive one at a time', () => {
    const parts = read(request, ...`${post}hello${get}`);

    expect(parts.filter((part) => part.startsWith('head:'))).toEqual([`head:${post}`, `head:${get}|`]);
    expect(parts.filter((part) => part.endsWith('|'))).toHaveLength(2);
  });

  it('of HTTP/1.0 are told apart too', () => {
    const old = get.replace('HTTP/1.1', 'HTTP/1.0');

    expect(read(request, `${old}${get}`)).toEqual([`head:${old}|`, `head:${get}|`]);
  });

  it('have a start line', () => {
    const [head] = new MessageReader(request).push(Buffer.from(get));

    expect(head?.startLine).toBe('GET /a.v1.A/B?x=1 HTTP/1.1');
  });

  it.each([
    { what: 'an invalid first line', text: 'HELLO\r\n\r\nrest' },
    { what: 'an invalid length', text: 'POST /a HTTP/1.1\r\ncontent-length: 5x\r\n\r\nrest' },
    { what: 'a head without end', text: `GET /a HTTP/1.1\r\n${'x'.repeat(300_000)}` },
  ])('with $what pass through, and so do all later bytes', ({ text }) => {
    expect(read(request, text, 'more')).toEqual([`body:${text}`, 'body:more']);
  });
});

describe('responses', () => {
  it('in chunks end with their trailers', () => {
    const parts = read(response, chunkedHead + chunkedBody);

    expect(parts.map((part) => part.replace(/^\w+:/, '')).join('')).toBe(`${chunkedHead}${chunkedBody}|`);
    expect(parts.filter((part) => part.endsWith('|'))).toHaveLength(1);
  });

  it('in chunks are recognised whatever the letter case of their header', () => {
    const parts = read(
      response,
      chunkedHead.replace(/transfer-encoding: chunked/i, 'TRANSFER-ENCODING: Chunked'),
      chunkedBody,
    );

    expect(parts.filter((part) => part.endsWith('|'))).toHaveLength(1);
  });

  it.each([
    { what: 'another coding before that', fields: 'Transfer-Encoding: gzip, chunked' },
    { what: 'a length, which does not count then', fields: 'Content-Length: 3\r\nTransfer-Encoding: chunked' },
  ])('in chunks end with their trailers, also with $what', ({ fields }) => {
    const head = chunkedHead.replace('Transfer-Encoding: chunked', fields);
    const parts = read(response, head + chunkedBody + head);

    expect(parts.filter((part) => part.endsWith('|'))).toEqual(['body:\r\n|']);
    expect(parts.at(-1)).toBe(`head:${head}`);
  });

  it('in chunks end at the same byte when their bytes arrive one at a time', () => {
    const bytes = chunkedHead + chunkedBody;
    const parts = read(response, ...bytes, ...bytes);

    expect(parts.map((part) => part.replace(/^\w+:/, '')).join('')).toBe(`${bytes}|${bytes}|`);
  });

  it('without a length end with the connection', () => {
    expect(read(response, 'HTTP/1.0 200 OK\r\n\r\nabc', 'def')).toEqual([
      'head:HTTP/1.0 200 OK\r\n\r\n',
      'body:abc',
      'body:def',
    ]);
  });

  it.each([
    { what: 'no content', head: 'HTTP/1.1 204 No Content\r\n\r\n', isBodiless: false },
    {
      what: 'the length of what has not changed',
      head: 'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n',
      isBodiless: false,
    },
    { what: 'a length of 0', head: 'HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n', isBodiless: false },
    { what: 'the length that HEAD asked for', head: 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n', isBodiless: true },
  ])('with $what end with their head', ({ head, isBodiless }) => {
    expect(read({ side: 'response', isBodiless: () => isBodiless }, head)).toEqual([`head:${head}|`]);
  });

  it.each(['100 Continue', '103 Early Hints'])('that are interim do not end the call: %s', (status) => {
    const [interim, real] = new MessageReader(response).push(
      Buffer.from(`HTTP/1.1 ${status}\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n`),
    );

    expect([interim?.kind, interim?.isLast, real?.isLast]).toEqual(['head', false, true]);
  });

  it('that switch protocols are followed by bytes of the new protocol', () => {
    expect(read(response, 'HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200')).toEqual([
      'head:HTTP/1.1 101 Switching Protocols\r\n\r\n',
      'body:HTTP/1.1 200',
    ]);
  });

  it('with an invalid chunk size pass through from there on', () => {
    expect(read(response, `${chunkedHead}zz\r\nabc`, 'def').slice(1)).toEqual(['body:zz\r\n', 'body:abc', 'body:def']);
  });
});

describe('the reader', () => {
  it('returns a head that was never completed', () => {
    const reader = new MessageReader(request);
    reader.push(Buffer.from('POST /a'));

    expect([reader.heldBytes, reader.takeRest().toString(), reader.heldBytes]).toEqual([7, 'POST /a', 0]);
  });
});

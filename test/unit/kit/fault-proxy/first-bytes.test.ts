// Protocol detection, the RPC of a path, and the upstream URL.
import { describe, expect, it } from 'vitest';
import { rpcOfPath } from '../../../../packages/kit/fault-proxy/core/relay.ts';
import { mayBeHttp2Server, protocolOfClient } from '../../../../packages/kit/fault-proxy/first-bytes.ts';
import { writeFrame } from '../../../../packages/kit/fault-proxy/http2/frame.ts';
import { parseUpstream } from '../../../../packages/kit/fault-proxy/upstream-address.ts';

describe('the first bytes of a client', () => {
  it.each([
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxx', 'http2'],
    ['PRI * HTTP/2.0\r\n\r\nXX', 'tcp'],
    ['PRI * HTTP/2.0', undefined],
    ['P', undefined],
    ['POST', undefined],
    ['POST /', 'http1'],
    ['OPTIONS *', 'http1'],
    ['PUB orders 5\r\n', 'tcp'],
    ['CONNECT {}', 'tcp'],
    ['\u0016\u0003\u0001', 'tcp'],
  ])('%j indicate %s', (text, protocol) => {
    expect(protocolOfClient(Buffer.from(text, 'latin1'))).toBe(protocol);
  });
});

describe('a server that speaks first', () => {
  it('is an HTTP/2 server when it begins with SETTINGS', () => {
    const settings = writeFrame(4, 0, 0, Buffer.alloc(12));

    expect(mayBeHttp2Server(settings)).toBe(true);
    expect(mayBeHttp2Server(settings.subarray(0, 2))).toBe(true);
    expect(mayBeHttp2Server(Buffer.from('INFO {"server_id":"x"}\r\n'))).toBe(false);
    expect(mayBeHttp2Server(Buffer.from('220 ready\r\n'))).toBe(false);
  });
});

describe('the RPC of a path', () => {
  it('is its last two segments', () => {
    expect(rpcOfPath('/shop.v1.A/Get')).toBe('shop.v1.A/Get');
    expect(rpcOfPath('/api/shop.v1.A/Get?message=a/b')).toBe('shop.v1.A/Get');
    expect(rpcOfPath('/metrics')).toBe('metrics');
  });
});

describe('the upstream URL', () => {
  it.each([
    ['http://127.0.0.1:5000', '127.0.0.1', 5000, 'http://127.0.0.1:9'],
    ['http://[::1]:5000/', '::1', 5000, 'http://127.0.0.1:9/'],
    ['https://shop.example/api', 'shop.example', 443, 'https://127.0.0.1:9/api'],
    ['nats://user:secret@broker', 'broker', 4222, 'nats://user:secret@127.0.0.1:9'],
    ['postgres://u:p@db:5433/orders?x=1', 'db', 5433, 'postgres://u:p@127.0.0.1:9/orders?x=1'],
    ['tcp://127.0.0.1:7000', '127.0.0.1', 7000, 'tcp://127.0.0.1:9'],
  ])('%s keeps everything but its address', (text, host, port, url) => {
    const upstream = parseUpstream(text);

    expect([upstream.host, upstream.port, upstream.urlAt('127.0.0.1', 9)]).toEqual([host, port, url]);
  });

  it('may be given an IPv6 address', () => {
    expect(parseUpstream('http://a:1').urlAt('::1', 9)).toBe('http://[::1]:9');
  });

  it('is refused if it is invalid, and is not repeated in the error', () => {
    expect(() => parseUpstream('user:secret@host')).toThrow(/^"upstream" must be a URL with a host/);
    expect(() => parseUpstream('tcp://user:secret@host')).toThrow(/^"upstream" must name its port/);
  });
});

import { describe, expect, it } from 'vitest';
import { protocolOf } from '#packages/rpc-server/first-bytes.ts';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

describe('the first bytes of a connection', () => {
  it.each([
    { bytes: preface, protocol: 'http2' },
    { bytes: `${preface}\0\0\0`, protocol: 'http2' },
    { bytes: 'POST / HTTP/1.1\r\n', protocol: 'http1' },
    { bytes: 'PUT / HTTP/1.1\r\n', protocol: 'http1' },
    { bytes: 'G', protocol: 'http1' },
    { bytes: 'PRI * HTTP/1.1\r\n\r\n', protocol: 'none' },
    { bytes: 'PRI /', protocol: 'none' },
  ])('$bytes are $protocol', ({ bytes, protocol }) => {
    expect(protocolOf(Buffer.from(bytes))).toBe(protocol);
  });

  it('leave the protocol open for every beginning of the HTTP/2 preface', () => {
    const beginnings = Array.from(preface, (_, length) => preface.slice(0, length));

    expect(beginnings.map((bytes) => protocolOf(Buffer.from(bytes)))).toEqual(beginnings.map(() => undefined));
  });
});

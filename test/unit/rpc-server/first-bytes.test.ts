import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { protocolOf, recognizeProtocol } from '#packages/rpc-server/first-bytes.ts';

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

describe('the time to show a protocol', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Reads a connection that has one second to show its protocol. */
  function openConnection() {
    const socket = new PassThrough();
    const onRecognized = vi.fn();
    recognizeProtocol(socket as never as Socket, 1_000, onRecognized);
    return { socket, onRecognized };
  }

  it('begins with the connection, and no byte starts it again', async () => {
    const { socket, onRecognized } = openConnection();

    for (const byte of preface.slice(0, 9)) {
      await vi.advanceTimersByTimeAsync(111);
      socket.write(byte);
    }
    await vi.advanceTimersByTimeAsync(0);
    expect(onRecognized).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);

    expect(onRecognized).toHaveBeenCalledExactlyOnceWith('none');
    socket.destroy();
  });

  it('is over as soon as the protocol is certain, with every byte left for its parser', async () => {
    const { socket, onRecognized } = openConnection();

    await vi.advanceTimersByTimeAsync(999);
    socket.write('PO');
    await vi.advanceTimersByTimeAsync(2_000);

    expect(onRecognized).toHaveBeenCalledExactlyOnceWith('http1');
    expect(String(socket.read())).toBe('PO');
    expect(vi.getTimerCount()).toBe(0);
    socket.destroy();
    await vi.advanceTimersByTimeAsync(0);
    expect(onRecognized).toHaveBeenCalledOnce();
  });

  it('is over when the connection fails, which is no error of the server', () => {
    const { socket, onRecognized } = openConnection();

    expect(() => socket.emit('error', new Error('read ECONNRESET'))).not.toThrow();

    expect(onRecognized).toHaveBeenCalledExactlyOnceWith('none');
    expect(vi.getTimerCount()).toBe(0);
    socket.destroy();
  });
});

import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { drainWhenAnswered } from '#packages/rpc-server/drain.ts';

const mebibyte = Buffer.alloc(1024 * 1024);

/** A request whose body has not been read yet, and whose answer is about to be finished. */
function createExchange() {
  const socket = Object.assign(new EventEmitter(), { destroy: vi.fn() });
  const request = Object.assign(new PassThrough(), { complete: false, socket });
  const response = new EventEmitter();
  drainWhenAnswered(request as never as IncomingMessage, response as never as ServerResponse);
  return { socket, request, answer: () => response.emit('finish') };
}

describe('draining an answered request', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('reads what is left of the body and then lets go', async () => {
    const { request, socket, answer } = createExchange();
    request.end(mebibyte);
    const ended = once(request, 'close');

    answer();
    await ended;

    expect(vi.getTimerCount()).toBe(0);
    expect(socket.destroy).not.toHaveBeenCalled();
    // The connection stays open for further requests.
    expect(socket.listenerCount('close')).toBe(0);
  });

  it('lets go when the connection closes before the body has ended', () => {
    const { request, socket, answer } = createExchange();
    request.write(mebibyte);

    answer();
    socket.emit('close');

    expect(vi.getTimerCount()).toBe(0);
  });

  it('cuts off a caller that continues to send for 10 seconds', async () => {
    const { request, socket, answer } = createExchange();

    answer();
    for (let second = 1; second < 10; second += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      request.write(Buffer.of(1));
    }
    await vi.advanceTimersByTimeAsync(999);
    expect(socket.destroy).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);

    expect(socket.destroy).toHaveBeenCalledOnce();
  });

  it('cuts off a caller that sends more than 64 MiB', async () => {
    const { request, socket, answer } = createExchange();

    answer();
    for (let sent = 0; sent < 64; sent += 1) request.write(mebibyte);
    await expect.poll(() => request.writableLength).toBe(0);
    expect(socket.destroy).not.toHaveBeenCalled();
    request.write(Buffer.of(1));

    await expect.poll(() => socket.destroy).toHaveBeenCalled();
  });

  it('cuts off the one call over HTTP/2, and leaves the others of its connection alone', async () => {
    const stream = Object.assign(new EventEmitter(), { close: vi.fn() });
    const socket = Object.assign(new EventEmitter(), { destroy: vi.fn() });
    const request = Object.assign(new PassThrough(), { complete: false, socket, stream });
    drainWhenAnswered(request as never as IncomingMessage, { stream } as never as ServerResponse);

    stream.emit('finish');
    await vi.advanceTimersByTimeAsync(10_000);

    expect(stream.close).toHaveBeenCalledOnce();
    expect(socket.destroy).not.toHaveBeenCalled();
  });

  it('leaves a request alone that was read to its end', () => {
    const { request, answer } = createExchange();
    request.complete = true;

    answer();

    expect(vi.getTimerCount()).toBe(0);
  });
});

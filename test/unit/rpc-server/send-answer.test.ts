import { EventEmitter, getEventListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { describe, expect, it, vi } from 'vitest';
import { sendAnswer } from '#packages/rpc-server/send-answer.ts';

/** A response that writes down what is done to it; it accepts as many chunks as `accepts` before it has to drain. */
function createResponse(accepts = Number.POSITIVE_INFINITY) {
  const done: unknown[] = [];
  let free = accepts;
  const response = Object.assign(new EventEmitter(), {
    headersSent: false,
    // No cross-origin headers are set.
    getHeader: () => undefined,
    writeHead(status: number, headers: object) {
      response.headersSent = true;
      done.push(['head', status, headers]);
    },
    write(chunk: Uint8Array) {
      done.push(['body', String(Buffer.from(chunk))]);
      free -= 1;
      return free > 0;
    },
    addTrailers: (trailers: object) => done.push(['trailers', trailers]),
    end: () => {
      done.push(['end']);
      response.emit('finish');
    },
    destroy: () => {
      done.push(['destroyed']);
      response.emit('close');
    },
  });
  return { done, response: response as never as ServerResponse, drain: () => response.emit('drain') };
}

/** A body of these chunks; `cleanUp` is called when it ends or is ended. */
async function* bodyOf(chunks: readonly string[], cleanUp?: () => void): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  try {
    for (const chunk of chunks) yield Buffer.from(chunk);
  } finally {
    cleanUp?.();
  }
}

const never = new AbortController().signal;
const STALL_MS = 30_000;

describe('an answer', () => {
  it('is written with its headers, body and trailers', async () => {
    const { response, done } = createResponse();
    const header = new Headers({ 'content-type': 'a/b' });
    header.append('set-cookie', 'a=1');
    header.append('set-cookie', 'b=2');

    const trailer = new Headers({ 'grpc-status': '0' });
    await sendAnswer({ status: 200, header, body: bodyOf(['1', '2']), trailer }, response, never, STALL_MS);

    expect(done).toEqual([
      ['head', 200, { 'content-type': 'a/b', 'set-cookie': ['a=1', 'b=2'] }],
      ['body', '1'],
      ['body', '2'],
      ['trailers', { 'grpc-status': '0' }],
      ['end'],
    ]);
  });

  it.each<[string, Partial<UniversalServerResponse>]>([
    ['has no body', {}],
    ['has an empty body', { body: bodyOf([]) }],
  ])('is written when it %s', async (_, body) => {
    const { response, done } = createResponse();

    await sendAnswer({ status: 405, ...body }, response, never, STALL_MS);

    expect(done).toEqual([['head', 405, {}], ['end']]);
  });

  it('has the headers that are set before its first chunk', async () => {
    const { response, done } = createResponse();
    const header = new Headers();
    const body = bodyOf(['1']);
    async function* late() {
      header.set('a', 'b');
      yield* body;
    }

    await sendAnswer({ status: 200, header, body: late() }, response, never, STALL_MS);

    expect(done[0]).toEqual(['head', 200, { a: 'b' }]);
  });

  it('waits for a caller that reads slowly', async () => {
    const { response, done, drain } = createResponse(1);

    const sent = sendAnswer({ status: 200, body: bodyOf(['1', '2']) }, response, never, STALL_MS);
    await expect.poll(() => response.listenerCount('drain')).toBe(1);
    expect(done.at(-1)).toEqual(['body', '1']);
    drain();
    await expect.poll(() => done.at(-1)).toEqual(['body', '2']);
    drain();
    await sent;

    expect(done.at(-1)).toEqual(['end']);
    expect(getEventListeners(never, 'abort')).toEqual([]);
  });

  it.each(['while it waits', 'before it is written'])('stops when its caller goes away %s', async (when) => {
    const { response, done } = createResponse(1);
    const leaving = new AbortController();
    const cleanUp = vi.fn();
    if (when === 'before it is written') leaving.abort();

    const sent = sendAnswer(
      { status: 200, body: bodyOf(['1', '2', '3'], cleanUp) },
      response,
      leaving.signal,
      STALL_MS,
    );
    if (when === 'while it waits') {
      await expect.poll(() => response.listenerCount('drain')).toBe(1);
      leaving.abort();
    }
    await sent;

    expect(cleanUp).toHaveBeenCalledOnce();
    expect(response.listenerCount('drain')).toBe(0);
    expect(done).toEqual(
      when === 'while it waits'
        ? [
            ['head', 200, {}],
            ['body', '1'],
          ]
        : [],
    );
  });

  it('stops when its caller goes away during a write', async () => {
    const leaving = new AbortController();
    const { response, done } = createResponse(1);
    const { write } = response;
    response.write = (chunk: Uint8Array) => {
      leaving.abort();
      return write(chunk);
    };

    await sendAnswer({ status: 200, body: bodyOf(['1']) }, response, leaving.signal, STALL_MS);

    expect(done.at(-1)).toEqual(['body', '1']);
  });

  it.each([
    { what: 'takes no more of it', chunks: ['1', '2'], accepts: 1 },
    { what: 'does not take the end of it', chunks: ['1'], accepts: 9 },
  ])('cuts off a caller that $what for too long', async ({ chunks, accepts }) => {
    vi.useFakeTimers();
    using _timers = { [Symbol.dispose]: () => void vi.useRealTimers() };
    const { response, done } = createResponse(accepts);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    response.end = () => response;

    const sent = sendAnswer({ status: 200, body: bodyOf(chunks) }, response, gone.signal, STALL_MS);
    await vi.advanceTimersByTimeAsync(STALL_MS - 1);
    expect(done.at(-1)).toEqual(['body', '1']);
    await vi.advanceTimersByTimeAsync(1);
    await sent;

    expect(done.at(-1)).toEqual(['destroyed']);
    expect(vi.getTimerCount()).toBe(0);
  });
});

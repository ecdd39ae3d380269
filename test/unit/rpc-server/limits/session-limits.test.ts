import { EventEmitter } from 'node:events';
import type { Http2Session } from 'node:http2';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limitSession } from '#packages/rpc-server/limits/session-limits.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A session with limits of 75 s and 30 s. */
function startSession({
  answersPings = true,
  pingError = null,
  isIdle = true,
}: {
  answersPings?: boolean;
  pingError?: Error | null;
  isIdle?: boolean;
} = {}) {
  const connection = { isIdle };
  const session = Object.assign(new EventEmitter(), {
    close: vi.fn(),
    destroy: vi.fn(),
    ping: vi.fn((onAnswer: (error: Error | null) => void) => {
      if (answersPings) onAnswer(pingError);
    }),
  });
  const stop = limitSession(session as never as Http2Session, connection, {
    idleTimeoutMs: 75_000,
    pingIntervalMs: 30_000,
  });
  const stream = () => {
    const opened = new EventEmitter();
    connection.isIdle = false;
    session.emit('stream', opened);
    return {
      close: () => {
        connection.isIdle = true;
        opened.emit('close');
      },
    };
  };
  return { session, stop, stream };
}

describe('an HTTP/2 connection without a call', () => {
  it('is closed after the idle timeout, and cut off when its peer does not close it', () => {
    const { session } = startSession();

    vi.advanceTimersByTime(74_999);
    expect(session.close).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(session.close).toHaveBeenCalledOnce();
    expect(session.destroy).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1_000);
    expect(session.destroy).toHaveBeenCalledOnce();
  });

  it('is counted from its last call, however often its peer pings', () => {
    const { session, stream } = startSession();
    const call = stream();
    vi.advanceTimersByTime(500_000);
    call.close();

    vi.advanceTimersByTime(74_999);
    expect(session.close).not.toHaveBeenCalled();
    vi.advanceTimersByTime(75_000);

    expect(session.close).toHaveBeenCalledOnce();
  });

  it('is not pinged: it is about to be closed', () => {
    const { session } = startSession();

    vi.advanceTimersByTime(70_000);

    expect(session.ping).not.toHaveBeenCalled();
  });
});

describe('an HTTP/2 connection with a call', () => {
  it('is pinged, and lasts while its peer answers', () => {
    const { session } = startSession({ isIdle: false });

    vi.advanceTimersByTime(300_000);

    expect(session.ping).toHaveBeenCalledTimes(10);
    expect(session.close).not.toHaveBeenCalled();
    expect(session.destroy).not.toHaveBeenCalled();
  });

  it('is cut off when a ping is not answered until the next', () => {
    const { session } = startSession({ isIdle: false, answersPings: false });

    vi.advanceTimersByTime(59_999);
    expect(session.destroy).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);

    expect(session.destroy).toHaveBeenCalledOnce();
  });

  it('is cut off when a ping fails: that is no answer', () => {
    const { session } = startSession({ isIdle: false, pingError: new Error('ping cancelled') });

    vi.advanceTimersByTime(60_000);

    expect(session.destroy).toHaveBeenCalledOnce();
  });

  it('leaves no timer when it is closed', () => {
    const { stop } = startSession();
    expect(vi.getTimerCount()).toBe(2);

    stop();

    expect(vi.getTimerCount()).toBe(0);
  });
});

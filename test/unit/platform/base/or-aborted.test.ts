import { describe, expect, it } from 'vitest';
import { orAborted } from '#services/platform/base/or-aborted.ts';

describe('a race of work against a signal', () => {
  it('returns the result, or throws the error, that comes first', async () => {
    const { signal } = new AbortController();
    expect(await orAborted(Promise.resolve('settled'), signal)).toBe('settled');
    await expect(orAborted(Promise.reject(new Error('open')), signal)).rejects.toThrow('open');
  });

  it('throws the reason when the signal is aborted, before or during the wait', async () => {
    const caller = new AbortController();
    const waiting = orAborted(new Promise(() => undefined), caller.signal);
    caller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(orAborted(new Promise(() => undefined), caller.signal)).rejects.toThrow('gone');
  });
});

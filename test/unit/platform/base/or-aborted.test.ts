import { describe, expect, it } from 'vitest';
import { orAborted } from '#services/platform/base/or-aborted.ts';

describe('waiting as long as the caller does', () => {
  it('gives the result, or the error, that comes in time', async () => {
    const { signal } = new AbortController();
    expect(await orAborted(Promise.resolve('settled'), signal)).toBe('settled');
    await expect(orAborted(Promise.reject(new Error('open')), signal)).rejects.toThrow('open');
  });

  it('ends with the reason when the caller gives up, before or meanwhile', async () => {
    const caller = new AbortController();
    const waiting = orAborted(new Promise(() => undefined), caller.signal);
    caller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(orAborted(new Promise(() => undefined), caller.signal)).rejects.toThrow('gone');
  });
});

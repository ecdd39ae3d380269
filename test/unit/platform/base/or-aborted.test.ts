import { describe, expect, it } from 'vitest';
import { whileCallerWaits } from '#services/platform/base/or-aborted.ts';

describe('waiting as long as the caller does', () => {
  it('gives the result, or the error, that comes in time', async () => {
    const { signal } = new AbortController();
    expect(await whileCallerWaits(Promise.resolve('settled'), signal)).toBe('settled');
    await expect(whileCallerWaits(Promise.reject(new Error('open')), signal)).rejects.toThrow('open');
  });

  it('ends with the reason when the caller gives up, before or meanwhile', async () => {
    const caller = new AbortController();
    const waiting = whileCallerWaits(new Promise(() => undefined), caller.signal);
    caller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(whileCallerWaits(new Promise(() => undefined), caller.signal)).rejects.toThrow('gone');
  });
});

import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { HealthService, ServingStatus } from '@touchstone/rpc-server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLimitErrors } from '#packages/rpc-server/limits/limit-error.ts';
import { limitStreamAge } from '#packages/rpc-server/stream-age.ts';

const MAX_AGE_MS = 60_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** Opens a watch whose server yields one status and then waits for `end`. */
async function openWatch(end: Promise<void>) {
  const onLimit = vi.fn();
  const transport = createRouterTransport(
    ({ service }) => {
      service(HealthService, {
        async *watch() {
          yield { status: ServingStatus.SERVING };
          await end;
        },
      });
    },
    { router: { interceptors: [limitStreamAge(MAX_AGE_MS, createLimitErrors('shop'), onLimit)] } },
  );
  const watch = createClient(HealthService, transport).watch({})[Symbol.asyncIterator]();
  await watch.next();
  return { watch, onLimit };
}

describe('the age of a stream', () => {
  it('ends it after its longest life, give or take a tenth, and counts that', async () => {
    const { watch, onLimit } = await openWatch(new Promise(() => undefined));

    vi.advanceTimersByTime(0.89 * MAX_AGE_MS);
    expect(onLimit).not.toHaveBeenCalled();
    vi.advanceTimersByTime(0.22 * MAX_AGE_MS);

    const error = ConnectError.from(await watch.next().catch((thrown: unknown) => thrown));
    expect(error.code).toBe(Code.Unavailable);
    expect(onLimit.mock.calls).toEqual([['stream_age']]);
  });

  it('is measured no longer when the stream has ended', async () => {
    const ended = Promise.withResolvers<void>();
    const { watch, onLimit } = await openWatch(ended.promise);

    ended.resolve();
    expect(await watch.next()).toMatchObject({ done: true });

    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(2 * MAX_AGE_MS);
    expect(onLimit).not.toHaveBeenCalled();
  });
});

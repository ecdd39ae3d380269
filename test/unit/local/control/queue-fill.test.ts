import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createQueueFill } from '#local/control/queue-fill.ts';

const HOLD_MS = 60_000;
const RETRY_MS = 5_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A queue whose release fails as often as `failures` says. */
function holdThatFails(failures: number) {
  let isHeld = false;
  const release = vi.fn(async () => {
    if (release.mock.calls.length <= failures) throw new Error('the link does not answer');
    isHeld = false;
  });
  return {
    release,
    hold: async () => {
      isHeld = true;
    },
    isHeld: () => isHeld,
  };
}

const startBurst = () => ({ state: () => ({ sent: 0, failed: 0 }), [Symbol.dispose]: () => undefined });

it('a queue that cannot be released in time is shown as held, and tried again until it is', async () => {
  const order = holdThatFails(2);
  using fill = createQueueFill({ holds: { order }, startBurst });
  await fill.start('order');

  await vi.advanceTimersByTimeAsync(HOLD_MS + RETRY_MS);
  expect([order.release.mock.calls.length, fill.state()?.process]).toEqual([2, 'order']);

  await vi.advanceTimersByTimeAsync(RETRY_MS);
  expect([order.release.mock.calls.length, fill.state(), vi.getTimerCount()]).toEqual([3, undefined, 0]);
});

it('a queue whose release fails is not tried again once everything was healed', async () => {
  const order = holdThatFails(10);
  using fill = createQueueFill({ holds: { order }, startBurst });
  await fill.start('order');
  await vi.advanceTimersByTimeAsync(HOLD_MS);

  fill.cancel();
  await vi.advanceTimersByTimeAsync(10 * RETRY_MS);

  expect([order.release.mock.calls.length, vi.getTimerCount()]).toEqual([1, 0]);
});

it('two queues are not filled at once, not even while the first one is still being held', async () => {
  const held = Promise.withResolvers<void>();
  const [order, analytics] = [holdThatFails(0), holdThatFails(0)];
  const slow = { ...order, hold: () => held.promise.then(order.hold) };
  using fill = createQueueFill({ holds: { order: slow, analytics }, startBurst });

  const first = fill.start('order');
  await expect(fill.start('analytics')).rejects.toMatchObject({ reason: 'QUEUE_FILLING' });
  held.resolve();

  expect(await first).toMatchObject({ process: 'order' });
  expect(analytics.isHeld()).toBe(false);
});

// The collection of events: until there are enough, the time is over, or the provider fails.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CapturedEvent } from '../../../../packages/kit/events/captured-event.ts';
import type { Broker } from '../../../../packages/kit/nats/broker.ts';
import { collectEvents } from '../../../../packages/kit/nats/collect-events.ts';

const eventOf = (subject: string): CapturedEvent => ({ subject, headers: {}, payload: new Uint8Array() });

/** A broker that delivers these events and then nothing more, until its listener stops. */
function brokerWith(...subjects: string[]) {
  const stopped = vi.fn();
  const broker: Broker = {
    publish: async () => undefined,
    async listen(_, { signal }) {
      const stop = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => stop.resolve());
      return (async function* () {
        yield* subjects.map(eventOf);
        await stop.promise;
        stopped();
      })();
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
  return { broker, stopped };
}

const options = { subject: 'books', timeoutMs: 5000, trigger: async () => undefined, isEnough: () => false };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the collection of events', () => {
  it('ends with those that came when its time is over', async () => {
    const { broker, stopped } = brokerWith('a', 'b');
    const collected = collectEvents(broker, options);

    await vi.advanceTimersByTimeAsync(options.timeoutMs);

    expect(await collected).toEqual([eventOf('a'), eventOf('b')]);
    expect(stopped).toHaveBeenCalledOnce();
  });

  it('ends as soon as there are enough', async () => {
    const isEnough = (events: readonly CapturedEvent[]) => events.length === 2;

    expect(await collectEvents(brokerWith('a', 'b', 'c').broker, { ...options, isEnough })).toHaveLength(2);
  });

  it('ends with the error of the provider, and stops listening', async () => {
    const { broker, stopped } = brokerWith();
    const trigger = () => Promise.reject(new Error('no provider'));

    const failed = vi.fn();

    void collectEvents(broker, { ...options, trigger }).catch(failed);
    await vi.advanceTimersByTimeAsync(0);

    expect(failed).toHaveBeenCalledWith(new Error('no provider'));
    expect(stopped).toHaveBeenCalledOnce();
  });
});

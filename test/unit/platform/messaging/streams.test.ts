import { NatsError } from 'nats';
import { describe, expect, it, vi } from 'vitest';
import { DOMAIN } from '#services/domain.ts';
import { streamOf, subjectsOf } from '#services/platform/base/domain.ts';
import type { BrokerSession } from '#services/platform/messaging/broker.ts';
import { ensureStream, isConsumerMissing, isStreamMissing } from '#services/platform/messaging/streams.ts';
import { apiError } from '../support/fake-stream.ts';

const DAY_NS = 86_400 * 1_000_000_000;

function createSession(info: () => Promise<unknown>) {
  const add = vi.fn(async (_config: object) => ({}));
  return { add, session: { manager: { streams: { info, add } } } as unknown as BrokerSession };
}

it('names the stream and the subjects of a service', () => {
  expect(streamOf(DOMAIN, 'order')).toBe('SHOP_ORDER');
  expect(subjectsOf(DOMAIN, 'order')).toBe('shop.order.v1.>');
});

describe('a stream', () => {
  it('is made when it is missing: kept by limits, in files, with two minutes of memory for duplicates', async () => {
    const { add, session } = createSession(() => Promise.reject(apiError(10059)));

    await ensureStream(session, DOMAIN, 'order');

    expect(add).toHaveBeenCalledExactlyOnceWith({
      name: 'SHOP_ORDER',
      subjects: ['shop.order.v1.>'],
      retention: 'limits',
      storage: 'file',
      max_age: 30 * DAY_NS,
      duplicate_window: 120 * 1_000_000_000,
    });
  });

  it('that is there is left alone', async () => {
    const { add, session } = createSession(async () => ({}));

    await ensureStream(session, DOMAIN, 'order');

    expect(add).not.toHaveBeenCalled();
  });

  it('is not made when the broker cannot say whether it is there', async () => {
    const { add, session } = createSession(() => Promise.reject(new NatsError('timeout', 'TIMEOUT')));

    await expect(ensureStream(session, DOMAIN, 'order')).rejects.toThrow('timeout');

    expect(add).not.toHaveBeenCalled();
  });
});

it('distinguishes a missing stream, a missing consumer and any other error', () => {
  const errors = [apiError(10059), apiError(10014), new NatsError('timeout', 'TIMEOUT'), new Error('10059')];

  expect(errors.map(isStreamMissing)).toEqual([true, false, false, false]);
  expect(errors.map(isConsumerMissing)).toEqual([false, true, false, false]);
});

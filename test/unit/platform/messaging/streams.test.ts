import { NatsError } from 'nats';
import { describe, expect, it, vi } from 'vitest';
import { DOMAIN } from '#services/domain.ts';
import { streamOf, subjectsOf } from '#services/platform/base/domain.ts';
import {
  type EventFlow,
  isConsumerMissing,
  isStreamMissing,
  provisionStreams,
} from '#services/platform/messaging/streams.ts';
import { apiError } from '../support/fake-stream.ts';

const DAY_NS = 86_400 * 1_000_000_000;
const FLOWS: readonly EventFlow[] = [
  { service: 'order', publishes: true, consumes: [] },
  { service: 'inventory', publishes: false, consumes: ['order'] },
];
const CONFIG = {
  subjects: ['shop.order.v1.>'],
  discard: 'old',
  max_age: 30 * DAY_NS,
  max_bytes: 1_073_741_824,
  max_msg_size: 262_144,
  duplicate_window: 120 * 1_000_000_000,
  num_replicas: 1,
};

/** The API of a broker whose stream and consumer answer like this. */
function createApi(find: () => Promise<unknown>, findConsumer = find) {
  const streams = {
    info: vi.fn(find),
    add: vi.fn(async (_config: object) => ({})),
    update: vi.fn(async (_name: string, _config: object) => ({})),
  };
  const consumers = { info: vi.fn(findConsumer), add: vi.fn(async (_stream: string, _config: object) => ({})) };
  const provision = (limits?: Parameters<typeof provisionStreams>[3]) =>
    provisionStreams({ streams, consumers } as never, DOMAIN, FLOWS, limits);
  return { streams, consumers, provision };
}

it('names the stream and the subjects of a service', () => {
  expect(streamOf(DOMAIN, 'order')).toBe('SHOP_ORDER');
  expect(subjectsOf(DOMAIN, 'order')).toBe('shop.order.v1.>');
});

describe('provisioning', () => {
  it('makes a missing stream: kept by limits, in files, with two minutes of memory for duplicates', async () => {
    const { streams, provision } = createApi(
      () => Promise.reject(apiError(10059)),
      async () => ({ config: {} }),
    );

    await provision();

    expect(streams.add.mock.calls).toEqual([[{ name: 'SHOP_ORDER', retention: 'limits', storage: 'file', ...CONFIG }]]);
    expect(streams.update).not.toHaveBeenCalled();
  });

  it('gives an existing stream its settings, and removes every other source and destination of its messages', async () => {
    const { streams, provision } = createApi(async () => ({ config: {} }));

    await provision({ maxBytes: 5_000, maxMessageBytes: 50 });

    expect(streams.add).not.toHaveBeenCalled();
    const [[name, config] = []] = streams.update.mock.calls;
    expect(name).toBe('SHOP_ORDER');
    expect(config).toMatchObject({ ...CONFIG, max_bytes: 5_000, max_msg_size: 50, allow_rollup_hdrs: false });
    for (const key of ['republish', 'sources', 'mirror', 'subject_transform']) {
      expect(config).toHaveProperty(key, undefined);
    }
  });

  it('makes a missing consumer of all deliveries there are, named after its service', async () => {
    const { consumers, provision } = createApi(
      async () => ({}),
      () => Promise.reject(apiError(10014)),
    );

    await provision();

    expect(consumers.add.mock.calls).toEqual([
      [
        'SHOP_ORDER',
        {
          durable_name: 'inventory',
          filter_subject: 'shop.order.v1.>',
          ack_policy: 'explicit',
          deliver_policy: 'all',
          ack_wait: 30_000_000_000, // Longer than the statements of any handler, each with its time limit.
          max_deliver: -1,
        },
      ],
    ]);
  });

  it('gives an existing stream as many replicas as the cluster shall have', async () => {
    const { streams, provision } = createApi(async () => ({ config: { num_replicas: 1 } }));

    await provision({ replicas: 3 });

    expect(streams.update.mock.calls).toMatchObject([['SHOP_ORDER', { num_replicas: 3 }]]);
  });

  it.each([
    { has: 0, updates: [] },
    { has: 3, updates: [] },
    // The rest stays as it is: the consumer knows what was delivered.
    { has: 1, updates: [['SHOP_ORDER', { durable_name: 'inventory', num_replicas: 3 }]] },
  ])('a consumer with $has replicas follows its stream to three', async ({ has, updates }) => {
    const { consumers, provision } = createApi(async () => ({
      config: { durable_name: 'inventory', num_replicas: has },
    }));

    await provision({ replicas: 3 });

    expect(consumers.add.mock.calls).toEqual(updates);
  });

  it('leaves an existing consumer alone: it knows what was delivered', async () => {
    const { consumers, provision } = createApi(async () => ({ config: {} }));

    await provision();

    expect(consumers.info.mock.calls).toEqual([['SHOP_ORDER', 'inventory']]);
    expect(consumers.add).not.toHaveBeenCalled();
  });

  it.each(['stream', 'consumer'])('fails when the broker cannot say whether the %s is there', async (part) => {
    const timeout = () => Promise.reject(new NatsError('timeout', 'TIMEOUT'));
    const found = async () => ({ config: {} });
    const { streams, consumers, provision } = part === 'stream' ? createApi(timeout, found) : createApi(found, timeout);

    await expect(provision()).rejects.toThrow('timeout');

    expect(streams.add).not.toHaveBeenCalled();
    expect(consumers.add).not.toHaveBeenCalled();
  });
});

it('distinguishes a missing stream, a missing consumer and any other error', () => {
  const errors = [apiError(10059), apiError(10014), new NatsError('timeout', 'TIMEOUT'), new Error('10059')];

  expect(errors.map(isStreamMissing)).toEqual([true, false, false, false]);
  expect(errors.map(isConsumerMissing)).toEqual([false, true, false, false]);
});

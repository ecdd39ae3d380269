// The limits of a consumer: how often it looks for its stream, how much it handles at once, and what it reports.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { unavailable } from '#services/platform/base/errors.ts';
import { apiError } from '../support/fake-stream.ts';
import { applied, createTestConsumer, type Handle, orderCreated } from './test-consumer.ts';

const STREAM_MISSING = 10059;
const SHORTLY = 100;
const PERIOD = 500;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const shortly = () => vi.advanceTimersByTimeAsync(SHORTLY);

describe('a consumer', () => {
  it('is named after its stream', async () => {
    await using test = createTestConsumer(applied);

    expect(test.consumer.name).toBe('consumer of SHOP_ORDER');
  });

  it('looks for a missing broker once in a period, and does not complain', async () => {
    await using test = createTestConsumer(applied);
    test.broker.session.mockResolvedValue(undefined);

    await test.consumer.start();
    await shortly();
    expect(test.broker.session).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(PERIOD);
    expect(test.broker.session).toHaveBeenCalledTimes(2);
    expect(test.lines).toEqual([]);
  });

  it('looks for a missing stream once in a period', async () => {
    await using test = createTestConsumer(applied);
    test.consumers.info.mockRejectedValue(apiError(STREAM_MISSING));

    await test.consumer.start();
    await shortly();

    expect(test.consumers.info).toHaveBeenCalledTimes(1);
  });

  it('consumes 32 messages at a time', async () => {
    await using test = createTestConsumer(applied);

    await test.consumer.start();
    await shortly();

    expect(test.consume.mock.calls).toEqual([[{ max_messages: 32, idle_heartbeat: 2_000, expires: 15_000 }]]);
  });

  it('is not taken for missing when the broker fails in another way', async () => {
    await using test = createTestConsumer(applied);
    test.consumers.info.mockRejectedValueOnce(apiError(10_008));

    await test.consumer.start();
    await vi.advanceTimersByTimeAsync(0);

    expect(test.consume).not.toHaveBeenCalled();
    expect(test.messages('warn')).toEqual(['consumer of SHOP_ORDER failed, trying again']);
  });

  it('begins again a period after its consumption ended, not at once', async () => {
    await using test = createTestConsumer(applied);
    await test.consumer.start();
    await shortly();
    test.stop();
    await shortly();
    expect(test.consume).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(PERIOD);
    expect(test.consume).toHaveBeenCalledTimes(2);
  });

  it('ends a consumption that opens while it is stopped', async () => {
    const test = createTestConsumer(applied);
    const open = test.consume.getMockImplementation()!;
    const opening = Promise.withResolvers<void>();
    test.consume.mockImplementation(async (options) => {
      await opening.promise;
      return await open(options);
    });
    await test.consumer.start();
    await shortly();

    const stopped = test.consumer.stop();
    opening.resolve();
    await shortly();
    await stopped;

    expect(test.stop).toHaveBeenCalled();
  });

  it.each([
    ['heartbeats_missed', 3, 'keeps'],
    ['heartbeats_missed', 4, 'ends'],
    ['ordered_consumer_recreated', 4, 'keeps'],
  ])('after the status %s %i %s its consumption', async (type, data, outcome) => {
    await using test = createTestConsumer(applied);
    await test.consumer.start();
    await shortly();
    test.tell(type, data);
    await shortly();

    expect(test.stop.mock.calls.length > 0).toBe(outcome === 'ends');
  });

  it('handles at most 32 events at once, also after 32 are done', async () => {
    let gate = Promise.withResolvers<void>();
    const handle = vi.fn<Handle>(() => gate.promise);
    await using test = createTestConsumer(handle);
    await test.consumer.start();
    await shortly();
    for (let number = 0; number < 32; number += 1) test.deliver(orderCreated());
    await shortly();
    gate.resolve();
    await shortly();
    expect(handle).toHaveBeenCalledTimes(32);
    gate = Promise.withResolvers();
    const messages = Array.from({ length: 40 }, () => orderCreated());
    for (const message of messages) test.deliver(message);
    await shortly();
    expect(test.receipts.size).toBe(64);

    const stopping = test.consumer.stop();
    gate.resolve();
    await stopping;
    expect(messages.map(({ answers }) => answers[0]?.[0])).toEqual([...Array(32).fill('ack'), ...Array(8).fill('nak')]);
  });
});

describe('the lag', () => {
  it('is unknown, without a word, while there is no session', async () => {
    await using test = createTestConsumer(applied);
    test.broker.session.mockResolvedValue(undefined);

    expect(await test.consumer.lag()).toEqual({ pending: -1, unacknowledged: -1 });
    expect(test.lines).toEqual([]);
  });

  it('is unknown, with a line in the log, when it cannot be read', async () => {
    await using test = createTestConsumer(applied);
    test.consumers.info.mockRejectedValueOnce(apiError(10_008));

    expect(await test.consumer.lag()).toEqual({ pending: -1, unacknowledged: -1 });
    expect(test.messages('debug')).toEqual(['the lag of the consumer cannot be read']);
  });

  it('is unknown after half a second of a broker that hangs', async () => {
    await using test = createTestConsumer(applied);
    test.consumers.info.mockReturnValueOnce(new Promise(() => undefined));

    const lag = test.consumer.lag();
    await vi.advanceTimersByTimeAsync(500);

    expect(await lag).toEqual({ pending: -1, unacknowledged: -1 });
  });
});

describe('the result of an event', () => {
  const broken: Handle = async () => {
    throw new Error('broken');
  };

  it.each<[string, Handle, string | undefined, string]>([
    ['applied', applied, undefined, 'applied'],
    [
      'postponed by an outage',
      () => Promise.reject(unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'gone' })),
      undefined,
      'retried',
    ],
    ['that failed for the first time', broken, undefined, 'retried'],
    ['whose failure cannot be recorded', broken, 'insert into event_failure', 'retried'],
  ])('%s is counted by subject', async (_, handle, failing, result) => {
    await using test = createTestConsumer(handle, ({ text }) => {
      if (failing !== undefined && text.includes(failing)) throw new Error('the database is gone');
    });
    await test.consumer.start();
    await shortly();
    test.deliver(orderCreated());
    await shortly();

    expect((await test.metrics.eventsHandled.get()).values).toMatchObject([
      {
        value: 1,
        labels: {
          messaging_system: 'nats',
          messaging_destination_name: 'shop.order.v1.OrderCreated',
          stream: 'SHOP_ORDER',
          result,
        },
      },
    ]);
  });

  it('without any header is a dead letter', async () => {
    await using test = createTestConsumer(applied);
    await test.consumer.start();
    await shortly();
    const { message, answers } = orderCreated();
    test.deliver({ message: { ...message, headers: undefined } as unknown as typeof message, answers });
    await shortly();

    expect(answers).toEqual([['term']]);
    expect(test.letters).toHaveLength(1);
  });
});

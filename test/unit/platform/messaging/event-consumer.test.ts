import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { DOMAIN } from '#services/domain.ts';
import { invalidArgument } from '#services/platform/base/errors.ts';
import { installTracing } from '#services/platform/observability/tracing.ts';
import { recordSpans } from '../../../support/telemetry/recorded-spans.ts';
import { apiError, createMessage } from '../support/fake-stream.ts';
import { applied, createTestConsumer, eventually, type Handle, orderCreated } from './test-consumer.ts';

const STREAM_MISSING = 10059;
const CONSUMER_MISSING = 10014;

beforeAll(() => installTracing(DOMAIN.correlation));

describe('an event', () => {
  it('is applied and acknowledged', async () => {
    const handle = vi.fn(applied);
    await using test = createTestConsumer(handle);
    await test.start();
    const message = orderCreated();

    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['ack']]));
    expect(handle.mock.calls[0]?.[0]).toMatchObject({ orderId: 'ord124' });
    expect(test.database.transactions).toEqual(['committed']);
    expect(await test.results()).toEqual(['applied']);
  });

  it('that was applied before is acknowledged without its handler', async () => {
    const handle = vi.fn(applied);
    await using test = createTestConsumer(handle);
    await test.start();
    const message = orderCreated();

    test.deliver(message);
    await eventually(() => expect(message.answers).toHaveLength(1));
    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['ack'], ['ack']]));
    expect(handle).toHaveBeenCalledOnce();
    expect(await test.results()).toEqual(['applied', 'duplicate']);
  });

  it('that nothing handles is acknowledged and touches no database', async () => {
    await using test = createTestConsumer(applied);
    await test.start();
    const message = createMessage({ subject: 'shop.order.v1.OrderConfirmed', payload: new Uint8Array(), headers: {} });

    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['ack']]));
    expect(test.database.statements).toEqual([]);
    expect(await test.results()).toEqual(['ignored']);
  });

  it('is known by its headers, whatever the letter case of their names', async () => {
    await using test = createTestConsumer(async () => Promise.reject(invalidArgument([])));
    await test.start();
    const id = randomUUID();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const message = orderCreated(1, { headers: { 'CE-ID': id, Traceparent: traceparent, 'Content-Type': 'x' } });

    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['term']]));
    const headers = JSON.stringify({ 'ce-id': id, traceparent, 'content-type': 'x' });
    expect(test.letters[0]).toEqual(expect.arrayContaining([id, headers, traceparent.split('-')[1]]));
  });

  it('is one span, which tells how it ended', async () => {
    using spans = recordSpans();
    await using test = createTestConsumer(applied);
    await test.start();

    test.deliver(orderCreated());

    await eventually(() => expect(spans.ended()).toHaveLength(1));
    expect(spans.ended()).toMatchObject([
      { name: 'handle shop.order.v1.OrderCreated', attributes: { 'event.result': 'applied' } },
    ]);
  });

  it('is timed, for its consumer and by its subject; a failure is named in span and metric', async () => {
    using spans = recordSpans();
    const handle = vi.fn(applied).mockRejectedValueOnce(new TypeError('a secret'));
    await using test = createTestConsumer(handle);
    await test.start();

    for (const failed of [true, false]) {
      test.deliver(orderCreated());
      await eventually(() => expect(spans.ended()).toHaveLength(failed ? 1 : 2));
    }

    const { values } = await test.metrics.eventDuration.get();
    const labels = {
      messaging_system: 'nats',
      messaging_operation_name: 'handle',
      messaging_destination_name: 'shop.order.v1.OrderCreated',
      messaging_consumer_group_name: 'inventory',
    };
    expect(values.filter(({ metricName }) => metricName?.endsWith('_count'))).toMatchObject([
      { value: 1, labels: { ...labels, error_type: 'retried' } },
      { value: 1, labels },
    ]);
    expect(spans.ended().map(({ attributes }) => attributes['error.type'])).toEqual(['TypeError', undefined]);
    expect(spans.ended()[0]?.attributes).toMatchObject({ 'messaging.consumer.group.name': 'inventory' });
  });

  it('that becomes a dead letter is timed as one', async () => {
    await using test = createTestConsumer(async () => Promise.reject(invalidArgument([])));
    await test.start();
    const message = orderCreated();

    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['term']]));
    await eventually(async () => {
      const { values } = await test.metrics.eventDuration.get();
      const labels = values.filter(({ metricName }) => metricName?.endsWith('_count')).map((value) => value.labels);
      expect(labels).toMatchObject([{ error_type: 'dead_letter' }]);
    });
  });

  it('does what is left to do after its commit, and only then', async () => {
    const seen: string[] = [];
    await using test = createTestConsumer(async (_event, transaction) => {
      transaction.afterCommit(() => seen.push(test.database.transactions.join()));
    });
    await test.start();

    test.deliver(orderCreated());

    await eventually(() => expect(seen).toEqual(['committed']));
  });

  it('does not wait for those before it that take long', async () => {
    const first = Promise.withResolvers<void>();
    const outcomes = [first.promise];
    const handle: Handle = async () => outcomes.shift();
    await using test = createTestConsumer(handle);
    await test.start();
    const [slow, quick] = [orderCreated(), orderCreated()];

    test.deliver(slow);
    await eventually(() => expect(outcomes).toEqual([]));
    test.deliver(quick);

    await eventually(() => expect(quick.answers).toEqual([['ack']]));
    expect(slow.answers).toEqual([]);
    first.resolve();
  });

  it('is one of at most 32 at a time', async () => {
    const gate = Promise.withResolvers<void>();
    const handle = vi.fn<Handle>(() => gate.promise);
    await using test = createTestConsumer(handle);
    await test.start();

    for (let number = 0; number < 50; number += 1) test.deliver(orderCreated());
    await eventually(() => expect(test.receipts.size).toBe(32));
    await new Promise(setImmediate);
    expect(test.receipts.size).toBe(32);
    gate.resolve();

    await eventually(() => expect(handle).toHaveBeenCalledTimes(50));
  });
});

describe('the durable consumer', () => {
  it('is the one that has the name of this service', async () => {
    await using test = createTestConsumer(applied);

    await test.start();

    expect(test.consumers.info).toHaveBeenCalledWith('SHOP_ORDER', 'inventory');
  });

  it.each([
    ['stream', STREAM_MISSING],
    ['consumer', CONSUMER_MISSING],
  ])('is looked for again and again while the %s is not provisioned, which is said once', async (_missing, code) => {
    await using test = createTestConsumer(applied);
    for (let look = 1; look <= 3; look += 1) test.consumers.info.mockRejectedValueOnce(apiError(code));
    await test.consumer.start();
    for (const looks of [1, 2, 3]) {
      await eventually(() => expect(test.consumers.info).toHaveBeenCalledTimes(looks));
      test.consumer.wake(); // Not to wait out its period.
    }

    await eventually(() => expect(test.consume).toHaveBeenCalled());

    expect(test.consumers.info).toHaveBeenCalledTimes(4);
    expect(test.messages('warn')).toEqual(['the consumer is not provisioned yet; waiting for it']);
  });

  it.each([
    ['consumer_deleted', ''],
    ['consumer_not_found', 1],
    ['stream_not_found', 1],
    ['no_responders', '503 No Responders'],
    ['heartbeats_missed', 4],
  ])('that is gone (%s) is looked for again', async (type, data) => {
    await using test = createTestConsumer(applied);
    await test.start();

    test.tell(type, data);
    test.consumer.wake(); // Not to wait out its period.

    await eventually(() => expect(test.consume).toHaveBeenCalledTimes(2));
  });

  it('that misses a heartbeat or two is waited for', async () => {
    await using test = createTestConsumer(applied);
    await test.start();

    test.tell('heartbeats_missed', 3);
    const message = orderCreated();
    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['ack']]));
    expect(test.stop).not.toHaveBeenCalled();
  });
});

describe('a stop', () => {
  it('waits for what is being applied, and its acknowledgement', async () => {
    const gate = Promise.withResolvers<void>();
    const handle = vi.fn<Handle>(() => gate.promise);
    const test = createTestConsumer(handle);
    await test.start();
    const message = orderCreated();
    test.deliver(message);
    await eventually(() => expect(handle).toHaveBeenCalled());

    const stopping = test.consumer.stop().then(() => [...message.answers]);
    await new Promise(setImmediate);
    gate.resolve();

    expect(await stopping).toEqual([['ack']]);
  });
});

describe('a stop of a consumer that was made again', () => {
  it('ends the consumption that runs, and none that has ended', async () => {
    const test = createTestConsumer(applied);
    await test.start();
    test.tell('consumer_deleted');
    test.consumer.wake(); // Not to wait out its period.
    await eventually(() => expect(test.consume).toHaveBeenCalledTimes(2));
    test.stop.mockClear();

    await test.consumer.stop();

    expect(test.stop).toHaveBeenCalledTimes(2); // Stopped, then closed.
  });
});

describe('an event that was handed out but not begun', () => {
  it('is returned to the broker at once at a stop', async () => {
    const gate = Promise.withResolvers<void>();
    const handle = vi.fn<Handle>(() => gate.promise);
    const test = createTestConsumer(handle);
    await test.start();
    const messages = Array.from({ length: 35 }, () => orderCreated());
    for (const message of messages) test.deliver(message);
    await eventually(() => expect(test.receipts.size).toBe(32));

    const stopping = test.consumer.stop();
    gate.resolve();
    await stopping;

    expect(handle).toHaveBeenCalledTimes(32);
    expect(messages.slice(32).map(({ answers }) => answers)).toEqual([
      [['nak', undefined]],
      [['nak', undefined]],
      [['nak', undefined]],
    ]);
  });
});

describe('how far behind it is', () => {
  it('is what the broker says', async () => {
    await using test = createTestConsumer(applied);

    expect(await test.consumer.lag()).toEqual({ pending: 3, unacknowledged: 2 });
  });

  it('is unknown, not an error, while the broker is unreachable or does not answer', async () => {
    await using test = createTestConsumer(applied);
    const unknown = { pending: -1, unacknowledged: -1 };

    test.broker.status.mockReturnValueOnce({ connected: false, since: new Date() });
    expect(await test.consumer.lag()).toEqual(unknown);
    test.broker.session.mockResolvedValueOnce(undefined);
    expect(await test.consumer.lag()).toEqual(unknown);
    test.consumers.info.mockRejectedValueOnce(new Error(`timeout ${randomUUID()}`));
    expect(await test.consumer.lag()).toEqual(unknown);
  });
});

import { describe, expect, it } from 'vitest';
import { BreakerState } from '#gen/shop/ops/v1/ops_pb.ts';
import { unavailable } from '#services/platform/base/errors.ts';
import type { BreakerView } from '#services/platform/client/breaker.ts';
import type { Broker } from '#services/platform/messaging/broker.ts';
import type { EventConsumer } from '#services/platform/messaging/event-consumer.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { readStatus, refreshGauges, type StatusSources } from '#services/platform/runtime/service-status.ts';
import { createFakeDatabase } from '../support/fake-database.ts';

const SINCE = new Date('2026-01-02T03:04:05Z');
const outage = unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'away', retryAfterMs: 1_000 });
const backlog = { unsent: 7, oldest_age_ms: 2_345.6, dead_letters: 2 };

function createSources(overrides: Partial<StatusSources> = {}): StatusSources {
  return {
    service: 'order',
    startTime: SINCE,
    database: createFakeDatabase(() => [backlog]),
    broker: { status: () => ({ connected: true, since: SINCE }) } as Broker,
    consumers: [],
    breakers: [],
    metrics: createMetrics('order'),
    ...overrides,
  };
}

const away = createFakeDatabase(() => {
  throw outage;
});

describe('the status', () => {
  it('holds the service, its start, its broker and its outbox', async () => {
    const seconds = BigInt(SINCE.getTime() / 1_000);

    expect(await readStatus(createSources())).toMatchObject({
      service: 'order',
      startTime: { seconds },
      databaseUp: true,
      broker: { connected: true, since: { seconds } },
      outbox: { unsent: 7n, oldestAge: { seconds: 2n, nanos: 345_000_000 } },
      deadLetters: 2n,
      openCompensations: 0n,
    });
  });

  it.each([
    ['closed', BreakerState.CLOSED],
    ['half_open', BreakerState.HALF_OPEN],
    ['open', BreakerState.OPEN],
  ] as const)('holds a breaker that is %s, with since and reason', async (state, expected) => {
    const view: BreakerView = { dependency: 'inventory', state, since: SINCE, reason: 'refused' };

    const { breakers } = await readStatus(createSources({ breakers: [() => view] }));

    expect(breakers).toMatchObject([
      {
        dependency: 'inventory',
        state: expected,
        reason: 'refused',
        since: { seconds: BigInt(SINCE.getTime() / 1_000) },
      },
    ]);
  });

  it('leaves out since when of a breaker that never changed', async () => {
    const view: BreakerView = { dependency: 'inventory', state: 'closed', since: undefined, reason: '' };

    const { breakers } = await readStatus(createSources({ breakers: [() => view] }));

    expect(breakers[0]).not.toHaveProperty('since');
  });

  it('holds the lag of each consumer, and -1 where it is unknown', async () => {
    const consumer = (stream: string, pending: number, unacknowledged: number) =>
      ({ stream, lag: async () => ({ pending, unacknowledged }) }) as EventConsumer;

    const { consumers } = await readStatus(
      createSources({ consumers: [consumer('SHOP_INVENTORY', 3, 2), consumer('SHOP_PAYMENT', -1, -1)] }),
    );

    expect(consumers).toEqual([
      { stream: 'SHOP_INVENTORY', consumer: 'order', pending: 3n, unacknowledged: 2n },
      { stream: 'SHOP_PAYMENT', consumer: 'order', pending: -1n, unacknowledged: -1n },
    ]);
  });

  it('counts the open compensations of a service that has some', async () => {
    const status = await readStatus(createSources({ countOpenWork: async () => 4 }));

    expect(status.openCompensations).toBe(4n);
  });
});

describe('the gauges of a scrape', () => {
  const scrape = async ({ metrics }: StatusSources, name: string) =>
    (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(name));
  const consumer = (stream: string, ...lags: number[]) =>
    ({ stream, lag: async () => ({ pending: lags.shift() ?? -1, unacknowledged: 0 }) }) as EventConsumer;

  it('show backlog and its age, lag by stream, and the broker', async () => {
    const sources = createSources({ consumers: [consumer('SHOP_ORDER', 12)] });
    await refreshGauges(sources);

    expect(await scrape(sources, 'messaging_outbox_')).toEqual([
      'messaging_outbox_unsent_messages{service="order"} 7',
      'messaging_outbox_oldest_age_seconds{service="order"} 2.3456',
    ]);
    expect(await scrape(sources, 'messaging_consumer_pending_messages')).toEqual([
      'messaging_consumer_pending_messages{stream="SHOP_ORDER",service="order"} 12',
    ]);
    expect(await scrape(sources, 'messaging_broker_connected')).toEqual([
      'messaging_broker_connected{service="order"} 1',
    ]);
  });

  it('show that the broker is disconnected, and keep a lag that cannot be read', async () => {
    let connected = true;
    const broker = { status: () => ({ connected, since: SINCE }) } as Broker;
    const sources = createSources({ broker, consumers: [consumer('SHOP_ORDER', 12, -1)] });
    await refreshGauges(sources);
    connected = false;
    await refreshGauges(sources);

    expect(await scrape(sources, 'messaging_broker_connected')).toEqual([
      'messaging_broker_connected{service="order"} 0',
    ]);
    expect(await scrape(sources, 'messaging_consumer_pending_messages')).toEqual([
      'messaging_consumer_pending_messages{stream="SHOP_ORDER",service="order"} 12',
    ]);
  });
});

describe('an unreachable database', () => {
  it('is part of the answer, not an error', async () => {
    const status = await readStatus(createSources({ database: away, countOpenWork: () => Promise.reject(outage) }));

    expect(status).toMatchObject({ databaseUp: false, outbox: { unsent: 0n }, deadLetters: 0n, openCompensations: 0n });
  });

  it('is part of the answer also when it begins between two queries', async () => {
    const status = await readStatus(createSources({ countOpenWork: () => Promise.reject(outage) }));

    expect(status).toMatchObject({ databaseUp: false });
  });

  it('is not what a mistake is', async () => {
    const mistaken = createFakeDatabase(() => {
      throw new Error('relation "outbox" does not exist');
    });

    await expect(readStatus(createSources({ database: mistaken }))).rejects.toThrow('does not exist');
  });
});

describe('the gauges', () => {
  const readGauge = async (gauge: { get(): Promise<{ values: { value: number }[] }> }) =>
    (await gauge.get()).values[0]?.value;

  it('show the values of the status', async () => {
    const sources = createSources();

    await readStatus(sources);

    expect(await readGauge(sources.metrics.outboxUnsent)).toBe(7);
    expect(await readGauge(sources.metrics.deadLetters)).toBe(2);
  });

  it('keep their last values while the database is unreachable', async () => {
    const sources = createSources();
    await readStatus(sources);

    await readStatus({ ...sources, database: away });

    expect(await readGauge(sources.metrics.outboxUnsent)).toBe(7);
  });
});

// What a relay does with rows it cannot publish, and how often it looks.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf } from '#services/platform/base/domain.ts';
import type { Broker, BrokerSession } from '#services/platform/messaging/broker.ts';
import { createEvent } from '#services/platform/messaging/event.ts';
import { insertEvents } from '#services/platform/messaging/outbox.ts';
import { createOutboxRelay } from '#services/platform/messaging/outbox-relay.ts';
import { createPublishBackoff } from '#services/platform/messaging/publish-backoff.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { toStatement } from '#services/platform/storage/sql.ts';
import { createFakeDatabase } from '../support/fake-database.ts';
import { recordLog } from '../support/recorded-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const SUBJECT = 'shop.order.v1.OrderCreated';
const row = (event_id: string) => ({ event_id, subject: SUBJECT, payload: Buffer.from([1]), headers: {} });

/** A relay whose first batch has these rows; the stream refuses those that start with "bad". */
function createTestRelay(ids: readonly string[], isConnected = true) {
  const batches = [ids.map(row)];
  const database = createFakeDatabase(({ text }) => {
    if (text.startsWith('select exists')) return [{ found: batches.length > 0 }];
    return text.startsWith('select') ? (batches.shift() ?? []) : [];
  });
  const publish = vi.fn(async (_subject: string, _payload: Uint8Array, { msgID }: { msgID: string }) => {
    if (msgID.startsWith('bad')) throw new Error('refused');
  });
  const manager = { streams: { info: async () => ({}), add: async () => ({}) } };
  const session = vi.fn<Broker['session']>(
    async () => ({ jetstream: { publish }, manager }) as unknown as BrokerSession,
  );
  const metrics = createMetrics('order');
  const recorded = recordLog('info');
  const relay = createOutboxRelay({
    domain: DOMAIN,
    service: 'order',
    database,
    broker: {
      name: 'broker',
      start: async () => undefined,
      stop: async () => undefined,
      session,
      status: () => ({ connected: isConnected, since: new Date() }),
    },
    metrics,
    log: recorded.log,
  });
  return { ...recorded, relay, database, session, metrics, [Symbol.asyncDispose]: relay.stop };
}

describe('a batch with a row that the stream refuses', () => {
  it('is recorded as sent but for that row, and the next batch follows at once', async () => {
    await using test = createTestRelay(['good-1', 'bad-1', 'good-2']);
    await test.relay.start();
    await vi.advanceTimersByTimeAsync(100);

    const updates = test.database.statements.filter(({ text }) => text.startsWith('update outbox'));
    expect(updates.map(({ values }) => values)).toEqual([[['good-1', 'good-2']]]);
    expect(test.database.transactions).toEqual(['committed', 'committed']);
    expect(test.messages('warn')).toEqual(['events could not be published yet']);
    expect((await test.metrics.eventsPublished.get()).values).toMatchObject([
      {
        value: 2,
        labels: { messaging_system: 'nats', messaging_operation_name: 'publish', messaging_destination_name: SUBJECT },
      },
    ]);
  });

  it('fails as a whole when the stream refuses every row', async () => {
    await using test = createTestRelay(['bad-1', 'bad-2']);
    await test.relay.start();
    await vi.advanceTimersByTimeAsync(10);

    expect(test.database.transactions).toEqual(['rolled back']);
    expect(test.messages('warn')).toEqual(['outbox relay failed, trying again']);
  });
});

it('a relay without a connection looks for one once in a second', async () => {
  await using test = createTestRelay([], false);
  await test.relay.start();
  await vi.advanceTimersByTimeAsync(500);
  expect(test.session).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(500);
  expect(test.session).toHaveBeenCalledTimes(2);
});

it.each([
  [60_000, ['a']],
  [60_001, []],
])('a row that failed is remembered for a minute: after %i ms', (milliseconds, skipped) => {
  let time = 0;
  const rows = createPublishBackoff(() => time);
  rows.onFailed(['a']);
  time += milliseconds;
  rows.list();
  rows.onFailed(['a']);

  expect(rows.list()).toEqual(skipped);
});

it('events are stored without a condition when none is given', () => {
  const event = createEvent(eventSourceOf(DOMAIN, 'order'), OrderCreatedSchema, { orderId: 'o1' }, new Date());

  expect(toStatement(insertEvents([event])).text).toMatch(/ as event$/);
});

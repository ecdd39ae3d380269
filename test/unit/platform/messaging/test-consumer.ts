// The inventory's consumer of orders between a stream and a database that are doubles: messages in, answers out.
import { expect, vi } from 'vitest';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf } from '#services/platform/base/domain.ts';
import { createEvent } from '#services/platform/messaging/event.ts';
import { createEventConsumer } from '#services/platform/messaging/event-consumer.ts';
import { type HandleEvent, onEvent } from '#services/platform/messaging/event-handler.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { createFakeDatabase, type Statement } from '../support/fake-database.ts';
import { createFakeStream, createMessage } from '../support/fake-stream.ts';
import { recordLog } from '../support/recorded-log.ts';

export type Handle = HandleEvent<typeof OrderCreatedSchema>;

/** Waits until a check holds, looking often: nothing here takes longer than a turn of the event loop or a short pause. */
export const eventually = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { interval: 2, timeout: 3_000 });

/** A message with an OrderCreated event. */
export function orderCreated(delivery = 1, overrides: { payload?: Uint8Array; headers?: Record<string, string> } = {}) {
  const event = createEvent(eventSourceOf(DOMAIN, 'order'), OrderCreatedSchema, { orderId: 'ord124' }, new Date());
  return createMessage({ ...event, ...overrides, delivery });
}

/** The inventory's consumer of the orders over a fake stream and a database that remembers receipts and failures. */
export function createTestConsumer(handle: Handle, failingStatements?: (statement: Statement) => void) {
  const receipts = new Set<unknown>();
  const attempts = new Map<unknown, number>();
  const letters: (readonly unknown[])[] = [];
  const database = createFakeDatabase((statement) => {
    const { text, values } = statement;
    failingStatements?.(statement);
    if (text.includes('insert into dead_letter')) letters.push(values);
    else if (text.includes('insert into inbox')) {
      const ids = new Set(values.flat().filter((value) => typeof value === 'string' && value.includes('-')));
      const added = [...ids].filter((id) => !receipts.has(id));
      for (const id of added) receipts.add(id);
      return added.map((id) => ({ id }));
    } else if (text.includes('insert into event_failure')) {
      attempts.set(values[1], (attempts.get(values[1]) ?? 0) + 1);
      return [{ attempts: attempts.get(values[1]) }];
    }
    return [];
  });
  const stream = createFakeStream();
  const metrics = createMetrics('inventory');
  const recorded = recordLog();
  const consumer = createEventConsumer({
    domain: DOMAIN,
    service: 'inventory',
    subscription: { producer: 'order', handlers: [onEvent(OrderCreatedSchema, handle)] },
    database,
    broker: stream.broker,
    metrics,
    log: recorded.log,
  });
  const start = async () => {
    await consumer.start();
    await eventually(() => expect(stream.consume).toHaveBeenCalled());
  };
  const results = async () => (await metrics.eventsHandled.get()).values.map(({ labels }) => labels.result);
  return {
    ...recorded,
    ...stream,
    consumer,
    metrics,
    database,
    receipts,
    attempts,
    letters,
    start,
    results,
    [Symbol.asyncDispose]: consumer.stop,
  };
}

export const applied: Handle = async () => undefined;

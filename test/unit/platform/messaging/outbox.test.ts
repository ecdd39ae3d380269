import { describe, expect, it } from 'vitest';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf } from '#services/platform/base/domain.ts';
import { createEvent } from '#services/platform/messaging/event.ts';
import { insertOutboxSql, OUTBOX_PARAMETERS, outboxValues } from '#services/platform/messaging/outbox.ts';

const event = (orderId: string) =>
  createEvent(eventSourceOf(DOMAIN, 'order'), OrderCreatedSchema, { orderId }, new Date());

/** The numbers of the parameters a statement mentions. */
function parametersOf(sql: string): number[] {
  return [...sql.matchAll(/\$(\d+)/g)].map((match) => Number(match[1]));
}

describe('the statement that stores events', () => {
  it.each([1, 7, 42])('takes its parameters from $%d on', (first) => {
    expect(parametersOf(insertOutboxSql(first))).toEqual([first, first + 1, first + 2, first + 3]);
  });

  it('takes as many parameters as it says, and as there are values', () => {
    expect(parametersOf(insertOutboxSql(1))).toHaveLength(OUTBOX_PARAMETERS);
    expect(outboxValues([event('ord124')])).toHaveLength(OUTBOX_PARAMETERS);
  });

  it('stores unconditionally without a condition', () => {
    expect(insertOutboxSql(1)).not.toContain('where');
    expect(insertOutboxSql(1, 'inserted_order')).toMatch(/ where exists \(select from inserted_order\)$/);
  });
});

describe('the values', () => {
  it('are a list a column, in the order of the events', () => {
    const events = [event('ord1'), event('ord2')];

    const [ids, subjects, payloads, headers] = outboxValues(events) as [string[], string[], Buffer[], string[]];

    expect(ids).toEqual(events.map(({ id }) => id));
    expect(subjects).toEqual(['shop.order.v1.OrderCreated', 'shop.order.v1.OrderCreated']);
    expect(payloads.map((payload) => Buffer.isBuffer(payload))).toEqual([true, true]);
    expect(payloads.map((payload) => new Uint8Array(payload))).toEqual(events.map(({ payload }) => payload));
    expect(headers.map((text) => JSON.parse(text))).toEqual(events.map((one) => one.headers));
  });

  it('of no events are empty lists', () => {
    expect(outboxValues([])).toEqual([[], [], [], []]);
  });
});

import { describe, expect, it } from 'vitest';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf } from '#services/platform/base/domain.ts';
import { createEvent } from '#services/platform/messaging/event.ts';
import { insertEvents } from '#services/platform/messaging/outbox.ts';
import { joinSql, rawSql, type Sql, sql, toStatement } from '#services/platform/storage/sql.ts';

const event = (orderId: string) =>
  createEvent(eventSourceOf(DOMAIN, 'order'), OrderCreatedSchema, { orderId }, new Date());

/** The numbers of the parameters that a statement mentions. */
function parametersOf(statement: Sql): number[] {
  return [...toStatement(statement).text.matchAll(/\$(\d+)/g)].map((match) => Number(match[1]));
}

describe('the statement that stores events', () => {
  it.each([0, 6, 41])('numbers its parameters after the %d before it', (before) => {
    const earlier = joinSql(
      Array.from({ length: before }, () => sql`${'earlier'}`),
      ', ',
    );
    const numbers = parametersOf(sql`with stored as (select ${earlier}) ${insertEvents([event('ord124')])}`);

    expect(numbers.slice(before)).toEqual([before + 1, before + 2, before + 3, before + 4]);
  });

  it('has one parameter for each column of the outbox, however many events it stores', () => {
    const events = [event('ord124'), event('ord125')];

    expect(parametersOf(insertEvents(events))).toEqual([1, 2, 3, 4]);
    expect(toStatement(insertEvents(events)).values).toHaveLength(4);
  });

  it('stores unconditionally without a condition', () => {
    const conditional = insertEvents([event('ord124')], rawSql('inserted_order'));

    expect(toStatement(insertEvents([event('ord124')])).text).not.toContain('where');
    expect(toStatement(conditional).text).toMatch(/ where exists \(select from inserted_order\)$/);
  });
});

describe('the values', () => {
  it('are one list for each column, in the order of the events', () => {
    const events = [event('ord1'), event('ord2')];

    const { values } = toStatement(insertEvents(events));
    const [ids, subjects, payloads, headers] = values as [string[], string[], Buffer[], string[]];

    expect(ids).toEqual(events.map(({ id }) => id));
    expect(subjects).toEqual(['shop.order.v1.OrderCreated', 'shop.order.v1.OrderCreated']);
    expect(payloads.map((payload) => Buffer.isBuffer(payload))).toEqual([true, true]);
    expect(payloads.map((payload) => new Uint8Array(payload))).toEqual(events.map(({ payload }) => payload));
    expect(headers.map((text) => JSON.parse(text))).toEqual(events.map((one) => one.headers));
  });

  it('of no events are empty lists', () => {
    expect(toStatement(insertEvents([])).values).toEqual([[], [], [], []]);
  });
});

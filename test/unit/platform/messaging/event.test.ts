import { create, toBinary } from '@bufbuild/protobuf';
import { beforeAll, describe, expect, it } from 'vitest';
import { SalesSummarySchema } from '#gen/shop/analytics/v1/analytics_pb.ts';
import { StockReservedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf } from '#services/platform/base/domain.ts';
import { DomainError } from '#services/platform/base/errors.ts';
import { createEvent, readEvent } from '#services/platform/messaging/event.ts';
import { onEvent } from '#services/platform/messaging/event-handler.ts';
import { installTracing, runInSpan, SpanKind, traceIdOf } from '#services/platform/observability/tracing.ts';
import type { Transaction } from '#services/platform/storage/database.ts';

const TIME = new Date('2026-03-04T05:06:07.089Z');
const transaction: Transaction = { query: async () => [], afterCommit: () => undefined };

beforeAll(() => installTracing(DOMAIN.correlation));

describe('an event', () => {
  it('has the headers of CloudEvents in binary mode', () => {
    const event = createEvent(eventSourceOf(DOMAIN, 'order'), OrderCreatedSchema, { orderId: 'ord124' }, TIME);

    expect(event.headers).toEqual({
      'ce-specversion': '1.0',
      'ce-id': event.id,
      'ce-type': 'shop.order.v1.OrderCreated',
      'ce-source': '/shop/order',
      'ce-time': '2026-03-04T05:06:07.089Z',
      'content-type': 'application/protobuf',
    });
  });

  it('is published under the full name of its message', () => {
    expect(createEvent(eventSourceOf(DOMAIN, 'order'), OrderCreatedSchema, {}, TIME).subject).toBe(
      'shop.order.v1.OrderCreated',
    );
  });

  it('has a body of protobuf binary that reads back', () => {
    const event = createEvent(
      eventSourceOf(DOMAIN, 'order'),
      OrderCreatedSchema,
      { orderId: 'ord124', version: 3n },
      TIME,
    );

    expect(readEvent(OrderCreatedSchema, event.payload)).toMatchObject({ orderId: 'ord124', version: 3n });
  });

  it('has an id of its own, a UUID', () => {
    const ids = Array.from(
      { length: 50 },
      () => createEvent(eventSourceOf(DOMAIN, 'order'), OrderCreatedSchema, {}, TIME).id,
    );

    expect(new Set(ids).size).toBe(50);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('made inside a call carries the trace of the call', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

    const event = await runInSpan({ name: 'call', kind: SpanKind.SERVER, headers: { traceparent } }, async () =>
      createEvent(eventSourceOf(DOMAIN, 'order'), OrderCreatedSchema, {}, TIME),
    );

    expect(traceIdOf(event.headers.traceparent)).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
  });
});

describe('a body', () => {
  it.each([
    ['cut short', toBinary(OrderCreatedSchema, create(OrderCreatedSchema, { orderId: 'ord124' })).subarray(0, 4)],
    ['with a wire type there is not', Uint8Array.of(0x0f, 0xff)],
    ['with a field number of zero', Uint8Array.of(0x00, 0x01)],
    ['with an endless number', new Uint8Array(20).fill(0xff)],
  ])('%s is bad input for good', (_, payload) => {
    expect(() => readEvent(OrderCreatedSchema, payload)).toThrow(
      expect.objectContaining({ name: 'DomainError', kind: 'invalid_argument', reason: 'EVENT_UNREADABLE' }),
    );
  });

  it('of nothing is a message with every default', () => {
    expect(readEvent(SalesSummarySchema, new Uint8Array())).toMatchObject({ syntheticOrders: 0n });
  });

  it('that violates the rules of its contract is bad input for good, with all its violations', () => {
    const event = create(OrderCreatedSchema, { items: [{ productId: 'a\n', quantity: 0 }] });

    expect(() => readEvent(OrderCreatedSchema, toBinary(OrderCreatedSchema, event))).toThrow(
      expect.objectContaining({
        kind: 'invalid_argument',
        reason: 'INVALID_REQUEST',
        message: [
          'order_id: must not be empty',
          'items[0].product_id: must not contain control characters',
          'items[0].quantity: must be at least 1, is 0',
        ].join('; '),
      }),
    );
  });
});

describe('a handler', () => {
  it('gets the decoded message and the transaction of its effect', async () => {
    const seen: unknown[] = [];
    const handler = onEvent(StockReservedSchema, async (event, given) => {
      seen.push(event.orderId, given);
    });
    const event = createEvent(eventSourceOf(DOMAIN, 'inventory'), StockReservedSchema, { orderId: 'ord124' }, TIME);

    await handler.apply(event.payload, transaction);

    expect(handler.subject).toBe('shop.inventory.v1.StockReserved');
    expect(seen).toEqual(['ord124', transaction]);
  });

  it('is not called for a body that cannot be read', async () => {
    let called = false;
    const handler = onEvent(StockReservedSchema, async () => {
      called = true;
    });

    await expect(async () => handler.apply(Uint8Array.of(0x0f, 0xff), transaction)).rejects.toThrow(DomainError);

    expect(called).toBe(false);
  });
});

import { randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { StockReservedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { PaymentFailedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { createDeadLetters } from '#services/platform/messaging/dead-letters.ts';
import { onEvent } from '#services/platform/messaging/event-handler.ts';
import { createFakeDatabase } from '../support/fake-database.ts';

// Both events have the order's id in the same field.
const ORDER = toBinary(StockReservedSchema, create(StockReservedSchema, { orderId: 'ord1' }));

/** Replays a dead letter of a service that handles StockReserved of inventory and PaymentFailed of payment. */
async function replay(stream: string, subject: string): Promise<{ applied: string[]; failure: unknown }> {
  const applied: string[] = [];
  const letter = { stream, subject, eventId: randomUUID(), payload: ORDER };
  const database = createFakeDatabase(({ text }) => {
    if (text.includes('delete from dead_letter')) return [letter];
    return text.includes('insert into inbox') ? [{ id: letter.eventId }] : [];
  });
  const letters = createDeadLetters(database, DOMAIN, [
    { producer: 'inventory', handlers: [onEvent(StockReservedSchema, async () => void applied.push('stock'))] },
    { producer: 'payment', handlers: [onEvent(PaymentFailedSchema, async () => void applied.push('payment'))] },
  ]);
  const failure = await letters.replay(randomUUID()).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { applied, failure };
}

it.each([
  ['SHOP_INVENTORY', StockReservedSchema.typeName, 'stock'],
  ['SHOP_PAYMENT', PaymentFailedSchema.typeName, 'payment'],
])('a letter of %s is replayed to the handler of that stream', async (stream, subject, handler) => {
  expect(await replay(stream, subject)).toEqual({ applied: [handler], failure: undefined });
});

it.each([
  ['SHOP_PAYMENT', StockReservedSchema.typeName],
  ['SHOP_ORDER', PaymentFailedSchema.typeName],
  ['SHOP_INVENTORY', 'shop.inventory.v1.StockReserve'],
])('a letter of %s for which nothing handles %s is not replayed', async (stream, subject) => {
  const { applied, failure } = await replay(stream, subject);
  expect(applied).toEqual([]);
  expect(failure).toMatchObject({ reason: 'REPLAY_FAILED', message: `nothing here handles ${subject} of ${stream}` });
});

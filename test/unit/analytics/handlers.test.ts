import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it, vi } from 'vitest';
import { ProductChangedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { OrderConfirmedSchema, OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { PaymentCompletedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { createAnalyticsSubscriptions } from '#services/analytics/routes.ts';
import { afterNoon, saleOf } from '../../support/services/sales-builders.ts';
import { createFakeDatabase } from '../platform/support/fake-database.ts';

/** Passes a body to the handler of its type, in a transaction that answers every statement with these rows. */
async function apply(subject: string, payload: Uint8Array, rows: readonly object[] = [{ step: 'CREATED' }]) {
  const changed = vi.fn<() => void>();
  const query = vi.fn(async () => [...rows]);
  const handlers = createAnalyticsSubscriptions(changed).flatMap((subscription) => subscription.handlers);
  const handler = handlers.find((one) => one.subject === subject);
  await handler?.apply(payload, { query: query as never, afterCommit: (hint) => hint() });
  return { changed: changed.mock.calls.length, statements: query.mock.calls.length };
}

const createdOf = (synthetic: boolean) =>
  toBinary(OrderCreatedSchema, create(OrderCreatedSchema, { orderId: 'order-1', synthetic, createTime: afterNoon(0) }));
const confirmedOf = (changes: Record<string, unknown>) =>
  toBinary(OrderConfirmedSchema, create(OrderConfirmedSchema, saleOf('order-1', changes)));

describe('events that are applied together', () => {
  it('are stored steps first, so that concurrent transactions add to the sums in one order', async () => {
    const database = createFakeDatabase(() => [{}]);
    const [created, confirmed] = [OrderCreatedSchema, OrderConfirmedSchema].map(
      ({ typeName }) =>
        createAnalyticsSubscriptions(() => undefined)[0]?.handlers.find(({ subject }) => subject === typeName)?.batch,
    );
    const taken = [confirmed?.read(confirmedOf({})), created?.read(createdOf(false))];

    await database.transaction(async (transaction) => confirmed?.applyAll(taken, transaction));

    expect(database.statements.map(({ text }) => /with taken|insert into \w+/.exec(text)?.[0])).toEqual([
      'insert into order_step',
      'with taken',
    ]);
  });

  it('share one call, whatever their type', () => {
    const [order] = createAnalyticsSubscriptions(() => undefined);

    expect(new Set(order?.handlers.map(({ batch }) => batch?.applyAll)).size).toBe(1);
  });
});

describe('an event', () => {
  it('that changes the sums wakes the watchers; one counted before does not', async () => {
    const { typeName } = OrderCreatedSchema;

    expect(await apply(typeName, createdOf(false))).toEqual({ changed: 1, statements: 1 });
    expect(await apply(typeName, createdOf(false), [])).toEqual({ changed: 0, statements: 1 });
  });

  it('of a synthetic order is stored as created, and never as a sale or a payment', async () => {
    const paid = create(PaymentCompletedSchema, { orderId: 'o', synthetic: true, completeTime: afterNoon(0) });

    expect((await apply(OrderCreatedSchema.typeName, createdOf(true))).statements).toBe(1);
    expect((await apply(OrderConfirmedSchema.typeName, confirmedOf({ synthetic: true }))).statements).toBe(0);
    const payload = toBinary(PaymentCompletedSchema, paid);
    expect((await apply(PaymentCompletedSchema.typeName, payload)).statements).toBe(0);
  });

  it.each([
    ['no total', { total: undefined }, 'total: must be set'],
    ['no time', { confirmTime: undefined }, 'confirm_time: must be set'],
    ['no order', { orderId: '' }, 'order_id: must not be empty'],
    [
      'none of a product without an id',
      { items: [{ productId: '', quantity: 0 }] },
      'items[0].product_id: must not be empty; items[0].quantity: must be at least 1, is 0',
    ],
    [
      'a product without a price and no time',
      { items: [{ productId: 'prod456', quantity: 1 }], confirmTime: undefined },
      'confirm_time: must be set; items[0].unit_price: must be set',
    ],
    [
      'a line whose amount no column can hold',
      { items: [{ productId: 'p', quantity: 10_000, unitPrice: { currencyCode: 'EUR', minorUnits: 2n ** 60n } }] },
      'items[0]: costs more than can be stored',
    ],
    [
      'a line that only its quantity makes too large for a column',
      { items: [{ productId: 'p', quantity: 10_000, unitPrice: { currencyCode: 'EUR', minorUnits: 2n ** 50n } }] },
      'items[0]: costs more than can be stored',
    ],
  ])('of a sale with %s is invalid', async (_fault, changes, words) => {
    await expect(apply(OrderConfirmedSchema.typeName, confirmedOf(changes))).rejects.toMatchObject({
      kind: 'invalid_argument',
      message: words,
    });
  });

  it.each([
    ['id', {}, 'product_id: must not be empty'],
    ['time', { productId: 'prod456' }, 'change_time: must be set'],
  ])('of a product without %s is invalid', async (_, init, words) => {
    const payload = toBinary(ProductChangedSchema, create(ProductChangedSchema, init));
    await expect(apply(ProductChangedSchema.typeName, payload)).rejects.toThrow(words);
  });
});

import { describe, expect, it } from 'vitest';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { createOrder } from '#services/order/create-order.ts';
import { syntheticHeaders } from '#services/platform/base/synthetic.ts';
import { testCall } from '../../support/services/call.ts';
import { createOrderFixture } from '../../support/services/create-order-fixture.ts';
import { euros, failureOf, faultsOf, orderRequest, TEST_CREDENTIAL } from '../../support/services/order-builders.ts';

const distinctItems = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ productId: `product-${index}`, quantity: 1 }));

describe('bad input', () => {
  it.each([
    { fault: 'no idempotency key', change: { idempotencyKey: '' }, violation: 'idempotency_key: must not be empty' },
    {
      fault: 'an idempotency key of 300 characters',
      change: { idempotencyKey: 'k'.repeat(300) },
      violation: 'idempotency_key: must have at most 128 characters, has 300',
    },
    { fault: 'no customer', change: { customerId: '' }, violation: 'customer_id: must not be empty' },
    {
      fault: 'a customer id of 300 characters',
      change: { customerId: 'c'.repeat(300) },
      violation: 'customer_id: must have at most 128 characters, has 300',
    },
    {
      fault: 'a customer id with a line break',
      change: { customerId: 'cust\n123' },
      violation: 'customer_id: must not contain control characters',
    },
    { fault: 'no items', change: { items: [] }, violation: 'items: must not be empty' },
    {
      fault: '1,000 items',
      change: { items: distinctItems(1_000) },
      violation: 'items: must have at most 100 entries, has 1000',
    },
    {
      fault: '101 items',
      change: { items: distinctItems(101) },
      violation: 'items: must have at most 100 entries, has 101',
    },
    {
      fault: 'an empty product id',
      change: { items: [{ productId: '', quantity: 1 }] },
      violation: 'items[0].product_id: must not be empty',
    },
    {
      fault: 'a product id of 300 characters',
      change: { items: [{ productId: 'p'.repeat(300), quantity: 1 }] },
      violation: 'items[0].product_id: must have at most 128 characters, has 300',
    },
    {
      fault: 'quantity 0',
      change: { items: [{ productId: '12345', quantity: 0 }] },
      violation: 'items[0].quantity: must be at least 1, is 0',
    },
    {
      fault: 'a negative quantity',
      change: { items: [{ productId: '12345', quantity: -5 }] },
      violation: 'items[0].quantity: must be at least 1, is -5',
    },
    {
      fault: 'quantity 10,001',
      change: { items: [{ productId: '12345', quantity: 10_001 }] },
      violation: 'items[0].quantity: must be at most 10000, is 10001',
    },
    {
      fault: 'the same product twice',
      change: {
        items: [
          { productId: '12345', quantity: 1 },
          { productId: 'prod456', quantity: 1 },
          { productId: '12345', quantity: 2 },
        ],
      },
      violation: 'items[2].product_id: is the same product as items[0]',
    },
    {
      fault: 'an unknown product',
      change: {
        items: [
          { productId: '12345', quantity: 1 },
          { productId: 'no-such', quantity: 1 },
        ],
      },
      violation: 'items[1].product_id: is not a product of the shop',
    },
    {
      fault: 'products of two currencies',
      change: {
        items: [
          { productId: '12345', quantity: 1 },
          { productId: 'dollar-product', quantity: 1 },
        ],
      },
      violation: 'items[1].product_id: is sold in USD, others in EUR',
    },
  ])('$fault is refused by name', async ({ change, violation }) => {
    expect(await faultsOf(createOrderFixture().place(change))).toEqual([violation]);
  });

  it.each([
    '',
    'cash',
    'PM_APPROVED',
    'pm_',
    'pm_a b',
    ' pm_approved',
    'pm_approved\n',
    '4111 1111 1111 1111',
    `pm_${'x'.repeat(126)}`,
  ])('a payment method that is not a token is refused by name: "%s"', async (paymentMethod) => {
    expect(await faultsOf(createOrderFixture().place({ paymentMethod }))).toEqual([
      'payment_method: must be a token of the payment provider, like pm_approved',
    ]);
  });

  it('the error does not contain the refused payment method', async () => {
    const error = await failureOf(createOrderFixture().place({ paymentMethod: '4111 1111 1111 1111' }));
    expect(JSON.stringify([error.message, error.violations])).not.toContain('4111');
  });

  it('a token that only the provider knows is accepted, and its decline fails the order', async () => {
    const fixture = createOrderFixture();
    fixture.saga.payment.decline = 'The payment method is not accepted';
    expect(await fixture.place({ paymentMethod: 'pm_unheard_of' })).toMatchObject({
      outcome: Outcome.FAILED,
      reason: OrderReason.PAYMENT_FAILED,
    });
  });

  it('a payment method that the shop does not accept is refused by name, without its value', async () => {
    const fixture = { ...createOrderFixture(), paymentMethods: new Set(['pm_approved']) };
    const error = await failureOf(createOrder(fixture, orderRequest({ paymentMethod: 'pm_unheard_of' }), testCall()));
    expect(error.violations).toEqual([{ field: 'payment_method', description: 'is not a payment method of the shop' }]);
    expect(error.message).not.toContain('pm_unheard_of');
  });

  it('is invalid_argument, and reported all at once', async () => {
    const work = createOrderFixture().place({
      idempotencyKey: '',
      customerId: '',
      paymentMethod: '',
      items: [
        { productId: '', quantity: 0 },
        { productId: '12345', quantity: 20_000 },
      ],
    });
    const { kind, violations } = await failureOf(work);
    expect(kind).toBe('invalid_argument');
    expect(violations.map(({ field }) => field)).toEqual([
      'idempotency_key',
      'customer_id',
      'items[0].product_id',
      'items[0].quantity',
      'items[1].quantity',
      'payment_method',
    ]);
  });

  it('every unknown product is named', async () => {
    const items = [
      { productId: 'no-such', quantity: 1 },
      { productId: '12345', quantity: 1 },
      { productId: 'nor-this', quantity: 1 },
    ];
    const { violations } = await failureOf(createOrderFixture().place({ items }));
    expect(violations.map(({ field }) => field)).toEqual(['items[0].product_id', 'items[2].product_id']);
  });

  it('more money than can be charged is refused, naming the quantity', async () => {
    const fixture = createOrderFixture();
    const unitPrice = { currencyCode: 'EUR', minorUnits: 2n ** 52n };
    await fixture.prices.put([{ productId: 'yacht', unitPrice, version: 1n }]);
    const { kind, violations } = await failureOf(fixture.place({ items: [{ productId: 'yacht', quantity: 2 }] }));
    expect(kind).toBe('invalid_argument');
    expect(violations.map(({ field }) => field)).toEqual(['items[0].quantity']);
  });

  it('leaves the idempotency key unused', async () => {
    const fixture = createOrderFixture();
    await failureOf(fixture.place({ items: [{ productId: 'no-such', quantity: 1 }] }));
    expect((await fixture.place()).outcome).toBe(Outcome.CONFIRMED);
  });

  it('stores nothing and calls no dependency', async () => {
    const fixture = createOrderFixture();
    await failureOf(fixture.place({ items: [] }));
    expect(fixture.saga.store.changes).toEqual([]);
    expect(fixture.saga.inventory.reserveStock).not.toHaveBeenCalled();
  });
});

describe('a synthetic order', () => {
  const items = [{ productId: 'test-product', quantity: 1 }];
  const place = (headers: Record<string, string>) => {
    const fixture = createOrderFixture();
    fixture.prices.prices.set('test-product', { productId: 'test-product', unitPrice: euros(100n), version: 1n });
    return fixture.place({ synthetic: true, items }, { headers });
  };

  it('is accepted with the credential', async () => {
    const { order } = await place(syntheticHeaders(TEST_CREDENTIAL));
    expect(order).toMatchObject({ synthetic: true, status: OrderStatus.CONFIRMED });
  });

  it.each([undefined, 'another credential'])('is refused with SYNTHETIC_NOT_ALLOWED for %s', async (credential) => {
    expect(await failureOf(place(syntheticHeaders(credential)))).toMatchObject({
      kind: 'permission_denied',
      reason: 'SYNTHETIC_NOT_ALLOWED',
    });
  });

  it('may contain the test product only', async () => {
    const mixed = [...items, { productId: '12345', quantity: 1 }];
    const headers = syntheticHeaders(TEST_CREDENTIAL);
    expect(await faultsOf(createOrderFixture().place({ synthetic: true, items: mixed }, { headers }))).toEqual([
      'items[1].product_id: must be test-product in a synthetic order',
    ]);
  });

  it('that is invalid too is refused for its faults first', async () => {
    expect(await failureOf(createOrderFixture().place({ synthetic: true, items: [] }))).toMatchObject({
      kind: 'invalid_argument',
    });
  });
});

describe('prices that are not loaded yet', () => {
  it('make an unknown product unavailable rather than invalid, with retry advice', async () => {
    const fixture = createOrderFixture();
    fixture.prices.loaded = false;
    expect(await failureOf(fixture.place({ items: [{ productId: 'no-such', quantity: 1 }] }))).toMatchObject({
      kind: 'unavailable',
      reason: 'CATALOGUE_NOT_LOADED',
      retryAfterMs: 1_000,
    });
  });

  it('do not delay an order whose prices are known', async () => {
    const fixture = createOrderFixture();
    fixture.prices.loaded = false;
    expect((await fixture.place()).outcome).toBe(Outcome.CONFIRMED);
  });
});

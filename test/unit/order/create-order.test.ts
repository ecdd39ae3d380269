import { durationMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it, vi } from 'vitest';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { createOrder } from '#services/order/create-order.ts';
import { decideCancel } from '#services/order/order.ts';
import { unavailable } from '#services/platform/base/errors.ts';
import { syntheticHeaders } from '#services/platform/base/synthetic.ts';
import { readEvent } from '#services/platform/messaging/event.ts';
import { testCall } from '../../support/services/call.ts';
import { type CreateOrderFixture, createOrderFixture } from '../../support/services/create-order-fixture.ts';
import { callFailure } from '../../support/services/fake-dependencies.ts';
import { failureOf, orderRequest, secondsLater, TEST_CREDENTIAL } from '../../support/services/order-builders.ts';

const distinctItems = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ productId: `product-${index}`, quantity: 1 }));

describe('an order that succeeds', () => {
  it('is answered with CONFIRMED and the order as it is stored', async () => {
    const fixture = createOrderFixture();
    const answer = await fixture.place();
    expect(answer).toMatchObject({
      outcome: Outcome.CONFIRMED,
      reason: OrderReason.UNSPECIFIED,
      order: { orderId: 'order-1', status: OrderStatus.CONFIRMED, customerId: 'cust123' },
    });
    expect(answer.retry).toBeUndefined();
  });

  it('is priced from the prices of the order service', async () => {
    const answer = await createOrderFixture().place({ items: [{ productId: '12345', quantity: 1 }] });
    expect(answer.order?.total).toEqual({ currencyCode: 'EUR', minorUnits: 5_999n });
    expect(answer.order?.pricingVersion).toBe('v1');
  });

  it('keeps unit prices and the order of its items', async () => {
    const answer = await createOrderFixture().place({
      items: [
        { productId: 'prod789', quantity: 2 },
        { productId: '12345', quantity: 1 },
      ],
    });
    expect(answer.order?.items).toEqual([
      { productId: 'prod789', quantity: 2, unitPrice: { currencyCode: 'EUR', minorUnits: 1_250n } },
      { productId: '12345', quantity: 1, unitPrice: { currencyCode: 'EUR', minorUnits: 5_999n } },
    ]);
    expect(answer.order?.total?.minorUnits).toBe(8_499n);
  });

  it('is stored with OrderCreated in one change, before any dependency is called', async () => {
    const fixture = createOrderFixture();
    fixture.saga.inventory.reserveStock.mockImplementationOnce(async () => {
      expect(fixture.saga.store.changes).toMatchObject([
        { order: { status: 'PENDING', version: 1 }, events: ['shop.order.v1.OrderCreated'] },
      ]);
      throw callFailure('inventory', 'timeout');
    });
    await fixture.place();
    expect(fixture.saga.inventory.reserveStock).toHaveBeenCalledOnce();
  });

  it('publishes OrderCreated with customer, items and total', async () => {
    const fixture = createOrderFixture();
    await fixture.place({ items: [{ productId: '12345', quantity: 1 }] });
    expect(readEvent(OrderCreatedSchema, fixture.saga.store.events[0]!.payload)).toMatchObject({
      orderId: 'order-1',
      customerId: 'cust123',
      items: [{ productId: '12345', quantity: 1, unitPrice: { currencyCode: 'EUR', minorUnits: 5_999n } }],
      total: { currencyCode: 'EUR', minorUnits: 5_999n },
      version: 1n,
    });
  });

  it('wakes the relay as soon as it is stored', async () => {
    const fixture = createOrderFixture();
    await fixture.place();
    expect(fixture.saga.onChange.mock.calls[0]?.[0]).toMatchObject({ orderId: 'order-1', version: 1 });
  });

  it('accepts 100 different products', async () => {
    const fixture = createOrderFixture();
    const items = distinctItems(100);
    await fixture.prices.put(
      items.map(({ productId }) => ({ productId, unitPrice: { currencyCode: 'EUR', minorUnits: 1n }, version: 1n })),
    );
    fixture.saga.inventory.stock = 100;
    expect((await fixture.place({ items })).order?.total?.minorUnits).toBe(100n);
  });

  it('accepts 10,000 of one product', async () => {
    const fixture = createOrderFixture();
    fixture.saga.inventory.stock = 10_000;
    expect(await fixture.place({ items: [{ productId: '12345', quantity: 10_000 }] })).toMatchObject({
      outcome: Outcome.CONFIRMED,
      order: { total: { minorUnits: 59_990_000n } },
    });
  });
});

describe('the idempotency key', () => {
  const lookUps = (fixture: CreateOrderFixture) => vi.spyOn(fixture.saga.store, 'findByKey');

  it('of a new order is not looked up', async () => {
    const fixture = createOrderFixture();
    const findByKey = lookUps(fixture);

    await fixture.place();

    expect(findByKey).not.toHaveBeenCalled();
  });

  it('of a known order returns it even when its product is no longer sold', async () => {
    const fixture = createOrderFixture();
    const first = await fixture.place();
    fixture.prices.prices.clear();

    const duplicate = await fixture.place();

    expect(duplicate.order).toEqual(first.order);
  });

  it('of an order that cannot be priced is looked up, and the fault is reported when it is new', async () => {
    const fixture = createOrderFixture();
    const findByKey = lookUps(fixture);
    fixture.prices.prices.clear();

    expect(await failureOf(fixture.place())).toMatchObject({ kind: 'invalid_argument' });

    expect(findByKey).toHaveBeenCalledOnce();
  });

  it('is not looked up in an outage of the database', async () => {
    const fixture = createOrderFixture();
    const findByKey = lookUps(fixture);
    const error = unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'the database cannot be reached now' });
    vi.spyOn(fixture.prices, 'find').mockRejectedValue(error);

    expect(await failureOf(fixture.place())).toBe(error);

    expect(findByKey).not.toHaveBeenCalled();
  });
});

describe('what the call saw', () => {
  it('not enough stock: FAILED, INSUFFICIENT_STOCK, no retry advice', async () => {
    const fixture = createOrderFixture();
    fixture.saga.inventory.stock = 9;
    const answer = await fixture.place();
    expect(answer).toMatchObject({
      outcome: Outcome.FAILED,
      reason: OrderReason.INSUFFICIENT_STOCK,
      order: { status: OrderStatus.FAILED },
    });
    expect(answer.retry).toBeUndefined();
  });

  it('inventory answers internal: FAILED, INVENTORY_ERROR, a new key may be tried after a second', async () => {
    const fixture = createOrderFixture();
    fixture.saga.inventory.reserveStock.mockRejectedValueOnce(callFailure('inventory', 'internal'));
    const answer = await fixture.place();
    expect(answer).toMatchObject({ outcome: Outcome.FAILED, reason: OrderReason.INVENTORY_ERROR });
    expect(answer.retry?.newKey).toBe(true);
    expect(durationMs(answer.retry?.after as Parameters<typeof durationMs>[0])).toBe(1_000);
  });

  it('inventory times out: PENDING, INVENTORY_CHECK_FAILED', async () => {
    const fixture = createOrderFixture();
    fixture.saga.inventory.reserveStock.mockRejectedValueOnce(callFailure('inventory', 'timeout'));
    expect(await fixture.place()).toMatchObject({
      outcome: Outcome.PENDING,
      reason: OrderReason.INVENTORY_CHECK_FAILED,
      order: { status: OrderStatus.PENDING, reason: OrderReason.INVENTORY_CHECK_FAILED },
    });
  });

  it('payment times out: TIMEOUT, while the order stays PENDING', async () => {
    const fixture = createOrderFixture();
    fixture.saga.payment.processPayment.mockRejectedValueOnce(callFailure('payment', 'timeout'));
    expect(await fixture.place()).toMatchObject({
      outcome: Outcome.TIMEOUT,
      reason: OrderReason.PAYMENT_TIMEOUT,
      order: { status: OrderStatus.PENDING },
    });
  });

  it('a breaker is open: CIRCUIT_OPEN, while the order stays PENDING', async () => {
    const fixture = createOrderFixture();
    fixture.saga.inventory.reserveStock.mockRejectedValueOnce(callFailure('inventory', 'circuit_open'));
    expect(await fixture.place()).toMatchObject({
      outcome: Outcome.CIRCUIT_OPEN,
      reason: OrderReason.INVENTORY_UNAVAILABLE,
      order: { status: OrderStatus.PENDING },
    });
  });

  it('a decline whose stock cannot be released yet: FAILED, PAYMENT_FAILED', async () => {
    const fixture = createOrderFixture();
    fixture.saga.payment.decline = 'Insufficient funds';
    fixture.saga.inventory.releaseReservation.mockRejectedValueOnce(callFailure('inventory', 'unreachable'));
    expect(await fixture.place()).toMatchObject({ outcome: Outcome.FAILED, reason: OrderReason.PAYMENT_FAILED });
  });

  it('cancelled concurrently by another replica, compensation still owed: FAILED, CANCELLED_BY_CUSTOMER', async () => {
    const fixture = createOrderFixture();
    const { saga } = fixture;
    saga.inventory.releaseReservation.mockRejectedValueOnce(callFailure('inventory', 'unreachable'));
    saga.store.beforeSave = async () => {
      saga.store.beforeSave = () => undefined;
      const stored = saga.store.current();
      await saga.store.save(decideCancel(stored, secondsLater(1)), stored.version, []);
    };
    expect(await fixture.place()).toMatchObject({
      outcome: Outcome.FAILED,
      reason: OrderReason.CANCELLED_BY_CUSTOMER,
      order: { status: OrderStatus.CANCELLED },
    });
  });

  it('too little time: PENDING, BUDGET_EXHAUSTED, and the order is kept', async () => {
    const fixture = createOrderFixture();
    const notCalled = callFailure('inventory', 'not_called');
    fixture.saga.inventory.reserveStock.mockImplementation(async (_request, options) => {
      expect(options?.timeoutMs).toBe(0);
      throw notCalled;
    });
    expect(await fixture.place({}, { budgetMs: 0 })).toMatchObject({
      outcome: Outcome.PENDING,
      reason: OrderReason.BUDGET_EXHAUSTED,
    });
    expect(fixture.saga.store.current().status).toBe('PENDING');
  });

  it('never returns the payment method', async () => {
    const fixture = createOrderFixture();
    fixture.saga.payment.decline = 'Insufficient funds';
    const answer = await fixture.place({ paymentMethod: 'pm_very_secret' });
    expect(JSON.stringify(answer, (_, value) => (typeof value === 'bigint' ? String(value) : value))).not.toContain(
      'pm_very_secret',
    );
  });
});

describe('a database outage', () => {
  const outage = unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'the database cannot be reached now' });

  it('before the order is stored: unavailable, and no dependency is called', async () => {
    const fixture = createOrderFixture();
    fixture.saga.store.insert = async () => {
      throw outage;
    };
    expect(await failureOf(fixture.place())).toMatchObject({ kind: 'unavailable', retryAfterMs: 1_000 });
    expect(fixture.saga.inventory.reserveStock).not.toHaveBeenCalled();
  });

  it('after the order is stored: unavailable, and a duplicate returns the order', async () => {
    const fixture = createOrderFixture();
    fixture.saga.store.beforeSave = () => {
      fixture.saga.store.beforeSave = () => undefined;
      throw outage;
    };
    expect(await failureOf(fixture.place())).toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
    expect(await fixture.place({}, { budgetMs: 20 })).toMatchObject({
      outcome: Outcome.PENDING,
      order: { orderId: 'order-1', status: OrderStatus.PENDING },
    });
  });
});

describe('the time of a call', () => {
  type Slow = (fixture: CreateOrderFixture, pass: () => void) => void;
  const slow: readonly { readonly what: string; readonly slowDown: Slow }[] = [
    {
      what: 'a slow look-up of the prices',
      slowDown: ({ prices }, pass) => {
        const { find } = prices;
        prices.find = (productIds) => {
          pass();
          return find(productIds);
        };
      },
    },
    {
      what: 'a slow insert',
      slowDown: ({ saga: { store } }, pass) => {
        const { insert } = store;
        store.insert = (...given) => {
          pass();
          return insert(...given);
        };
      },
    },
  ];

  it.each(slow)('is not released after $what: the saga has the rest of it', async ({ slowDown }) => {
    const fixture = createOrderFixture();
    let remainingMs = 2_500;
    slowDown(fixture, () => {
      remainingMs = 1_000;
    });
    const deadline = { remainingMs: () => remainingMs };
    await createOrder(fixture, orderRequest(), { ...testCall(), deadline });
    expect(fixture.saga.inventory.reserveStock.mock.calls.map(([, options]) => options)).toEqual([{ timeoutMs: 600 }]);
    expect(fixture.saga.payment.processPayment.mock.calls.map(([, options]) => options)).toEqual([{ timeoutMs: 600 }]);
  });
});

describe('a caller', () => {
  it('who is a customer orders for itself', async () => {
    const caller = { kind: 'customer', id: 'alice' } as const;
    const { order } = await createOrderFixture().place({ customerId: 'alice' }, { caller });
    expect(order?.customerId).toBe('alice');
  });

  it('who is a customer cannot order for another, and nothing is stored', async () => {
    const fixture = createOrderFixture();
    const placing = fixture.place({ customerId: 'alice' }, { caller: { kind: 'customer', id: 'bob' } });
    expect(await failureOf(placing)).toMatchObject({ kind: 'permission_denied', reason: 'NOT_YOUR_CUSTOMER_ID' });
    expect(fixture.saga.store.changes).toEqual([]);
  });

  it('who is a customer cannot order for another with the credential of synthetic orders either', async () => {
    const fixture = createOrderFixture();
    const synthetic = { synthetic: true, items: [{ productId: 'test-product', quantity: 1 }] };
    const placing = fixture.place(
      { ...synthetic, customerId: 'alice' },
      { caller: { kind: 'customer', id: 'bob' }, headers: syntheticHeaders(TEST_CREDENTIAL) },
    );
    expect(await failureOf(placing)).toMatchObject({ kind: 'permission_denied', reason: 'NOT_YOUR_CUSTOMER_ID' });
    expect(fixture.saga.store.changes).toEqual([]);
  });

  it('cannot order the test product for a real order', async () => {
    const placing = createOrderFixture().place({ items: [{ productId: 'test-product', quantity: 999 }] });
    expect(await failureOf(placing)).toMatchObject({
      kind: 'invalid_argument',
      message: 'items[0].product_id: is for synthetic orders only',
    });
  });

  it('whose customer has as many pending orders as it may is told to wait', async () => {
    const fixture = createOrderFixture();
    fixture.saga.store.insert = async () => false;
    expect(await failureOf(fixture.place())).toMatchObject({
      kind: 'resource_exhausted',
      reason: 'TOO_MANY_PENDING_ORDERS',
      retryAfterMs: 5_000,
    });
  });
});

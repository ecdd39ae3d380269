import { describe, expect, it, vi } from 'vitest';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { createOrder } from '#services/order/create-order.ts';
import { decideCancel, refundConfirmed } from '#services/order/order.ts';
import { syntheticHeaders } from '#services/platform/base/synthetic.ts';
import { testCall } from '../../support/services/call.ts';
import { createOrderFixture } from '../../support/services/create-order-fixture.ts';
import { callFailure } from '../../support/services/fake-dependencies.ts';
import {
  euros,
  failureOf,
  orderRequest,
  secondsLater,
  TEST_CREDENTIAL,
} from '../../support/services/order-builders.ts';

describe('an idempotency key that is used again', () => {
  it('with the same content returns the first order, and creates no other', async () => {
    const fixture = createOrderFixture();
    const first = await fixture.place();
    const second = await fixture.place();
    expect(second).toEqual(first);
    expect(fixture.saga.payment.captures).toBe(1);
    expect(fixture.saga.inventory.reserveStock).toHaveBeenCalledOnce();
  });

  it('with the same items in another order returns the first order', async () => {
    const fixture = createOrderFixture();
    const items = [
      { productId: 'prod456', quantity: 1 },
      { productId: '12345', quantity: 2 },
    ];
    const first = await fixture.place({ items });
    expect(await fixture.place({ items: items.toReversed() })).toEqual(first);
    expect(fixture.saga.payment.captures).toBe(1);

    const swapped = items.map(({ productId }, index) => ({ productId, quantity: items[1 - index]?.quantity ?? 0 }));
    expect(await failureOf(fixture.place({ items: swapped }))).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it.each([
    { difference: 'another customer', change: { customerId: 'cust999' } },
    { difference: 'another quantity', change: { items: [{ productId: '12345', quantity: 11 }] } },
    { difference: 'another product', change: { items: [{ productId: 'prod456', quantity: 10 }] } },
    { difference: 'another payment method', change: { paymentMethod: 'pm_expired_card' } },
    {
      difference: 'one item more',
      change: {
        items: [
          { productId: '12345', quantity: 10 },
          { productId: 'prod456', quantity: 1 },
        ],
      },
    },
  ])('with $difference is refused: IDEMPOTENCY_KEY_REUSED', async ({ change }) => {
    const fixture = createOrderFixture();
    await fixture.place();
    expect(await failureOf(fixture.place(change))).toMatchObject({
      kind: 'failed_precondition',
      reason: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  it('is compared field by field: a shifted boundary is other content', async () => {
    const fixture = createOrderFixture();
    await fixture.place({ customerId: 'cust', items: [{ productId: '12345', quantity: 1 }] });
    const duplicate = fixture.place({ customerId: 'cust1', items: [{ productId: '2345', quantity: 1 }] });
    const refused = { status: 'rejected', reason: { reason: 'IDEMPOTENCY_KEY_REUSED' } };
    expect(await Promise.allSettled([duplicate])).toMatchObject([refused]);
  });

  it('is looked up before pricing: the product may be gone by then', async () => {
    const fixture = createOrderFixture();
    await fixture.place();
    fixture.prices.prices.clear();
    expect((await fixture.place()).outcome).toBe(Outcome.CONFIRMED);
  });

  it('of a failed order returns the same answer, retry advice included', async () => {
    const fixture = createOrderFixture();
    fixture.saga.inventory.reserveStock.mockRejectedValueOnce(callFailure('inventory', 'internal'));
    const first = await fixture.place();
    expect(await fixture.place()).toEqual(first);
  });

  it('of a cancelled order: FAILED, CANCELLED_BY_CUSTOMER', async () => {
    const fixture = createOrderFixture();
    fixture.saga.payment.processPayment.mockRejectedValueOnce(callFailure('payment', 'timeout'));
    await fixture.place();
    const stored = fixture.saga.store.current();
    await fixture.saga.store.save(decideCancel(stored, secondsLater(1)), stored.version, []);
    expect(await fixture.place()).toMatchObject({
      outcome: Outcome.FAILED,
      reason: OrderReason.CANCELLED_BY_CUSTOMER,
      order: { status: OrderStatus.CANCELLED },
    });
  });

  it('of a refunded order: CONFIRMED, without advice to place it again', async () => {
    const fixture = createOrderFixture();
    await fixture.place();
    const stored = fixture.saga.store.current();
    await fixture.saga.store.save(refundConfirmed(stored, secondsLater(1)), stored.version, []);
    expect(await fixture.place()).toMatchObject({
      outcome: Outcome.CONFIRMED,
      reason: OrderReason.UNSPECIFIED,
      order: { status: OrderStatus.REFUNDED },
    });
  });

  it('of a blocked order returns immediately, with the reason', async () => {
    const fixture = createOrderFixture();
    fixture.saga.payment.processPayment.mockRejectedValueOnce(callFailure('payment', 'timeout'));
    await fixture.place();
    const duplicate = await fixture.place({}, { budgetMs: 60_000 });
    expect(duplicate).toMatchObject({ outcome: Outcome.PENDING, reason: OrderReason.PAYMENT_TIMEOUT });
    expect(fixture.saga.payment.processPayment).toHaveBeenCalledOnce();
  });

  it('while the first call is in flight waits for its end', async () => {
    const fixture = createOrderFixture();
    let goOn: () => void = () => undefined;
    const reserve = fixture.saga.inventory.reserveStock.getMockImplementation()!;
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    fixture.saga.inventory.reserveStock.mockImplementationOnce(async (...given) => {
      await held;
      return reserve(...given);
    });
    const first = fixture.place();
    await expect.poll(() => fixture.saga.inventory.reserveStock.mock.calls.length).toBe(1);
    const second = fixture.place();
    goOn();
    expect(await second).toEqual(await first);
    expect(fixture.saga.inventory.reserveStock).toHaveBeenCalledOnce();
  });

  it('while the first call outlasts the budget of the second: PENDING, BUDGET_EXHAUSTED', async () => {
    const fixture = createOrderFixture();
    fixture.saga.inventory.reserveStock.mockImplementationOnce(() => new Promise<never>(() => undefined));
    void fixture.place();
    await expect.poll(() => fixture.saga.store.changes.length).toBe(1);
    expect(await fixture.place({}, { budgetMs: 20 })).toMatchObject({
      outcome: Outcome.PENDING,
      reason: OrderReason.BUDGET_EXHAUSTED,
      order: { orderId: 'order-1', status: OrderStatus.PENDING },
    });
  });

  it('after a slow look-up waits for no longer than the rest of its budget', async () => {
    const fixture = createOrderFixture();
    fixture.saga.inventory.reserveStock.mockImplementationOnce(() => new Promise<never>(() => undefined));
    void fixture.place();
    await expect.poll(() => fixture.saga.store.changes.length).toBe(1);
    const limit = vi.spyOn(AbortSignal, 'timeout');
    let remainingMs = 60_000;
    const findByKey: typeof fixture.store.findByKey = async (key) => {
      remainingMs = 20;
      return await fixture.saga.store.findByKey(key);
    };
    const duplicate = createOrder({ ...fixture, store: { ...fixture.store, findByKey } }, orderRequest(), {
      ...testCall(),
      deadline: { remainingMs: () => remainingMs },
    });
    expect(await duplicate).toMatchObject({ outcome: Outcome.PENDING, reason: OrderReason.BUDGET_EXHAUSTED });
    expect(limit.mock.calls).toEqual([[20]]);
  });

  it('in five concurrent calls creates one order that all of them return', async () => {
    const fixture = createOrderFixture();
    const answers = await Promise.all(Array.from({ length: 5 }, () => fixture.place()));
    expect(new Set(answers.map(({ order }) => order?.orderId)).size).toBe(1);
    expect(answers.map(({ outcome }) => outcome)).toEqual(Array(5).fill(Outcome.CONFIRMED));
    expect(fixture.saga.payment.captures).toBe(1);
  });

  it('in a concurrent call with another body is refused, although its look-up found nothing', async () => {
    const fixture = createOrderFixture();
    const [first, second] = await Promise.allSettled([fixture.place(), fixture.place({ customerId: 'cust999' })]);
    expect(first).toMatchObject({ status: 'fulfilled' });
    expect(second).toMatchObject({ status: 'rejected', reason: { reason: 'IDEMPOTENCY_KEY_REUSED' } });
  });
});

describe('an idempotency key of a synthetic order', () => {
  const items = [{ productId: 'test-product', quantity: 1 }];
  const credential = { headers: syntheticHeaders(TEST_CREDENTIAL) };
  const createSyntheticFixture = () => {
    const fixture = createOrderFixture();
    fixture.prices.prices.set('test-product', { productId: 'test-product', unitPrice: euros(100n), version: 1n });
    return fixture;
  };

  it('with the credential returns the first order', async () => {
    const fixture = createSyntheticFixture();
    const first = await fixture.place({ items, synthetic: true }, credential);
    expect(await fixture.place({ items, synthetic: true }, credential)).toEqual(first);
  });

  it('without the credential is refused: SYNTHETIC_NOT_ALLOWED', async () => {
    const fixture = createSyntheticFixture();
    await fixture.place({ items, synthetic: true }, credential);
    expect(await failureOf(fixture.place({ items, synthetic: true }))).toMatchObject({
      kind: 'permission_denied',
      reason: 'SYNTHETIC_NOT_ALLOWED',
    });
  });

  it.each([
    { first: true, second: false, name: 'is other content for a real order' },
    { first: false, second: true, name: 'that a real order has used is other content' },
  ])('$name: IDEMPOTENCY_KEY_REUSED', async ({ first, second }) => {
    const fixture = createSyntheticFixture();
    const change = (synthetic: boolean) => (synthetic ? { items, synthetic } : {});
    await fixture.place(change(first), credential);
    expect(await failureOf(fixture.place(change(second), credential))).toMatchObject({
      kind: 'failed_precondition',
      reason: 'IDEMPOTENCY_KEY_REUSED',
    });
  });
});

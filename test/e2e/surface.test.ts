// The order service as its clients see it on the running platform: every RPC, also after other calls and services changed the state.
import { randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Order, OrderReason, OrderStatus, OrderStep, StepState } from '#gen/shop/order/v1/order_pb.ts';
import {
  QuoteLine_Availability as Availability,
  CreateOrderResponse_Outcome as Outcome,
} from '#gen/shop/order/v1/order_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { readPages } from '../support/services/pages.ts';
import {
  addProduct,
  awaitOrder,
  failureOf,
  type OrderRequest,
  orderRequest,
  readProviderCharges,
  type TestStack,
  useSharedStack,
} from '../support/stack.ts';

// A slow payment is slow enough to read its order in the meantime, and fast enough for the call to wait for it.
const PATIENCE = { timeout: 60_000, interval: 25 };

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('steady');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

/** Places an order and waits for its confirmation. */
async function buy(productId: string, quantity = 1, overrides: Partial<OrderRequest> = {}): Promise<Order> {
  const { order } = await platform.orders.createOrder(orderRequest({ items: [{ productId, quantity }], ...overrides }));
  return await awaitOrder(platform, order?.orderId);
}

/** Places an order with a slow payment, and returns it as soon as its charge is in flight at the provider. */
async function startSlowOrder(productId: string) {
  const customerId = randomUUID();
  const items = [{ productId, quantity: 1 }];
  const answer = platform.orders.createOrder(orderRequest({ customerId, items, paymentMethod: 'pm_slow' }));
  const orderId = await vi.waitFor(async () => {
    const [found] = (await platform.orders.listOrders({ customerId })).orders;
    const charges = await readProviderCharges(platform, found?.orderId ?? 'none');
    if (found === undefined || charges[0]?.status !== 'pending') throw new Error('the payment has not begun');
    return found.orderId;
  }, PATIENCE);
  return { orderId, customerId, answer };
}

async function countAvailable(productId: string): Promise<number> {
  return (await platform.inventory.checkAvailability({ productId })).quantity;
}

describe('QuoteOrder', () => {
  it('reports available and short products from the real stock', async () => {
    const productId = await addProduct(platform, { onHand: 3 });
    const quote = async (quantity: number) =>
      (await platform.orders.quoteOrder({ customerId: 'cust123', items: [{ productId, quantity }] })).lines[0];

    expect(await quote(3)).toMatchObject({ availability: Availability.IN_STOCK });
    expect(await quote(4)).toMatchObject({ availability: Availability.SHORT });
    await buy(productId, 2);

    expect(await quote(1)).toMatchObject({ availability: Availability.IN_STOCK });
    expect(await quote(2)).toMatchObject({ availability: Availability.SHORT });
  });

  it('returns the price that the order then has', async () => {
    const items = [
      { productId: 'prod101', quantity: 2 },
      { productId: 'prod110', quantity: 3 },
    ];

    const quote = await platform.orders.quoteOrder({ customerId: 'cust123', items });
    const { order } = await platform.orders.createOrder(orderRequest({ items }));

    expect(quote.lines.map(({ amount }) => amount?.minorUnits)).toEqual([2_900n, 2_370n]);
    expect(quote.total?.minorUnits).toBe(5_270n);
    expect(order?.total).toEqual(quote.total);
    expect(order?.pricingVersion).toBe(quote.pricingVersion);
  });

  it('places no order and reserves no stock', async () => {
    const customerId = randomUUID();
    const productId = await addProduct(platform, { onHand: 5 });

    await platform.orders.quoteOrder({ customerId, items: [{ productId, quantity: 5 }] });

    expect((await platform.orders.listOrders({ customerId })).orders).toEqual([]);
    expect(await countAvailable(productId)).toBe(5);
  });
});

describe('CreateOrder', () => {
  it('runs every step once and in order, as the timeline shows', async () => {
    const { timeline } = await buy('prod104');

    expect(timeline.map(({ step }) => step)).toEqual([
      OrderStep.CREATE,
      OrderStep.RESERVE_STOCK,
      OrderStep.PROCESS_PAYMENT,
      OrderStep.DECIDE,
      OrderStep.CONFIRM_RESERVATION,
      OrderStep.FINISH,
    ]);
    expect(timeline.every(({ state }) => state === StepState.DONE)).toBe(true);
  });

  it('answers a duplicate with the same order, which is confirmed and charged once', async () => {
    const productId = await addProduct(platform, { onHand: 5 });
    const request = orderRequest({ items: [{ productId, quantity: 2 }] });

    const first = await platform.orders.createOrder(request);
    const orderId = first.order?.orderId ?? '';
    await awaitOrder(platform, orderId);
    const again = await platform.orders.createOrder(request);

    expect(again).toMatchObject({ outcome: Outcome.CONFIRMED, order: { orderId } });
    expect(await countAvailable(productId)).toBe(3);
    expect(await readProviderCharges(platform, orderId)).toHaveLength(1);
  });

  it('rejects a key that belongs to another order, which stays unchanged', async () => {
    const request = orderRequest();
    const { order } = await platform.orders.createOrder(request);

    const failure = await failureOf(platform.orders.createOrder({ ...request, customerId: 'another-customer' }));

    expect(failure).toMatchObject({ code: Code.FailedPrecondition, reason: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await awaitOrder(platform, order?.orderId)).toMatchObject({ customerId: 'cust123' });
  });

  it('accepts a product as soon as inventory has published it', async () => {
    const productId = `product-${randomUUID()}`;
    const request = orderRequest({ items: [{ productId, quantity: 1 }] });
    expect(await failureOf(platform.orders.createOrder(request))).toMatchObject({ code: Code.InvalidArgument });

    const unitPrice = { currencyCode: 'EUR', minorUnits: 4_200n };
    await platform.inventory.upsertProduct({ productId, name: 'Slate coaster', unitPrice, initialOnHand: 1 });
    const { order } = await vi.waitFor(() => platform.orders.createOrder(request), PATIENCE);

    expect(await awaitOrder(platform, order?.orderId)).toMatchObject({ total: { minorUnits: 4_200n } });
  });

  it('charges the new price after a price change, and earlier orders keep theirs', async () => {
    const productId = await addProduct(platform, { minorUnits: 1_000n });
    const basket = { customerId: 'cust123', items: [{ productId, quantity: 1 }] };
    const before = await buy(productId);

    const unitPrice = { currencyCode: 'EUR', minorUnits: 1_250n };
    await platform.inventory.upsertProduct({ productId, name: 'Tin whistle', unitPrice });
    await expect.poll(() => platform.orders.quoteOrder(basket), PATIENCE).toMatchObject({ total: unitPrice });

    expect(await buy(productId)).toMatchObject({ total: unitPrice, items: [{ unitPrice }] });
    const { order } = await platform.orders.getOrder({ orderId: before.orderId });
    expect(order?.total?.minorUnits).toBe(1_000n);
  });

  it('confirms a new order after restocking; the rejected order stays failed', async () => {
    const productId = await addProduct(platform, { onHand: 1 });
    const request = orderRequest({ items: [{ productId, quantity: 2 }] });
    const refused = await platform.orders.createOrder(request);
    expect(refused).toMatchObject({ outcome: Outcome.FAILED, reason: OrderReason.INSUFFICIENT_STOCK });

    await platform.inventory.adjustStock({ idempotencyKey: randomUUID(), productId, delta: 1 });
    await buy(productId, 2);

    const again = await platform.orders.createOrder(request);
    expect(again).toMatchObject({ outcome: Outcome.FAILED, order: { orderId: refused.order?.orderId } });
    expect(await countAvailable(productId)).toBe(0);
  });

  it('names the short product and its quantity, and reserves none of the other products', async () => {
    const [scarce, plenty] = await Promise.all([addProduct(platform, { onHand: 2 }), addProduct(platform)]);
    const items = [
      { productId: plenty, quantity: 4 },
      { productId: scarce, quantity: 3 },
    ];

    const { order } = await platform.orders.createOrder(orderRequest({ items }));

    const details = order?.timeline.map(({ detail }) => detail);
    expect(details).toContainEqual(expect.stringContaining(`${scarce} (3 requested, 2 available)`));
    expect(await countAvailable(plenty)).toBe(10);
  });

  it('confirms one of ten concurrent orders for the last item', async () => {
    const productId = await addProduct(platform, { onHand: 1 });
    const wanted = () => platform.orders.createOrder(orderRequest({ items: [{ productId, quantity: 1 }] }));

    const answers = await Promise.all(Array.from({ length: 10 }, wanted));
    const ended = await Promise.all(
      answers.map(({ order }) =>
        vi.waitFor(async () => {
          const now = (await platform.orders.getOrder({ orderId: order?.orderId ?? '' })).order;
          if (now?.status === OrderStatus.PENDING) throw new Error('the order is still pending');
          return now;
        }, PATIENCE),
      ),
    );

    expect(ended.filter((order) => order?.status === OrderStatus.CONFIRMED)).toHaveLength(1);
    expect(ended.filter((order) => order?.reason === OrderReason.INSUFFICIENT_STOCK)).toHaveLength(9);
    const { product } = await platform.inventory.getProduct({ productId });
    expect(product).toMatchObject({ onHand: 0, reserved: 0, sold: 1n });
  });

  it('rejects a test order without the monitor credential, and stores nothing of it', async () => {
    const customerId = randomUUID();
    const items = [{ productId: 'test-product', quantity: 1 }];

    const failure = await failureOf(
      platform.orders.createOrder({ ...orderRequest({ customerId, items }), synthetic: true }),
    );

    expect(failure).toMatchObject({ code: Code.PermissionDenied, reason: 'SYNTHETIC_NOT_ALLOWED' });
    expect((await platform.orders.listOrders({ customerId })).orders).toEqual([]);
  });
});

describe('GetOrder', () => {
  it('returns the order that CreateOrder answered', async () => {
    const { order, outcome } = await platform.orders.createOrder(orderRequest());

    expect(outcome).toBe(Outcome.CONFIRMED);
    expect((await platform.orders.getOrder({ orderId: order?.orderId ?? '' })).order).toEqual(order);
  });

  it('returns the ids of the reservation in inventory and the charge in payment', async () => {
    const { orderId, reservationId, transactionId } = await buy('prod103');

    const lines = [{ productId: 'prod103', quantity: 1 }];
    const { reservation } = await platform.inventory.reserveStock({ orderId, lines });
    const [charge] = (await platform.payments.listCharges({ orderId })).charges;

    expect(reservation?.reservationId).toBe(reservationId);
    expect(charge?.transactionId).toBe(transactionId);
  });

  it('answers NOT_FOUND for an unknown order, like CancelOrder and WatchOrder', async () => {
    const orderId = randomUUID();
    const unknown = { code: Code.NotFound, reason: 'ORDER_NOT_FOUND' };

    expect(await failureOf(platform.orders.getOrder({ orderId }))).toMatchObject(unknown);
    expect(await failureOf(platform.orders.cancelOrder({ orderId }))).toMatchObject(unknown);
    expect(await failureOf(readStatuses(orderId))).toMatchObject(unknown);
  });
});

describe('ListOrders', () => {
  it("pages through a customer's orders, newest first, each once", async () => {
    const customerId = randomUUID();
    const placed: string[] = [];
    for (let count = 0; count < 5; count += 1) placed.unshift((await buy('prod107', 1, { customerId })).orderId);

    const pages = await readPages((pageToken) => platform.orders.listOrders({ customerId, pageSize: 2, pageToken }));

    expect(pages.map(({ orders }) => orders.length)).toEqual([2, 2, 1]);
    expect(pages.flatMap(({ orders }) => orders.map(({ orderId }) => orderId))).toEqual(placed);
  });

  it('filters confirmed and failed orders by status', async () => {
    const customerId = randomUUID();
    const sold = await buy('prod108', 1, { customerId });
    const refused = await platform.orders.createOrder(orderRequest({ customerId, paymentMethod: 'pm_expired_card' }));
    const find = async (status: OrderStatus) =>
      (await platform.orders.listOrders({ customerId, status })).orders.map(({ orderId }) => orderId);

    await awaitOrder(platform, refused.order?.orderId, OrderStatus.FAILED);

    expect(await find(OrderStatus.CONFIRMED)).toEqual([sold.orderId]);
    expect(await find(OrderStatus.FAILED)).toEqual([refused.order?.orderId]);
    expect(await find(OrderStatus.UNSPECIFIED)).toHaveLength(2);
  });
});

describe('CancelOrder', () => {
  it('releases stock and refunds money of an order whose payment is in flight', async () => {
    const productId = await addProduct(platform, { onHand: 1 });
    const { orderId, answer } = await startSlowOrder(productId);
    expect(await countAvailable(productId)).toBe(0);

    const { order } = await platform.orders.cancelOrder({ orderId });

    expect(order?.status).toBe(OrderStatus.CANCELLED);
    expect(await answer).toMatchObject({ outcome: Outcome.FAILED, reason: OrderReason.CANCELLED_BY_CUSTOMER });
    await expect.poll(() => countAvailable(productId), PATIENCE).toBe(1);
    await expect
      .poll(() => platform.payments.listCharges({ orderId }), PATIENCE)
      .toMatchObject({ charges: [{ status: ChargeStatus.REFUNDED }] });
    // The provider cannot cancel a charge in flight: a late capture is refunded.
    await expect
      .poll(() => readProviderCharges(platform, orderId), PATIENCE)
      .toMatchObject([{ status: 'captured', refund_id: expect.any(String) }]);
  });

  it('cancels once when it is called repeatedly', async () => {
    const { orderId, answer } = await startSlowOrder(await addProduct(platform));

    const [first, second] = await Promise.all([1, 2].map(() => platform.orders.cancelOrder({ orderId })));
    await answer;
    const third = await platform.orders.cancelOrder({ orderId });

    expect([first, second, third].map((answered) => answered?.order?.status)).toEqual(
      Array(3).fill(OrderStatus.CANCELLED),
    );
    const decisions = third.order?.timeline.filter(({ step }) => step === OrderStep.DECIDE);
    expect(decisions).toHaveLength(1);
  });

  it('is rejected for a confirmed order, which stays confirmed', async () => {
    const { orderId } = await buy('prod105');

    const failure = await failureOf(platform.orders.cancelOrder({ orderId }));

    expect(failure).toMatchObject({ code: Code.FailedPrecondition, reason: 'ORDER_NOT_CANCELLABLE' });
    expect((await platform.orders.getOrder({ orderId })).order?.status).toBe(OrderStatus.CONFIRMED);
  });

  it('is rejected for a failed order', async () => {
    const { order } = await platform.orders.createOrder(orderRequest({ paymentMethod: 'pm_expired_card' }));
    await awaitOrder(platform, order?.orderId, OrderStatus.FAILED);

    const failure = await failureOf(platform.orders.cancelOrder({ orderId: order?.orderId ?? '' }));

    expect(failure).toMatchObject({ code: Code.FailedPrecondition, reason: 'ORDER_NOT_CANCELLABLE' });
  });
});

describe('RefundOrder', () => {
  it('refunds a confirmed order once at the provider, however often it is called, and leaves its stock sold', async () => {
    const productId = await addProduct(platform, { onHand: 3 });
    const { orderId } = await buy(productId, 2);

    const { order } = await platform.orders.refundOrder({ orderId });
    const again = await platform.orders.refundOrder({ orderId });

    expect(order).toMatchObject({ orderId, status: OrderStatus.REFUNDED });
    expect(again.order).toMatchObject({ orderId, status: OrderStatus.REFUNDED });
    await expect
      .poll(() => readProviderCharges(platform, orderId), PATIENCE)
      .toMatchObject([{ status: 'captured', refund_id: expect.any(String) }]);
    await expect
      .poll(() => platform.payments.listCharges({ orderId }), PATIENCE)
      .toMatchObject({ charges: [{ status: ChargeStatus.REFUNDED }] });
    expect(await countAvailable(productId)).toBe(1);
  });
});

describe('WatchOrder', () => {
  it('sends a slow order as PENDING during its payment, then CONFIRMED, and ends', async () => {
    const { orderId, answer } = await startSlowOrder('prod112');

    const statuses = await readStatuses(orderId);

    expect(statuses[0]).toBe(OrderStatus.PENDING);
    expect(statuses.at(-1)).toBe(OrderStatus.CONFIRMED);
    expect((await answer).order?.status).toBe(OrderStatus.CONFIRMED);
  });

  it('sends a cancellation by another client', async () => {
    const { orderId, answer } = await startSlowOrder('prod112');
    const watched = readStatuses(orderId);

    await platform.orders.cancelOrder({ orderId });

    expect((await watched).at(-1)).toBe(OrderStatus.CANCELLED);
    await answer;
  });

  it('sends a final order once, and ends', async () => {
    const { orderId } = await buy('prod101');

    expect(await readStatuses(orderId)).toEqual([OrderStatus.CONFIRMED]);
  });
});

async function readStatuses(orderId: string): Promise<OrderStatus[]> {
  const statuses: OrderStatus[] = [];
  for await (const { order } of platform.orders.watchOrder({ orderId })) {
    statuses.push(order?.status ?? OrderStatus.UNSPECIFIED);
  }
  return statuses;
}

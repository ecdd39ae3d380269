// Steps of the saga that come again after their order has ended, as after a crash of the order service: inventory and payment answer
// with the present state, and change nothing.
import { randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { type Order, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import {
  addProduct,
  awaitOrder,
  failureOf,
  orderRequest,
  readProviderCharges,
  type TestStack,
  useSharedStack,
} from '../support/stack.ts';

const PATIENCE = { timeout: 60_000, interval: 25 };
const ON_HAND = 5;

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('steady');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

type EndedOrder = { readonly order: Order; readonly productId: string; readonly paymentMethod: string };

/** Places an order for two of a product of its own, and waits until it has this status. */
async function endOrder(status: OrderStatus, paymentMethod: string): Promise<EndedOrder> {
  const productId = await addProduct(platform, { onHand: ON_HAND });
  const items = [{ productId, quantity: 2 }];
  const { order } = await platform.orders.createOrder(orderRequest({ items, paymentMethod }));
  return { order: await awaitOrder(platform, order?.orderId, status), productId, paymentMethod };
}

const confirmedOrder = () => endOrder(OrderStatus.CONFIRMED, 'pm_approved');
/** An order whose payment was declined, with its stock released. */
async function declinedOrder(): Promise<EndedOrder> {
  const ended = await endOrder(OrderStatus.FAILED, 'pm_insufficient_funds');
  await vi.waitFor(async () => {
    const { quantity } = await platform.inventory.checkAvailability({ productId: ended.productId });
    if (quantity !== ON_HAND) throw new Error('the stock is not released yet');
  }, PATIENCE);
  return ended;
}

const reserve = ({ order, productId }: EndedOrder) =>
  platform.inventory.reserveStock({ orderId: order.orderId, lines: [{ productId, quantity: 2 }] });
const confirm = ({ order: { orderId, reservationId } }: EndedOrder) =>
  platform.inventory.confirmReservation({ orderId, reservationId });
const release = ({ order: { orderId, reservationId } }: EndedOrder) =>
  platform.inventory.releaseReservation({ orderId, reservationId });
const refund = ({ order: { orderId } }: EndedOrder) =>
  platform.payments.refundPayment({ orderId, idempotencyKey: `refund:${orderId}` });
const charge = ({ order, paymentMethod }: EndedOrder, method = paymentMethod) =>
  platform.payments.processPayment({
    orderId: order.orderId,
    idempotencyKey: `order:${order.orderId}`,
    customerId: order.customerId,
    amount: order.total,
    paymentMethod: method,
  });

async function stockOf({ productId }: EndedOrder) {
  const { product } = await platform.inventory.getProduct({ productId });
  return product && { onHand: product.onHand, reserved: product.reserved, sold: product.sold };
}

it('a confirmed order is neither reserved, charged nor confirmed again', async () => {
  const ended = await confirmedOrder();

  const answers = [await reserve(ended), await confirm(ended)];

  for (const { reservation } of answers) {
    expect(reservation).toMatchObject({
      reservationId: ended.order.reservationId,
      state: ReservationState.CONFIRMED,
    });
  }
  expect((await charge(ended)).charge).toMatchObject({
    transactionId: ended.order.transactionId,
    status: ChargeStatus.COMPLETED,
  });
  expect(await stockOf(ended)).toEqual({ onHand: ON_HAND - 2, reserved: 0, sold: 2n });
  expect(await readProviderCharges(platform, ended.order.orderId)).toHaveLength(1);
});

it('the stock of a confirmed order cannot be released, by its own reservation or another', async () => {
  const ended = await confirmedOrder();
  const another = { ...ended, order: { ...ended.order, reservationId: randomUUID() } };

  expect(await failureOf(release(ended))).toMatchObject({
    code: Code.FailedPrecondition,
    reason: 'RESERVATION_CONFIRMED',
  });
  expect((await failureOf(release(another))).code).toBe(Code.FailedPrecondition);

  expect(await stockOf(ended)).toEqual({ onHand: ON_HAND - 2, reserved: 0, sold: 2n });
});

it('a declined charge stays declined, and its key charges no other card', async () => {
  const ended = await declinedOrder();

  expect((await charge(ended)).charge?.status).toBe(ChargeStatus.DECLINED);
  expect(await failureOf(charge(ended, 'pm_approved'))).toMatchObject({
    code: Code.FailedPrecondition,
    reason: 'IDEMPOTENCY_KEY_REUSED',
  });

  const statuses = (await readProviderCharges(platform, ended.order.orderId)).map(({ status }) => status);
  expect(statuses).toEqual(['declined']);
});

it('the released stock of a failed order is neither reserved again nor sold', async () => {
  const ended = await declinedOrder();

  for (const step of [reserve, confirm]) {
    expect(await failureOf(step(ended))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: 'RESERVATION_RELEASED',
    });
  }
  expect((await release(ended)).reservation?.state).toBe(ReservationState.RELEASED);

  expect(await stockOf(ended)).toEqual({ onHand: ON_HAND, reserved: 0, sold: 0n });
});

it('a refunded order is refunded once, however often the refund comes, and not charged again', async () => {
  const ended = await confirmedOrder();
  const { orderId } = ended.order;
  await platform.orders.refundOrder({ orderId });
  await expect
    .poll(() => readProviderCharges(platform, orderId), PATIENCE)
    .toMatchObject([{ refund_id: expect.any(String) }]);
  const before = await readProviderCharges(platform, orderId);

  const answers = await Promise.all([refund(ended), refund(ended), charge(ended)]);

  expect(answers.map((answer) => answer.charge?.status)).toEqual(Array(3).fill(ChargeStatus.REFUNDED));
  expect(await readProviderCharges(platform, orderId)).toEqual(before);
  expect(await stockOf(ended)).toEqual({ onHand: ON_HAND - 2, reserved: 0, sold: 2n });
});

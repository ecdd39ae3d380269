// Orders that arrive together share statements, transactions and publications on the running platform; none gets another's result.
import { randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
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

const TOGETHER = 20;
// Fewer than the order service handles at once, so that none is rejected as overload.
const NUMBERS = Array.from({ length: TOGETHER }, (_, index) => index + 1);

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('steady');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

describe('twenty orders at once', () => {
  it('are each answered with their own customer, quantity and total, and charged that', async () => {
    const productId = await addProduct(platform, { onHand: 1_000, minorUnits: 100n });
    const requests = NUMBERS.map((quantity) =>
      orderRequest({ customerId: `customer-${quantity}-${randomUUID()}`, items: [{ productId, quantity }] }),
    );

    const answers = await Promise.all(requests.map((request) => platform.orders.createOrder(request)));
    const orders = await Promise.all(answers.map(({ order }) => awaitOrder(platform, order?.orderId)));

    expect(orders.map(({ customerId, items }) => [customerId, items[0]?.quantity])).toEqual(
      requests.map(({ customerId }, index) => [customerId, NUMBERS[index]]),
    );
    expect(new Set(orders.map(({ orderId }) => orderId)).size).toBe(TOGETHER);
    const charges = await Promise.all(orders.map(({ orderId }) => readProviderCharges(platform, orderId)));
    expect(charges.map((found) => found.length)).toEqual(Array(TOGETHER).fill(1));
    const { product } = await platform.inventory.getProduct({ productId });
    expect(product).toMatchObject({ onHand: 1_000 - (TOGETHER * (TOGETHER + 1)) / 2, reserved: 0 });
  });

  it('each send one mail', async () => {
    const customers = NUMBERS.map((number) => `mailed-${number}-${randomUUID()}`);

    const answers = await Promise.all(
      customers.map((customerId) => platform.orders.createOrder(orderRequest({ customerId }))),
    );
    for (const { order } of answers) await awaitOrder(platform, order?.orderId);

    await expect
      .poll(async () =>
        (await Promise.all(customers.map((customer) => platform.mails(customer)))).map(({ length }) => length),
      )
      .toEqual(Array(TOGETHER).fill(1));
  });

  it('of which one wants an unknown product and one too much fail those two alone', async () => {
    const productId = await addProduct(platform, { onHand: TOGETHER });
    const requests = NUMBERS.map((number) => {
      const wanted = number === 7 ? 'unicorn' : productId;
      return orderRequest({ items: [{ productId: wanted, quantity: number === 13 ? 1_000 : 1 }] });
    });

    const answers = await Promise.allSettled(requests.map((request) => platform.orders.createOrder(request)));

    const unknown = answers[6];
    expect(unknown?.status === 'rejected' && (await failureOf(Promise.reject(unknown.reason)))).toMatchObject({
      code: Code.InvalidArgument,
    });
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 'rejected') continue;
      const status = index === 12 ? OrderStatus.FAILED : OrderStatus.CONFIRMED;
      await awaitOrder(platform, answer.value.order?.orderId, status);
    }
    expect(answers.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  });

  it('of which half are declined refund none of the others, and release only their own stock', async () => {
    const productId = await addProduct(platform, { onHand: TOGETHER });
    const requests = NUMBERS.map((number) =>
      orderRequest({
        items: [{ productId, quantity: 1 }],
        paymentMethod: number % 2 === 0 ? 'pm_approved' : 'pm_insufficient_funds',
      }),
    );

    const answers = await Promise.all(requests.map((request) => platform.orders.createOrder(request)));
    for (const [index, { order }] of answers.entries()) {
      const status = index % 2 === 1 ? OrderStatus.CONFIRMED : OrderStatus.FAILED;
      await awaitOrder(platform, order?.orderId, status);
    }

    await expect
      .poll(async () => (await platform.inventory.getProduct({ productId })).product)
      .toMatchObject({ onHand: TOGETHER / 2, reserved: 0 });
    const charged = await Promise.all(
      answers.map(({ order }) => platform.payments.listCharges({ orderId: order?.orderId ?? '' })),
    );
    const statuses = charged.map(({ charges }) => charges[0]?.status);
    expect(statuses).toEqual(
      NUMBERS.map((number) => (number % 2 === 0 ? ChargeStatus.COMPLETED : ChargeStatus.DECLINED)),
    );
  });

  it('of which two each share a key for other content are one order a key, and the other of the two is refused', async () => {
    const productId = await addProduct(platform, { onHand: 1_000 });
    const requests = NUMBERS.slice(0, TOGETHER / 2).flatMap(() => {
      const { idempotencyKey } = orderRequest();
      return [1, 2].map((quantity) => orderRequest({ idempotencyKey, items: [{ productId, quantity }] }));
    });

    const answers = await Promise.allSettled(requests.map((request) => platform.orders.createOrder(request)));

    const bought: number[] = [];
    const reasons: (string | undefined)[] = [];
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 'rejected') {
        reasons.push((await failureOf(Promise.reject(answer.reason))).reason);
        continue;
      }
      const { items } = await awaitOrder(platform, answer.value.order?.orderId);
      expect(items.map(({ quantity }) => quantity)).toEqual(requests[index]?.items?.map(({ quantity }) => quantity));
      bought.push(items[0]?.quantity ?? 0);
    }
    expect(reasons).toEqual(Array(TOGETHER / 2).fill('IDEMPOTENCY_KEY_REUSED'));
    const { product } = await platform.inventory.getProduct({ productId });
    expect(product).toMatchObject({ onHand: 1_000 - bought.reduce((sum, quantity) => sum + quantity, 0), reserved: 0 });
  });

  it('with one idempotency key are one order', async () => {
    const request = orderRequest({ customerId: randomUUID() });

    const answers = await Promise.all(NUMBERS.map(() => platform.orders.createOrder(request)));

    const [first] = answers;
    await awaitOrder(platform, first?.order?.orderId);
    expect(new Set(answers.map(({ order }) => order?.orderId)).size).toBe(1);
    expect((await platform.orders.listOrders({ customerId: request.customerId })).orders).toHaveLength(1);
    expect(await readProviderCharges(platform, first?.order?.orderId ?? '')).toHaveLength(1);
  });
});

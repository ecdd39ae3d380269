// What a person looks up after orders were placed on the running platform: the charges, mails and stock that they left behind.
import { randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Order, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { readPages } from '../support/services/pages.ts';
import { addProduct, awaitOrder, failureOf, orderRequest, type TestStack, useSharedStack } from '../support/stack.ts';

const PATIENCE = { timeout: 60_000, interval: 25 };

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('steady');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

/** Places an order of the customer, and waits until it has this status. */
async function place(customerId: string, status: OrderStatus, paymentMethod: string): Promise<Order> {
  const { order } = await platform.orders.createOrder(orderRequest({ customerId, paymentMethod }));
  return await awaitOrder(platform, order?.orderId, status);
}
const buy = (customerId: string) => place(customerId, OrderStatus.CONFIRMED, 'pm_approved');
const decline = (customerId: string) => place(customerId, OrderStatus.FAILED, 'pm_insufficient_funds');

describe('ListCharges', () => {
  it('pages through the charges of a customer, newest first, and tells why one was declined', async () => {
    const customerId = randomUUID();
    const orders = [await buy(customerId), await decline(customerId), await buy(customerId)];

    const pages = await readPages((pageToken) => platform.payments.listCharges({ customerId, pageSize: 2, pageToken }));

    expect(pages.map((page) => page.charges.length)).toEqual([2, 1]);
    const charges = pages.flatMap((page) => page.charges);
    expect(charges.map(({ orderId }) => orderId)).toEqual(orders.map(({ orderId }) => orderId).reverse());
    expect(charges.map(({ status }) => status)).toEqual([
      ChargeStatus.COMPLETED,
      ChargeStatus.DECLINED,
      ChargeStatus.COMPLETED,
    ]);
    expect(charges[1]).toMatchObject({ declineCode: 'insufficient_funds', transactionId: '' });
  });

  it('refuses the token of another customer, whose charges it does not show', async () => {
    const [customerId, other] = [randomUUID(), randomUUID()];
    for (let count = 0; count < 2; count += 1) await buy(customerId);
    const { nextPageToken } = await platform.payments.listCharges({ customerId, pageSize: 1 });

    const failure = await failureOf(platform.payments.listCharges({ customerId: other, pageToken: nextPageToken }));

    expect(failure.code).toBe(Code.InvalidArgument);
    expect((await platform.payments.listCharges({ customerId: other })).charges).toEqual([]);
  });
});

describe('ListNotifications', () => {
  it('pages through the mails of a customer, one for each confirmed order, as the mailbox has them', async () => {
    const customerId = randomUUID();
    const orders = [await buy(customerId), await buy(customerId), await decline(customerId), await buy(customerId)];
    const confirmed = orders.filter(({ status }) => status === OrderStatus.CONFIRMED).map(({ orderId }) => orderId);
    await vi.waitFor(async () => expect(await platform.mails(customerId)).toHaveLength(3), PATIENCE);

    const pages = await readPages((pageToken) =>
      platform.notifications.listNotifications({ customerId, pageSize: 2, pageToken }),
    );

    expect(pages.map((page) => page.notifications.length)).toEqual([2, 1]);
    const notifications = pages.flatMap((page) => page.notifications);
    expect(notifications.map(({ orderId }) => orderId).sort()).toEqual(confirmed.sort());
    const mails = new Set((await platform.mails(customerId)).map((mail) => mail.message_id));
    expect(new Set(notifications.map(({ messageId }) => messageId))).toEqual(mails);
  });
});

describe('ListProducts', () => {
  it('returns each product once, also one that was just added', async () => {
    const added = await addProduct(platform);

    const pages = await readPages((pageToken) => platform.inventory.listProducts({ pageSize: 7, pageToken }));

    const found = pages.flatMap(({ products }) => products.map(({ productId }) => productId));
    expect(found).toEqual([...new Set(found)].sort());
    expect(found).toContain(added);
    expect(found).toContain('12345');
  });
});

describe('AdjustStock', () => {
  it('delivers once, however often it is called with its key, and refuses the key for another delivery', async () => {
    const productId = await addProduct(platform, { onHand: 1 });
    const delivery = { idempotencyKey: randomUUID(), productId, delta: 4 };

    await Promise.all([1, 2, 3].map(() => platform.inventory.adjustStock(delivery)));
    const failure = await failureOf(platform.inventory.adjustStock({ ...delivery, delta: 5 }));

    expect(failure).toMatchObject({ code: Code.FailedPrecondition, reason: 'IDEMPOTENCY_KEY_REUSED' });
    expect((await platform.inventory.getProduct({ productId })).product?.onHand).toBe(5);
  });

  it('takes away no stock that an order holds', async () => {
    const productId = await addProduct(platform, { onHand: 3 });
    const items = [{ productId, quantity: 2 }];
    const answer = platform.orders.createOrder(orderRequest({ items, paymentMethod: 'pm_slow' }));
    await expect
      .poll(() => platform.inventory.getProduct({ productId }), PATIENCE)
      .toMatchObject({
        product: { reserved: 2 },
      });

    const take = (delta: number) =>
      platform.inventory.adjustStock({ idempotencyKey: randomUUID(), productId, delta: -delta });
    expect((await failureOf(take(2))).code).toBe(Code.FailedPrecondition);
    await take(1);

    await awaitOrder(platform, (await answer).order?.orderId);
    const { product } = await platform.inventory.getProduct({ productId });
    expect(product).toMatchObject({ onHand: 0, reserved: 0, sold: 2n });
  });
});

// Inventory, payment, notification and the operators' service through the running platform: manual calls, and their state after orders.
import { randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { NotificationStatus } from '#gen/shop/notification/v1/notification_pb.ts';
import { BreakerState } from '#gen/shop/ops/v1/ops_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { type Order, OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import {
  addProduct,
  awaitOrder,
  failureOf,
  type OrderRequest,
  orderRequest,
  readProviderCharges,
  type TestStack,
  useSharedStack,
} from '../../support/stack.ts';

const PATIENCE = { timeout: 60_000, interval: 25 };

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('steady');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

/** Places an order and waits for its confirmation. */
async function buy(overrides: Partial<OrderRequest> = {}): Promise<Order> {
  const { order } = await platform.orders.createOrder(orderRequest(overrides));
  return await awaitOrder(platform, order?.orderId);
}

describe('inventory', () => {
  const inventory = () => platform.inventory;
  const stockOf = async (productId: string) => (await inventory().getProduct({ productId })).product;

  it('counts what orders bought as sold, and no longer as on hand', async () => {
    const productId = await addProduct(platform, { onHand: 9 });

    await buy({ items: [{ productId, quantity: 2 }] });
    await buy({ items: [{ productId, quantity: 3 }] });

    expect(await stockOf(productId)).toMatchObject({ onHand: 4, reserved: 0, available: 4, sold: 5n });
  });

  it('lists its catalogue by id, page by page, with the prices that orders get', async () => {
    const first = await inventory().listProducts({ pageSize: 3 });
    const second = await inventory().listProducts({ pageSize: 3, pageToken: first.nextPageToken });

    const ids = [...first.products, ...second.products].map(({ productId }) => productId);
    expect(ids).toHaveLength(6);
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(first.products[0]).toMatchObject({ productId: '12345', unitPrice: { minorUnits: 5_999n } });
  });

  it('reports a sold-out product as unavailable, and an unknown one as not found', async () => {
    const productId = await addProduct(platform, { onHand: 1 });
    await buy({ items: [{ productId, quantity: 1 }] });

    expect(await inventory().checkAvailability({ productId })).toMatchObject({ available: false, quantity: 0 });
    expect(await failureOf(inventory().checkAvailability({ productId: randomUUID() }))).toMatchObject({
      code: Code.NotFound,
      reason: 'PRODUCT_NOT_FOUND',
    });
  });

  it('keeps stock and version of a product that is upserted unchanged', async () => {
    const productId = await addProduct(platform, { onHand: 5 });
    await buy({ items: [{ productId, quantity: 2 }] });
    const unitPrice = { currencyCode: 'EUR', minorUnits: 1_000n };

    const same = await inventory().upsertProduct({ productId, name: 'Tin whistle', unitPrice, initialOnHand: 50 });
    const renamed = await inventory().upsertProduct({ productId, name: 'Brass whistle', unitPrice });

    expect(same.product).toMatchObject({ onHand: 3, version: 1n });
    expect(renamed.product).toMatchObject({ onHand: 3, version: 2n, name: 'Brass whistle' });
  });

  it('adjusts stock once for a key, and refuses the key for another amount', async () => {
    const productId = await addProduct(platform, { onHand: 5 });
    const adjustment = { idempotencyKey: randomUUID(), productId, delta: 4 };

    await inventory().adjustStock(adjustment);
    await inventory().adjustStock(adjustment);
    const failure = await failureOf(inventory().adjustStock({ ...adjustment, delta: 5 }));

    expect(failure).toMatchObject({ code: Code.FailedPrecondition, reason: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await stockOf(productId)).toMatchObject({ onHand: 9 });
  });

  it('refuses an adjustment that takes reserved stock', async () => {
    const productId = await addProduct(platform, { onHand: 5 });
    await inventory().reserveStock({ orderId: randomUUID(), lines: [{ productId, quantity: 3 }] });

    const take = (delta: number) => inventory().adjustStock({ idempotencyKey: randomUUID(), productId, delta });

    expect(await failureOf(take(-3))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: 'STOCK_WOULD_BE_NEGATIVE',
      metadata: { product_id: productId, available: '2' },
    });
    await take(-2);
    expect(await stockOf(productId)).toMatchObject({ onHand: 3, reserved: 3, available: 0 });
  });

  it('withholds manually reserved stock from orders until it is released', async () => {
    const productId = await addProduct(platform, { onHand: 1 });
    const byHand = randomUUID();
    const items = [{ productId, quantity: 1 }];
    await inventory().reserveStock({ orderId: byHand, lines: items });

    const { order } = await platform.orders.createOrder(orderRequest({ items }));
    const refused = await awaitOrder(platform, order?.orderId, OrderStatus.FAILED);
    const { reservation } = await inventory().releaseReservation({ orderId: byHand });

    expect(refused.reason).toBe(OrderReason.INSUFFICIENT_STOCK);
    expect(reservation?.state).toBe(ReservationState.RELEASED);
    expect(await buy({ items })).toMatchObject({ items });
  });

  it('reserves once for an order, and refuses other lines', async () => {
    const productId = await addProduct(platform, { onHand: 5 });
    const request = { orderId: randomUUID(), lines: [{ productId, quantity: 2 }] };

    const first = await inventory().reserveStock(request);
    const again = await inventory().reserveStock(request);
    const other = { ...request, lines: [{ productId, quantity: 1 }] };

    expect(again.reservation?.reservationId).toBe(first.reservation?.reservationId);
    expect(await failureOf(inventory().reserveStock(other))).toMatchObject({ reason: 'RESERVATION_MISMATCH' });
    expect(await stockOf(productId)).toMatchObject({ reserved: 2 });
  });

  it('never reserves for an order that was released before', async () => {
    const productId = await addProduct(platform, { onHand: 5 });
    const orderId = randomUUID();

    await inventory().releaseReservation({ orderId });
    const failure = await failureOf(inventory().reserveStock({ orderId, lines: [{ productId, quantity: 1 }] }));

    expect(failure).toMatchObject({ code: Code.FailedPrecondition, reason: 'RESERVATION_RELEASED' });
    expect(await stockOf(productId)).toMatchObject({ reserved: 0, available: 5 });
  });

  it('releases nothing of a confirmed reservation', async () => {
    const productId = await addProduct(platform, { onHand: 5 });
    const { orderId } = await buy({ items: [{ productId, quantity: 2 }] });

    const failure = await failureOf(inventory().releaseReservation({ orderId }));

    expect(failure).toMatchObject({ code: Code.FailedPrecondition, reason: 'RESERVATION_CONFIRMED' });
    expect(await stockOf(productId)).toMatchObject({ onHand: 3, sold: 2n });
  });

  it('confirms a manual reservation once, and nothing without a reservation', async () => {
    const productId = await addProduct(platform, { onHand: 5 });
    const orderId = randomUUID();
    expect(await failureOf(inventory().confirmReservation({ orderId }))).toMatchObject({
      code: Code.NotFound,
      reason: 'RESERVATION_NOT_FOUND',
    });

    await inventory().reserveStock({ orderId, lines: [{ productId, quantity: 4 }] });
    await inventory().confirmReservation({ orderId });
    const { reservation } = await inventory().confirmReservation({ orderId });

    expect(reservation?.state).toBe(ReservationState.CONFIRMED);
    expect(await stockOf(productId)).toMatchObject({ onHand: 1, reserved: 0, sold: 4n });
  });
});

describe('payment', () => {
  const payments = () => platform.payments;
  const payment = (overrides: object = {}) => ({
    orderId: randomUUID(),
    idempotencyKey: randomUUID(),
    customerId: 'cust123',
    amount: { currencyCode: 'EUR', minorUnits: 5_999n },
    paymentMethod: 'pm_approved',
    ...overrides,
  });

  it('lists the only charge of an order, which is that of the provider', async () => {
    const { orderId, total } = await buy();

    const { charges } = await payments().listCharges({ orderId });
    const books = await readProviderCharges(platform, orderId);

    expect(charges).toMatchObject([{ orderId, customerId: 'cust123', amount: total, status: ChargeStatus.COMPLETED }]);
    expect(books).toMatchObject([{ id: charges[0]?.transactionId, status: 'captured' }]);
  });

  it('lists a declined charge with the reason of the provider', async () => {
    const { order } = await platform.orders.createOrder(orderRequest({ paymentMethod: 'pm_expired_card' }));
    const { orderId } = await awaitOrder(platform, order?.orderId, OrderStatus.FAILED);

    const { charges } = await payments().listCharges({ orderId });

    const declined = { status: ChargeStatus.DECLINED, declineCode: 'expired_card', declineMessage: 'Expired card' };
    expect(charges).toMatchObject([{ ...declined, transactionId: '' }]);
  });

  it('lists the charges of one customer, newest first, a page at a time', async () => {
    const customerId = randomUUID();
    const paid: string[] = [];
    for (let count = 0; count < 3; count += 1) paid.unshift((await buy({ customerId })).orderId);

    const first = await payments().listCharges({ customerId, pageSize: 2 });
    const second = await payments().listCharges({ customerId, pageSize: 2, pageToken: first.nextPageToken });

    expect([...first.charges, ...second.charges].map(({ orderId }) => orderId)).toEqual(paid);
    expect(second.nextPageToken).toBe('');
  });

  it('charges the same payment once, and refuses its key for another amount', { tags: 'seed-7.3' }, async () => {
    const request = payment();

    const first = await payments().processPayment(request);
    const again = await payments().processPayment(request);
    const other = { ...request, amount: { currencyCode: 'EUR', minorUnits: 1n } };

    expect(again.charge?.transactionId).toBe(first.charge?.transactionId);
    expect(await failureOf(payments().processPayment(other))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: 'IDEMPOTENCY_KEY_REUSED',
    });
    expect(await readProviderCharges(platform, request.orderId)).toHaveLength(1);
  });

  it('refunds an order once, however often it is called', async () => {
    const request = payment();
    const { charge } = await payments().processPayment(request);
    const refund = { orderId: request.orderId, idempotencyKey: randomUUID() };

    await payments().refundPayment(refund);
    const again = await payments().refundPayment({ ...refund, idempotencyKey: randomUUID() });

    expect(again.charge).toMatchObject({ status: ChargeStatus.REFUNDED, transactionId: charge?.transactionId });
    const ledger = await (await fetch(`${platform.stack.url('provider')}/v1/ledger`)).json();
    const refunds = (ledger as { refunds: { order_id: string }[] }).refunds;
    expect(refunds.filter((made) => made.order_id === request.orderId)).toHaveLength(1);
  });

  it('never charges an order that was refunded before it was charged', async () => {
    const orderId = `order-of-another-shop-${randomUUID()}`;

    const refunded = await payments().refundPayment({ orderId, idempotencyKey: randomUUID() });
    const late = await payments().processPayment(payment({ orderId }));

    expect(refunded.charge).toMatchObject({ status: ChargeStatus.REFUNDED, transactionId: '' });
    expect(late.charge).toMatchObject({ status: ChargeStatus.REFUNDED, transactionId: '' });
    expect(await readProviderCharges(platform, orderId)).toEqual([]);
  });

  it('refuses synthetic calls, like inventory', async () => {
    const refused = { code: Code.PermissionDenied, reason: 'SYNTHETIC_NOT_ALLOWED' };
    const lines = [{ productId: 'test-product', quantity: 1 }];
    const reservation = { orderId: randomUUID(), lines, synthetic: true };

    expect(await failureOf(payments().processPayment(payment({ synthetic: true })))).toMatchObject(refused);
    expect(await failureOf(platform.inventory.reserveStock(reservation))).toMatchObject(refused);
  });
});

describe('notification', () => {
  it('lists the notifications of an order and of a customer, and no others', async () => {
    const [customerId, other] = [randomUUID(), randomUUID()];
    const { orderId } = await buy({ customerId });
    await buy({ customerId });
    await buy({ customerId: other });
    const find = async (filter: object) =>
      (await platform.notifications.listNotifications(filter)).notifications.map((found) => found.customerId);

    await expect.poll(() => find({ customerId }), PATIENCE).toEqual([customerId, customerId]);
    await expect.poll(() => find({ customerId: other }), PATIENCE).toEqual([other]);
    expect(await find({ orderId })).toEqual([customerId]);
    expect(await find({ orderId, customerId: other })).toEqual([]);
  });

  it('shows the mail as sent under the Message-ID that the mailbox has', async () => {
    const customerId = randomUUID();
    await buy({ customerId });

    const sent = await vi.waitFor(async () => {
      const [found] = (await platform.notifications.listNotifications({ customerId })).notifications;
      if (found?.status !== NotificationStatus.SENT) throw new Error('the mail is not sent');
      return found;
    }, PATIENCE);

    expect(sent.sendTime).toBeDefined();
    expect(await mailIds(customerId)).toEqual([sent.messageId]);
  });

  it('notifies a customer of the confirmed order, not of the failed one', async () => {
    const customerId = randomUUID();
    const declined = orderRequest({ customerId, paymentMethod: 'pm_insufficient_funds' });
    const { order } = await platform.orders.createOrder(declined);
    await awaitOrder(platform, order?.orderId, OrderStatus.FAILED);
    const { orderId } = await buy({ customerId });

    await expect.poll(() => platform.mails(customerId), PATIENCE).toHaveLength(1);

    const { notifications } = await platform.notifications.listNotifications({ customerId });
    expect(notifications.map((told) => told.orderId)).toEqual([orderId]);
  });

  async function mailIds(customerId: string): Promise<string[]> {
    const to = encodeURIComponent(`${customerId}@customers.example`);
    const response = await fetch(`${platform.stack.url('mailbox')}/messages?to=${to}`);
    const { messages } = (await response.json()) as { messages: { message_id: string }[] };
    return messages.map((message) => message.message_id);
  }
});

describe('the operators’ service', () => {
  const ops = (service: ServiceName) => platform.client(service, OpsService);
  const statusOf = async (service: ServiceName) => (await ops(service).getStatus({})).status;
  const closed = (dependency: string) => ({ dependency, state: BreakerState.CLOSED, reason: '' });

  it.each<[ServiceName, string[], string[]]>([
    ['order', ['inventory', 'payment'], ['SHOP_INVENTORY', 'SHOP_PAYMENT']],
    ['inventory', [], ['SHOP_ORDER']],
    ['payment', ['payment-provider'], []],
    ['notification', ['smtp'], ['SHOP_ORDER']],
    ['analytics', [], ['SHOP_ORDER', 'SHOP_INVENTORY', 'SHOP_PAYMENT', 'SHOP_NOTIFICATION']],
  ])('shows %s well: breakers closed, streams read, nothing left behind', async (service, breakers, streams) => {
    await buy();

    await expect
      .poll(() => statusOf(service), PATIENCE)
      .toMatchObject({
        service,
        databaseUp: true,
        broker: { connected: true },
        breakers: breakers.map(closed),
        outbox: { unsent: 0n },
        consumers: streams.map((stream) => ({ stream, consumer: service, pending: 0n, unacknowledged: 0n })),
        openCompensations: 0n,
        deadLetters: 0n,
      });
  });

  it.each<ServiceName>(['order', 'inventory', 'payment', 'notification', 'analytics'])(
    'has no dead letter at %s, to list, to replay or to forget',
    async (service) => {
      const deadLetterId = randomUUID();

      // Another file may have one on this stack for a moment.
      await expect.poll(async () => (await ops(service).listDeadLetters({})).deadLetters, PATIENCE).toEqual([]);
      expect(await failureOf(ops(service).replayDeadLetter({ deadLetterId }))).toMatchObject({
        code: Code.NotFound,
        reason: 'DEAD_LETTER_NOT_FOUND',
      });
      await ops(service).discardDeadLetter({ deadLetterId });
    },
  );
});

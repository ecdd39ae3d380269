// A migration that adds columns while the service runs, as when a newer replica starts beside it.
import { expect, it } from 'vitest';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { type OrderFixture, startOrderFixture, validRequest } from '../../support/services/order.ts';

const TABLES = ['orders', 'order_key', 'product_price', 'catalogue_load', 'outbox', 'inbox'];

/** Makes each kind of call often enough that its statements are prepared on several connections. */
async function callEverything(fixture: OrderFixture): Promise<void> {
  const request = validRequest();
  const first = await fixture.client.createOrder(request);
  await Promise.all(
    Array.from({ length: 5 }, async () => {
      expect((await fixture.place()).outcome).toBe(Outcome.CONFIRMED);
      expect((await fixture.client.createOrder(request)).order?.orderId).toBe(first.order?.orderId);
      expect((await fixture.read(first.order?.orderId ?? '')).status).toBe(OrderStatus.CONFIRMED);
      expect((await fixture.client.listOrders({ customerId: 'cust123' })).orders.length).toBeGreaterThan(0);
    }),
  );
}

it('adds columns to every table without a call or the background noticing', async () => {
  await using fixture = await startOrderFixture({ ORDER_MAX_RESUME_MS: '250', BREAKER_RESET_MS: '200' });
  await callEverything(fixture);
  await fixture.payment.goDown();
  const { order } = await fixture.place();
  expect(order?.status).toBe(OrderStatus.PENDING);

  for (const table of TABLES) await fixture.sql(`alter table ${table} add column note text`);

  expect((await fixture.read(order?.orderId ?? '')).status).toBe(OrderStatus.PENDING);
  await fixture.payment.comeUp();
  await fixture.reaches(order?.orderId ?? '', OrderStatus.CONFIRMED, 10_000);
  await callEverything(fixture);
});

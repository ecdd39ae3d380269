import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { readEvents } from '../../support/events.ts';
import { PATIENT_DATABASE } from '../../support/patience.ts';
import { rpcFailureOf, startOrderFixture, validRequest } from '../../support/services/order.ts';
import { PATIENT } from './patience.ts';

it('fifty concurrent duplicates create one order and get equal answers once it has ended', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  const request = validRequest();
  const answers = await Promise.all(Array.from({ length: 50 }, () => fixture.client.createOrder(request)));

  expect(new Set(answers.map(({ order }) => order?.orderId)).size).toBe(1);
  expect(answers.map(({ outcome }) => outcome)).toEqual(Array(50).fill(Outcome.CONFIRMED));
  expect(new Set(answers.map(({ order }) => order?.timeline.length))).toEqual(new Set([6]));
  fixture.inventory.virtual.received(InventoryService.method.reserveStock).times(1);
  fixture.payment.virtual.received(PaymentService.method.processPayment).times(1);
  expect(await fixture.sql('select from orders')).toHaveLength(1);
  await expect.poll(() => readEvents(fixture.nats, OrderCreatedSchema.typeName)).toHaveLength(1);
});

it('concurrent duplicates at two replicas create one order; the other replica waits for it', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  const replica = await fixture.startReplica();
  const request = validRequest();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => (index % 2 ? replica : fixture.service).client.createOrder(request)),
  );
  expect(new Set(answers.map(({ order }) => order?.orderId)).size).toBe(1);
  expect(answers.map(({ outcome }) => outcome)).toEqual(Array(20).fill(Outcome.CONFIRMED));
  fixture.payment.virtual.received(PaymentService.method.processPayment).times(1);
});

it('a key with another body is refused, and the first order is unchanged', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  const request = validRequest();
  const { order } = await fixture.client.createOrder(request);
  const error = await rpcFailureOf(fixture.client.createOrder({ ...request, customerId: 'another-customer' }));
  expect(error.code).toBe(Code.FailedPrecondition);
  expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED', domain: 'shop' });
  expect(await fixture.read(order!.orderId)).toMatchObject({ customerId: 'cust123', status: OrderStatus.CONFIRMED });
});

it('a duplicate with a deadline of one second is answered within it, although the first call is still in flight', async () => {
  await using fixture = await startOrderFixture(PATIENT_DATABASE);
  fixture.payment.virtual.stub(PaymentService.method.processPayment).hangs();
  const request = validRequest();
  const first = fixture.client.createOrder(request);
  await expect.poll(() => fixture.payment.virtual.requests(PaymentService.method.processPayment).length).toBe(1);
  // Without a timer of the client, which is in this process and as late as the answer is: the service refuses what misses the deadline.
  const duplicate = await fixture.client.createOrder(request, { headers: { 'connect-timeout-ms': '1000' } });
  expect(duplicate).toMatchObject({ outcome: Outcome.PENDING, reason: OrderReason.BUDGET_EXHAUSTED });
  expect((await first).order?.orderId).toBe(duplicate.order?.orderId);
});

it('a key is unused after bad input', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  const request = validRequest();
  await rpcFailureOf(fixture.client.createOrder({ ...request, items: [] }));
  expect((await fixture.client.createOrder(request)).outcome).toBe(Outcome.CONFIRMED);
});

it('cancelling thirty times concurrently, and once more, publishes one OrderCancelled', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  fixture.payment.virtual.stub(PaymentService.method.processPayment).fails(Code.Unavailable, 'away');
  const { order } = await fixture.place();
  const { orderId } = order!;
  const answers = await Promise.all(Array.from({ length: 30 }, () => fixture.client.cancelOrder({ orderId })));
  expect(answers.map((answer) => answer.order?.status)).toEqual(Array(30).fill(OrderStatus.CANCELLED));
  await fixture.client.cancelOrder({ orderId });
  await expect.poll(() => readEvents(fixture.nats, 'shop.order.v1.OrderCancelled')).toHaveLength(1);
});

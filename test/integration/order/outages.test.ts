// Outages of broker and database: what calls answer, and that no accepted order is lost.
import { Code } from '@connectrpc/connect';
import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { readEventBodies } from '../../support/events.ts';
import {
  type RunningOrderService,
  rpcFailureOf,
  startOrderFixture,
  validRequest,
} from '../../support/services/order.ts';
import { startTcpGate } from '../../support/tcp-gate.ts';
import { PATIENT } from './patience.ts';

const { confirmReservation } = InventoryService.method;
const { processPayment } = PaymentService.method;

describe('while the broker is down', () => {
  it('orders are confirmed, and every event is published when it is up again', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    await fixture.nats.kill();
    const answers = await Promise.all(Array.from({ length: 10 }, () => fixture.place()));
    expect(answers.map(({ outcome }) => outcome)).toEqual(Array(10).fill(Outcome.CONFIRMED));
    expect((await fixture.service.ops.getStatus({})).status).toMatchObject({
      broker: { connected: false },
      outbox: { unsent: 20n },
    });

    await fixture.nats.restart();
    await expect
      .poll(async () => (await readEventBodies(fixture.nats, OrderConfirmedSchema)).length, { timeout: 10_000 })
      .toBe(10);
    await expect.poll(async () => (await fixture.service.ops.getStatus({})).status?.outbox?.unsent).toBe(0n);
  });

  it('the service starts, serves and stops', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    await fixture.nats.kill();
    const replica = await fixture.startReplica();
    expect((await replica.client.createOrder(validRequest())).outcome).toBe(Outcome.CONFIRMED);
    await replica.stop();
  });
});

/** A fixture whose service reaches its database through a gate. */
async function startBehindGate() {
  const resources = new AsyncDisposableStack();
  const fixture = resources.use(await startOrderFixture());
  await fixture.service.stop();
  const url = new URL(fixture.database.databaseUrl);
  const gate = resources.use(await startTcpGate(Number(url.port)));
  url.port = String(gate.port);
  const service: RunningOrderService = await fixture.startReplica({ ORDER_DATABASE_URL: url.href });
  // The service is stopped before its gate is taken away.
  resources.defer(() => service.stop());
  return { fixture, gate, service, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

describe('while the database is down', () => {
  it.each(['shut', 'silence'] as const)('every call is unavailable with RetryInfo, soon: %s', async (how) => {
    await using setup = await startBehindGate();
    const { gate, service } = setup;
    gate[how]();
    const start = performance.now();
    const errors = await Promise.all(
      [
        service.client.createOrder(validRequest()),
        service.client.getOrder({ orderId: 'order-1' }),
        service.client.listOrders({}),
        service.client.cancelOrder({ orderId: 'order-1' }),
      ].map(rpcFailureOf),
    );
    for (const error of errors) {
      expect(error.code).toBe(Code.Unavailable);
      expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('DATABASE_UNAVAILABLE');
      expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay).toMatchObject({ seconds: 1n });
      expect(error.rawMessage).toBe('the database cannot be reached now');
    }
    expect(performance.now() - start).toBeLessThan(3_000);
  });

  it('a statement is waited for as long as DATABASE_TIMEOUT_MS says', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const holder = new Client({ connectionString: fixture.database.superuserUrl });
    await holder.connect();
    await holder.query('begin');
    await holder.query('lock table orders');
    const reading = rpcFailureOf(fixture.client.getOrder({ orderId: 'no-such' }));
    const blocked = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
      and query like '%where order_id%' and clock_timestamp() - query_start > interval '700 milliseconds'`;
    await expect.poll(() => fixture.sql(blocked), { timeout: 10_000 }).toHaveLength(1);
    await holder.end();
    expect((await reading).code).toBe(Code.NotFound);
  });

  it('orders are accepted again as soon as it is up', async () => {
    await using setup = await startBehindGate();
    const { gate, service } = setup;
    const request = validRequest();
    gate.shut();
    await rpcFailureOf(service.client.createOrder(request));
    gate.open();
    expect((await service.client.createOrder(request)).outcome).toBe(Outcome.CONFIRMED);
  });

  it('lost between charge and verdict: unavailable; a duplicate returns the order, which is charged once', async () => {
    await using setup = await startBehindGate();
    const { fixture, gate, service } = setup;
    const request = validRequest();
    fixture.payment.virtual.stub(processPayment).replies(({ orderId }) => {
      gate.shut();
      return { charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } };
    });
    const error = await rpcFailureOf(service.client.createOrder(request));
    expect(error.code).toBe(Code.Unavailable);
    gate.open();
    fixture.payment.virtual
      .stub(processPayment)
      .replies(({ orderId }) => ({ charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } }));
    const repeated = await service.client.createOrder(request);
    const { orderId } = repeated.order!;
    await expect
      .poll(async () => (await service.client.getOrder({ orderId })).order?.status, { timeout: 10_000 })
      .toBe(OrderStatus.CONFIRMED);
    expect(await fixture.sql('select from orders')).toHaveLength(1);
    const keys = fixture.payment.virtual.requests(processPayment).map(({ idempotencyKey }) => idempotencyKey);
    expect(new Set(keys)).toEqual(new Set([`order:${orderId}`]));
  });

  it('lost after the confirmation of the stock: the order is confirmed later, its stock once', async () => {
    await using setup = await startBehindGate();
    const { fixture, gate, service } = setup;
    fixture.inventory.virtual.stub(confirmReservation).replies(() => {
      gate.shut();
      return {};
    });
    const request = validRequest();
    expect((await rpcFailureOf(service.client.createOrder(request))).code).toBe(Code.Unavailable);
    fixture.inventory.virtual.stub(confirmReservation).replies({});
    gate.open();
    await expect
      .poll(async () => (await service.client.createOrder(request)).outcome, { timeout: 10_000 })
      .toBe(Outcome.CONFIRMED);
    fixture.payment.virtual.received(processPayment).times(1);
  });
});

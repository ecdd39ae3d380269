// The real order service, with its database, broker and virtual dependencies, honours the contracts of its consumers.
import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { type StateHandlers, verifyProvider, type WireName } from '@touchstone/kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { brokenInteractions, contractFile, ERROR_DETAILS, startDriftProxy } from '../../support/contracts/contracts.ts';
import { keepVerification } from '../../support/contracts/verification-results.ts';
import { headersOf } from '../../support/identity/credentials.ts';
import { type OrderFixture, startOrderFixture } from '../../support/services/order.ts';

const FILE = contractFile('MonitorService', 'OrderService');
const { processPayment } = PaymentService.method;

let fixture: OrderFixture;
beforeAll(async () => {
  fixture = await startOrderFixture();
});
afterAll(() => fixture?.[Symbol.asyncDispose]());

function createOrderStates(): StateHandlers {
  const forget = async () => {
    await fixture.sql('delete from order_key');
    await fixture.sql('delete from orders');
    paymentReplies(ChargeStatus.COMPLETED);
  };
  const paymentReplies = (status: ChargeStatus) =>
    fixture.payment.virtual
      .stub(processPayment)
      .replies(({ orderId }) => ({ charge: { orderId, status, transactionId: 'ch-1', declineMessage: 'no funds' } }));
  // Not `unavailable`: that would open the circuit breaker, which outlives the state.
  const paymentIsOverloaded = () =>
    fixture.payment.virtual.stub(processPayment).fails(Code.ResourceExhausted, 'too much to do');
  const state = (reach: (params: JsonObject) => unknown) => async (params: JsonObject) => {
    await reach(params);
    return { teardown: forget };
  };
  // An order with the contract's id: placed by the RPC, then renamed in the database.
  const order = async ({ orderId }: JsonObject) => {
    const { order: made } = await fixture.place({ idempotencyKey: randomUUID() });
    // What the monitor places is the monitor's.
    await fixture.sql(`update order_key set order_id = $1, placed_by = 'monitor:monitor'`, [orderId]);
    await fixture.sql(
      `update orders set order_id = $1, placed_by = 'monitor:monitor', synthetic = true where order_id = $2`,
      [orderId, made?.orderId],
    );
  };
  return {
    'the test product is in stock': state(() => undefined),
    'the test product is in stock, and payment is overloaded': state(paymentIsOverloaded),
    'the test product is in stock, and payment declines': state(() => paymentReplies(ChargeStatus.DECLINED)),
    'the order is confirmed': state(order),
    'the order is pending': state(async (params) => {
      paymentIsOverloaded();
      await order(params);
    }),
  };
}

const verify = async (url: string, wires?: readonly WireName[]) =>
  verifyProvider({
    headers: await headersOf('monitor', 'monitor'),
    contracts: FILE,
    provider: 'OrderService',
    url,
    services: [OrderService],
    types: ERROR_DETAILS,
    states: createOrderStates(),
    ...(wires && { wires }),
  });

it('the order service honours every interaction of MonitorService, in every protocol and HTTP version', async () => {
  const verification = await verify(fixture.service.url);

  await keepVerification(FILE, 'calls', verification);
  verification.assertHonoured();
  expect(verification.interactions.length).toBeGreaterThanOrEqual(7);
});

it('an order service that drops the synthetic flag is reported by name', async () => {
  await using front = await startDriftProxy(OrderService, fixture.client, {
    createOrder: async (request, real) => {
      const { order, ...rest } = await real.createOrder(request);
      return { ...rest, order: { ...order, synthetic: false, status: OrderStatus.CONFIRMED } };
    },
  });
  const verification = await verify(front.url, ['gRPC, HTTP/2']);
  expect(brokenInteractions(verification)).toContain(
    'a synthetic order that is paid, given the test product is in stock',
  );
});

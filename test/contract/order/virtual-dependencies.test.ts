// The order service with virtual dependencies on real ports, and with a stub server started from its own contracts.
import { Code } from '@connectrpc/connect';
import { startStubServer, startVirtualService } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { contractFile, ERROR_DETAILS } from '../../support/contracts/contracts.ts';
import { startOrderFixture } from '../../support/services/order.ts';

const { processPayment } = PaymentService.method;
const { listProducts, checkAvailability, reserveStock, confirmReservation, releaseReservation } =
  InventoryService.method;

/** Dependencies made from the contracts that the order service has with them. */
function startContractDependencies(...states: string[]) {
  return startStubServer(
    [contractFile('OrderService', 'InventoryService'), contractFile('OrderService', 'PaymentService')],
    {
      services: [InventoryService, PaymentService],
      types: ERROR_DETAILS,
      states: ['the catalogue fits on a page', 'the order has not been charged', ...states],
    },
  );
}

describe('the order service', () => {
  it('confirms an order at a virtual inventory with 12345 available 100, by exactly one reserve', {
    tags: 'seed-6.2',
  }, async () => {
    await using inventory = await startVirtualService({ services: [InventoryService] });
    let available = 100;
    inventory.stub(listProducts).replies({
      products: [{ productId: '12345', unitPrice: { currencyCode: 'EUR', minorUnits: 5_999n }, version: 1n }],
    });
    inventory
      .stub(checkAvailability, { productId: '12345' })
      .replies(() => ({ productId: '12345', available: available > 0, quantity: available }));
    inventory.stub(reserveStock).replies(({ orderId, lines }) => {
      available -= lines[0]?.quantity ?? 0;
      return { reservation: { orderId, reservationId: 'res123', state: ReservationState.RESERVED } };
    });
    inventory.stub(confirmReservation).replies({ reservation: { state: ReservationState.CONFIRMED } });
    await using fixture = await startOrderFixture({ INVENTORY_URL: inventory.url });

    const { order, outcome } = await fixture.place({ items: [{ productId: '12345', quantity: 10 }] });

    expect(outcome).toBe(Outcome.CONFIRMED);
    expect(order).toMatchObject({ status: OrderStatus.CONFIRMED, reservationId: 'res123' });
    const orderId = order!.orderId;
    inventory.received(reserveStock).times(1);
    inventory.received(reserveStock).with({ orderId, lines: [{ productId: '12345', quantity: 10 }] });
    inventory.received(confirmReservation).with({ orderId, reservationId: 'res123' }).times(1);
    inventory.received(releaseReservation).never();
    expect(inventory.unmatchedRequests()).toEqual([]);
    expect(available).toBe(90);
  });

  it('confirms an order at a stub server started from its contract files', { tags: 'seed-6.3' }, async () => {
    await using dependencies = await startContractDependencies(
      'product 12345 exists with stock',
      'stock is reserved for the order',
    );
    await using fixture = await startOrderFixture({ INVENTORY_URL: dependencies.url, PAYMENT_URL: dependencies.url });

    const { order, outcome } = await fixture.place({ items: [{ productId: '12345', quantity: 1 }] });

    expect(dependencies.unmatchedRequests()).toEqual([]);
    expect(outcome).toBe(Outcome.CONFIRMED);
    expect(order).toMatchObject({ status: OrderStatus.CONFIRMED, transactionId: 'ch_0001' });
  });

  it('keeps calling payment for everyone while the provider fails for one customer', async () => {
    await using payment = await startVirtualService({ services: [PaymentService] });
    const reason = { reason: 'PAYMENT_PROVIDER_UNAVAILABLE', domain: 'shop' };
    payment
      .stub(processPayment, { customerId: 'unlucky' })
      .fails(Code.Unavailable, 'no outcome yet', [{ desc: ErrorInfoSchema, value: reason }]);
    payment
      .stub(processPayment)
      .replies(({ orderId }) => ({ charge: { orderId, transactionId: 'ch_1', status: ChargeStatus.COMPLETED } }));
    await using fixture = await startOrderFixture({ PAYMENT_URL: payment.url });

    for (let order = 0; order < 6; order += 1) {
      const answer = await fixture.place({ customerId: 'unlucky' });
      expect(answer).toMatchObject({ outcome: Outcome.PENDING, reason: OrderReason.PAYMENT_UNAVAILABLE });
    }

    expect((await fixture.place()).outcome).toBe(Outcome.CONFIRMED);
  });

  it('keeps calling payment for everyone while it is slow for one customer', async () => {
    await using payment = await startVirtualService({ services: [PaymentService] });
    payment.stub(processPayment, { customerId: 'unlucky' }).hangs();
    payment
      .stub(processPayment)
      .replies(({ orderId }) => ({ charge: { orderId, transactionId: 'ch_1', status: ChargeStatus.COMPLETED } }));
    await using fixture = await startOrderFixture({ PAYMENT_URL: payment.url });

    const slow = Array.from({ length: 6 }, () => fixture.place({ customerId: 'unlucky' }));
    await expect.poll(() => payment.requests(processPayment).length).toBeGreaterThanOrEqual(6);
    expect((await fixture.place()).outcome).toBe(Outcome.CONFIRMED);

    expect((await Promise.all(slow)).map(({ outcome }) => outcome)).toEqual(Array(6).fill(Outcome.TIMEOUT));
    expect((await fixture.place()).outcome).toBe(Outcome.CONFIRMED);
  });

  it('fails an order at a stub server in the state that 12345 is sold out', async () => {
    await using dependencies = await startContractDependencies('product 12345 is sold out');
    await using fixture = await startOrderFixture({ INVENTORY_URL: dependencies.url, PAYMENT_URL: dependencies.url });

    const { order, outcome } = await fixture.place({ items: [{ productId: '12345', quantity: 1 }] });

    expect(dependencies.unmatchedRequests()).toEqual([]);
    expect(outcome).toBe(Outcome.FAILED);
    expect(order).toMatchObject({ status: OrderStatus.FAILED, reason: OrderReason.INSUFFICIENT_STOCK });
  });
});

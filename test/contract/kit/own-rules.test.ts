// The rules of our contracts for those who test against them: a stub refuses what the real service refuses.
import { create, type DescMessage } from '@bufbuild/protobuf';
import { ViolationsSchema } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createInMemoryService } from '@touchstone/kit';
import { expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { findViolations } from '#services/platform/base/contract-rules.ts';

const ORDER = { idempotencyKey: 'key-1', customerId: 'cust123', paymentMethod: 'pm_approved' };
const ITEMS = [{ productId: '12345', quantity: 1 }];
const AMOUNT = { currencyCode: 'EUR', minorUnits: 5_999n };
const PAYMENT = { orderId: 'o1', idempotencyKey: 'key-1', customerId: 'cust123', paymentMethod: 'pm_approved' };

/** A stub of the three services that answers every valid request. */
async function startStub() {
  const services = [OrderService, InventoryService, PaymentService];
  const shop = await createInMemoryService({ services, enforceRules: true });
  shop.stub(OrderService.method.createOrder).replies({});
  shop.stub(InventoryService.method.reserveStock).replies({});
  shop.stub(PaymentService.method.processPayment).replies({});
  return {
    createOrder: createClient(OrderService, shop.transport).createOrder,
    reserveStock: createClient(InventoryService, shop.transport).reserveStock,
    processPayment: createClient(PaymentService, shop.transport).processPayment,
  };
}

const INPUTS = {
  createOrder: OrderService.method.createOrder.input,
  reserveStock: InventoryService.method.reserveStock.input,
  processPayment: PaymentService.method.processPayment.input,
} satisfies Record<string, DescMessage>;

it.each([
  ['an order', 'createOrder', { ...ORDER, items: ITEMS }],
  ['an order of nothing', 'createOrder', {}],
  ['an order of an odd product', 'createOrder', { ...ORDER, items: [{ productId: 'a\u200bb', quantity: 10_001 }] }],
  [
    'an order of a customer with a long name',
    'createOrder',
    { ...ORDER, customerId: '🎁'.repeat(129), items: ITEMS, paymentMethod: 'cash' },
  ],
  ['a reservation', 'reserveStock', { orderId: 'o1', lines: ITEMS }],
  ['a reservation of less than nothing', 'reserveStock', { orderId: ' o1', lines: [{ productId: '', quantity: -1 }] }],
  ['a payment', 'processPayment', { ...PAYMENT, amount: AMOUNT }],
  ['a payment without an amount', 'processPayment', PAYMENT],
  [
    'a payment with a card number',
    'processPayment',
    { ...PAYMENT, amount: { currencyCode: 'euro', minorUnits: 5n }, paymentMethod: '4111111111111111' },
  ],
] as const)('a stub that enforces the rules answers %s as the service does', async (_, rpc, init) => {
  const stub = await startStub();
  const refused = findViolations(INPUTS[rpc], create(INPUTS[rpc], init as never)).map(({ description }) => description);

  const error = await stub[rpc](init as never).then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );

  expect(error?.code).toBe(refused.length === 0 ? undefined : Code.InvalidArgument);
  const told = error?.findDetails(ViolationsSchema)[0]?.violations ?? [];
  expect(told).toHaveLength(refused.length);
});

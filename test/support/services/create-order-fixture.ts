// A fixture for the unit tests of CreateOrder: everything the use case needs, in memory.
import { type Mock, vi } from 'vitest';
import { CreateOrderRequestSchema } from '#gen/shop/order/v1/order_service_pb.ts';
import type { PricingVersionFor } from '#services/order/basket.ts';
import { type CreateOrderDependencies, createOrder, validateOrder } from '#services/order/create-order.ts';
import { createOrderChanges } from '#services/order/order-changes.ts';
import { type TestCallOptions, testCall } from './call.ts';
import { createFakeSaga, type FakeSaga } from './fake-dependencies.ts';
import {
  ACCEPTED_AT,
  createFakePriceStore,
  type FakePriceStore,
  orderRequest,
  TEST_CREDENTIAL,
} from './order-builders.ts';
import { serve } from './serve.ts';

const BUDGET_MS = 2_500;

export type CreateOrderFixture = CreateOrderDependencies & {
  readonly saga: FakeSaga;
  readonly prices: FakePriceStore;
  readonly pricingVersionFor: Mock<PricingVersionFor>;
  /** Places an order that is valid except for `change`, in a call with the service's budget unless `call` says otherwise. */
  place(change?: Parameters<typeof orderRequest>[0], call?: TestCallOptions): ReturnType<typeof createOrder>;
};

/** Creates the fixture with prices, healthy dependencies, and no orders. */
export function createOrderFixture(): CreateOrderFixture {
  const saga = createFakeSaga();
  const changes = createOrderChanges(saga.store);
  saga.onChange.mockImplementation(changes.notify);
  let ids = 0;
  const fixture: CreateOrderFixture = {
    saga,
    store: saga.store,
    prices: createFakePriceStore(),
    pricingVersionFor: vi.fn<PricingVersionFor>(async () => 'v1'),
    changes,
    paymentMethods: undefined,
    syntheticCredential: TEST_CREDENTIAL,
    newOrderId: () => {
      ids += 1;
      return `order-${ids}`;
    },
    now: () => ACCEPTED_AT,
    place: (change = {}, call = {}) =>
      serve(
        CreateOrderRequestSchema,
        orderRequest(change),
        (request) => createOrder(fixture, request, testCall({ budgetMs: BUDGET_MS, ...call })),
        (request, validation) => validateOrder(request, fixture.paymentMethods, validation),
      ),
  };
  return fixture;
}

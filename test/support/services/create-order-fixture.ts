// A desk that takes orders, for the unit tests of CreateOrder: everything the use case needs, in memory.
import { type Mock, vi } from 'vitest';
import type { PricingVersionFor } from '#services/order/basket.ts';
import { type CreateOrderDependencies, createOrder } from '#services/order/create-order.ts';
import { createOrderChanges } from '#services/order/order-changes.ts';
import { createFakeSaga, type FakeSaga } from './fake-dependencies.ts';
import {
  ACCEPTED_AT,
  createFakePriceStore,
  type FakePriceStore,
  orderRequest,
  TEST_CREDENTIAL,
} from './order-builders.ts';

const BUDGET_MS = 2_500;

export type CreateOrderFixture = CreateOrderDependencies & {
  readonly saga: FakeSaga;
  readonly prices: FakePriceStore;
  readonly pricingVersionFor: Mock<PricingVersionFor>;
  /** Places an order that is valid but for what is given. */
  place(
    change?: Parameters<typeof orderRequest>[0],
    budgetMs?: number,
    headers?: Headers,
  ): ReturnType<typeof createOrder>;
};

/** Opens a desk with prices, neighbours for whom all is well, and no orders. */
export function openCreateOrderFixture(): CreateOrderFixture {
  const saga = createFakeSaga();
  const changes = createOrderChanges(saga.store);
  saga.changed.mockImplementation(changes.changed);
  let ids = 0;
  const desk: CreateOrderFixture = {
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
    place: (change = {}, budgetMs = BUDGET_MS, headers = new Headers()) =>
      createOrder(desk, orderRequest(change), budgetMs, headers),
  };
  return desk;
}

// A database that is slow, not away: CreateOrder answers in time all the same, and says what to do.
import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { createOrderRoutes, type RouteDependencies } from '#services/order/routes.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { createServerInterceptors } from '#services/platform/server/rpc-interceptors.ts';
import { openCreateOrderFixture } from '../../support/services/create-order-fixture.ts';
import { orderRequest, silentLog } from '../../support/services/order-builders.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A client of the routes, around a desk whose statements can be made to hang. */
function openCounter() {
  const desk = openCreateOrderFixture();
  const dependencies = { ...desk, inventory: desk.saga.inventory, budgetMs: 2_500 } as unknown as RouteDependencies;
  const transport = createRouterTransport(createOrderRoutes(dependencies), {
    router: {
      interceptors: createServerInterceptors({ domain: DOMAIN, metrics: createMetrics('order'), log: silentLog }),
    },
  });
  return { desk, client: createClient(OrderService, transport) };
}

it('the last statement of an order that hangs does not keep its caller: unavailable, with RetryInfo, in under 3 s', async () => {
  const { desk, client } = openCounter();
  const hanging = Promise.withResolvers<void>();
  desk.saga.store.beforeSave = () => hanging.promise;
  const told = client.createOrder(orderRequest()).then(
    () => undefined,
    (error: unknown) => ConnectError.from(error),
  );
  let error: ConnectError | undefined;
  void told.then((each) => {
    error = each;
  });

  await vi.advanceTimersByTimeAsync(2_799);
  expect(error).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);

  expect(error?.code).toBe(Code.Unavailable);
  expect(error?.findDetails(RetryInfoSchema)).toHaveLength(1);
  hanging.resolve();
  await vi.advanceTimersByTimeAsync(0);
  // The work went on; the same key tells what became of it.
  expect(await client.createOrder(orderRequest())).toMatchObject({ order: { orderId: 'order-1' } });
});

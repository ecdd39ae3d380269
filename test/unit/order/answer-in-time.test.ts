// A slow database: CreateOrder still answers in time, with retry advice.
import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { createOrderRoutes, type RouteDependencies } from '#services/order/routes.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { createServerInterceptors } from '#services/platform/server/rpc-interceptors.ts';
import { allowEveryone } from '../../support/services/call.ts';
import { createOrderFixture } from '../../support/services/create-order-fixture.ts';
import { orderRequest, silentLog } from '../../support/services/order-builders.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A client of the routes, and the fixture behind them, whose statements can be made to hang. */
function createRoutesFixture() {
  const fixture = createOrderFixture();
  const dependencies = {
    ...fixture,
    inventory: fixture.saga.inventory,
    budgetMs: 2_500,
  } as unknown as RouteDependencies;
  const transport = createRouterTransport(createOrderRoutes(dependencies), {
    router: {
      interceptors: createServerInterceptors({
        accessControl: allowEveryone,
        domain: DOMAIN,
        metrics: createMetrics('order'),
        log: silentLog,
      }),
    },
  });
  return { fixture, client: createClient(OrderService, transport) };
}

it('answers unavailable, with RetryInfo, in under 3 s when the last statement of an order hangs', async () => {
  const { fixture, client } = createRoutesFixture();
  const hanging = Promise.withResolvers<void>();
  fixture.saga.store.beforeSave = () => hanging.promise;
  const failing = client.createOrder(orderRequest()).then(
    () => undefined,
    (error: unknown) => ConnectError.from(error),
  );
  let error: ConnectError | undefined;
  void failing.then((reason) => {
    error = reason;
  });

  await vi.advanceTimersByTimeAsync(2_799);
  expect(error).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);

  expect(error?.code).toBe(Code.Unavailable);
  expect(error?.findDetails(RetryInfoSchema)).toHaveLength(1);
  hanging.resolve();
  await vi.advanceTimersByTimeAsync(0);
  // The work continued; a duplicate returns its result.
  expect(await client.createOrder(orderRequest())).toMatchObject({ order: { orderId: 'order-1' } });
});

it('keeps 100 ms of the deadline of its caller for the answer, and 400 ms for the step after the verdict', async () => {
  const { fixture, client } = createRoutesFixture();

  await client.createOrder(orderRequest(), { timeoutMs: 1_000 });

  expect(fixture.saga.inventory.reserveStock.mock.calls[0]?.[1]).toMatchObject({ timeoutMs: 500 });
  expect(fixture.saga.inventory.confirmReservation.mock.calls[0]?.[1]).toMatchObject({ timeoutMs: 900 });
});

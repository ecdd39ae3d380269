// Processes of the running platform die, stop and restart while orders are placed: the responses in the meantime, and that each
// order completes, with its stock confirmed once and its payment charged once.
import { randomUUID } from 'node:crypto';
import { Code, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { HealthService, ServingStatus } from '@touchstone/rpc-server';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { NotificationStatus } from '#gen/shop/notification/v1/notification_pb.ts';
import { BreakerState } from '#gen/shop/ops/v1/ops_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import {
  QuoteLine_Availability as Availability,
  type CreateOrderResponse,
  OrderService,
  CreateOrderResponse_Outcome as Outcome,
} from '#gen/shop/order/v1/order_service_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import type { ProcessName } from '#local/stack/stack.ts';
import {
  addProduct,
  awaitOrder,
  failureOf,
  type OrderRequest,
  orderRequest,
  readProviderCharges,
  type TestStack,
  useSharedStack,
} from '../support/stack.ts';

const PATIENCE = { timeout: 90_000, interval: 50 };
const BURST = 12;

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('disturbed');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

// Recovered: an order is confirmed immediately, so no breaker is open.
beforeEach(async () => {
  await vi.waitFor(async () => {
    const { outcome } = await platform.orders.createOrder(orderRequest({ customerId: 'well-again' }));
    if (outcome !== Outcome.CONFIRMED) throw new Error(`the platform is not well yet: ${outcome}`);
  }, PATIENCE);
});

/** Stops a process; disposal starts it again. */
async function stopPart(part: ProcessName): Promise<AsyncDisposable & { restore(): Promise<void> }> {
  await platform.stack.stop(part);
  const restore = () => platform.stack.start(part);
  return { restore, [Symbol.asyncDispose]: restore };
}

/** Retries with the same key until a response arrives, as every client may. */
function place(request: OrderRequest): Promise<CreateOrderResponse> {
  return vi.waitFor(() => platform.orders.createOrder(request), PATIENCE);
}

async function expectSoldOnce(productId: string, sold: number): Promise<void> {
  const { product } = await platform.inventory.getProduct({ productId });
  expect(product).toMatchObject({ sold: BigInt(sold), reserved: 0 });
}

async function expectChargedOnce(orderId: string): Promise<void> {
  const charges = await readProviderCharges(platform, orderId);
  expect(charges.map(({ status, refund_id }) => [status, refund_id])).toEqual([['captured', undefined]]);
}

const statusOf = async (service: ServiceName) => (await platform.client(service, OpsService).getStatus({})).status;
const healthOf = async (service: ServiceName, name = '') =>
  (await platform.client(service, HealthService).check({ service: name })).status;

describe('SIGKILL in a burst of orders', () => {
  it.each<ServiceName>(['order', 'inventory', 'payment'])(
    'of %s leaves each order CONFIRMED, its stock confirmed once and charged once',
    async (service) => {
      const productId = await addProduct(platform, { onHand: BURST });
      const request = () => orderRequest({ items: [{ productId, quantity: 1 }] });
      const answers = Array.from({ length: BURST }, () => place(request()));

      await Promise.race(answers);
      await platform.stack.kill(service);

      const orderIds = (await Promise.all(answers)).map(({ order }) => order?.orderId ?? '');
      await platform.stack.waitUntilHealthy(service);
      await Promise.all(orderIds.map((orderId) => awaitOrder(platform, orderId)));
      expect(new Set(orderIds).size).toBe(BURST);
      await expectSoldOnce(productId, BURST);
      await Promise.all(orderIds.map(expectChargedOnce));
    },
  );

  it('of notification: each customer gets the mail after its restart', async () => {
    const customerId = randomUUID();
    await platform.stack.kill('notification');

    const answers = await Promise.all(Array.from({ length: BURST }, () => place(orderRequest({ customerId }))));
    const orders = await Promise.all(answers.map(({ order }) => awaitOrder(platform, order?.orderId)));

    const subjects = async () => new Set((await platform.mails(customerId)).map(({ subject }) => subject));
    const expected = new Set(orders.map(({ orderId }) => `Your order ${orderId} is confirmed`));
    await expect.poll(subjects, PATIENCE).toEqual(expected);
  });
});

describe('while inventory is down', () => {
  it('by SIGKILL, an order is PENDING with INVENTORY_UNAVAILABLE, and completes when inventory is back', {
    tags: 'seed-8.3',
  }, async () => {
    const productId = await addProduct(platform);
    const items = [{ productId, quantity: 2 }];
    let order: CreateOrderResponse['order'];
    {
      await platform.stack.kill('inventory');
      await using _away = await stopPart('inventory');
      const answer = await platform.orders.createOrder(orderRequest({ items }));
      order = answer.order;

      expect(answer).toMatchObject({ outcome: Outcome.PENDING, reason: OrderReason.INVENTORY_UNAVAILABLE });
      expect(order?.status).toBe(OrderStatus.PENDING);
    }

    await awaitOrder(platform, order?.orderId);
    await expectSoldOnce(productId, 2);
    await expectChargedOnce(order?.orderId ?? '');
  });

  it('the sixth order meets an open breaker, as GetStatus shows; every order completes later', async () => {
    const answers: CreateOrderResponse[] = [];
    {
      await using _away = await stopPart('inventory');
      while (answers.at(-1)?.outcome !== Outcome.CIRCUIT_OPEN && answers.length < 20) {
        answers.push(
          await platform.orders.createOrder(orderRequest({ items: [{ productId: 'prod112', quantity: 1 }] })),
        );
      }

      expect(answers.map(({ outcome }) => outcome)).toEqual([...Array(5).fill(Outcome.PENDING), Outcome.CIRCUIT_OPEN]);
      expect(answers.at(-1)?.reason).toBe(OrderReason.INVENTORY_UNAVAILABLE);
      const breakers = (await statusOf('order'))?.breakers ?? [];
      const inventory = breakers.find(({ dependency }) => dependency === 'inventory');
      expect(inventory?.state).not.toBe(BreakerState.CLOSED);
      expect(inventory?.reason).not.toBe('');
    }

    await Promise.all(answers.map(({ order }) => awaitOrder(platform, order?.orderId)));
    await expect
      .poll(() => statusOf('order'), PATIENCE)
      .toMatchObject({ breakers: [{ dependency: 'inventory', state: BreakerState.CLOSED }, {}] });
  });

  it('a quote has a price and unknown availability', async () => {
    await using _away = await stopPart('inventory');

    const items = [{ productId: '12345', quantity: 2 }];
    const quote = await platform.orders.quoteOrder({ customerId: 'cust123', items });

    expect(quote.total?.minorUnits).toBe(11_998n);
    expect(quote.lines).toMatchObject([{ availability: Availability.UNSPECIFIED }]);
  });

  it('a pending order survives a restart of the order service', async () => {
    let orderId: string | undefined;
    {
      await using _away = await stopPart('inventory');
      orderId = (await platform.orders.createOrder(orderRequest())).order?.orderId;
      await platform.stack.kill('order');
      await platform.stack.waitUntilHealthy('order');
      const { order } = await vi.waitFor(() => platform.orders.getOrder({ orderId: orderId ?? '' }), PATIENCE);
      expect(order?.status).toBe(OrderStatus.PENDING);
    }

    await awaitOrder(platform, orderId);
    await expectChargedOnce(orderId ?? '');
  });
});

describe('a payment', () => {
  it('slowed by 5 s is answered TIMEOUT in under 3 s, from the sixth on CIRCUIT_OPEN, and later charged exactly once', {
    tags: 'seed-8.4',
  }, async () => {
    const placeTimed = async (paymentMethod: string) => {
      const startedAt = performance.now();
      const answer = await platform.orders.createOrder(orderRequest({ paymentMethod }));
      return { ...answer, status: answer.order?.status, seconds: (performance.now() - startedAt) / 1_000 };
    };

    const five = await Promise.all(Array.from({ length: 5 }, () => placeTimed('pm_slow')));
    const sixth = await placeTimed('pm_approved');

    const timedOut = { outcome: Outcome.TIMEOUT, reason: OrderReason.PAYMENT_TIMEOUT, status: OrderStatus.PENDING };
    expect(five).toMatchObject(Array(5).fill(timedOut));
    expect(Math.max(...five.map(({ seconds }) => seconds))).toBeLessThan(3);
    expect(sixth).toMatchObject({ outcome: Outcome.CIRCUIT_OPEN, reason: OrderReason.PAYMENT_UNAVAILABLE });
    expect(sixth.seconds).toBeLessThan(2); // The deadline of a payment.
    for (const { order } of [...five, sixth]) {
      await awaitOrder(platform, order?.orderId);
      await expectChargedOnce(order?.orderId ?? '');
    }
  });

  it('that fails at the provider leaves the order PENDING; cancelled, it holds neither stock nor money', async () => {
    const productId = await addProduct(platform, { onHand: 1 });
    const items = [{ productId, quantity: 1 }];
    const answer = await platform.orders.createOrder(orderRequest({ items, paymentMethod: 'pm_provider_error' }));
    const orderId = answer.order?.orderId ?? '';
    expect(answer).toMatchObject({ outcome: Outcome.PENDING, reason: OrderReason.PAYMENT_UNAVAILABLE });
    expect((await platform.inventory.checkAvailability({ productId })).quantity).toBe(0);

    await platform.orders.cancelOrder({ orderId });

    await expect
      .poll(() => platform.inventory.checkAvailability({ productId }), PATIENCE)
      .toMatchObject({ quantity: 1 });
    await expect.poll(() => statusOf('order'), PATIENCE).toMatchObject({ openCompensations: 0n });
    expect(await readProviderCharges(platform, orderId)).toEqual([]);
  });

  it('waits while the provider is down, and is charged once when it is back', async () => {
    let orderId = '';
    {
      await using _away = await stopPart('provider');
      const answer = await platform.orders.createOrder(orderRequest());
      orderId = answer.order?.orderId ?? '';
      expect(answer).toMatchObject({ outcome: Outcome.PENDING, reason: OrderReason.PAYMENT_UNAVAILABLE });
    }

    await awaitOrder(platform, orderId);
    await expectChargedOnce(orderId);
  });

  it('waits while the payment service is down, and its stock stays reserved', async () => {
    const productId = await addProduct(platform, { onHand: 1 });
    const items = [{ productId, quantity: 1 }];
    let orderId = '';
    {
      await using _away = await stopPart('payment');
      const answer = await platform.orders.createOrder(orderRequest({ items }));
      orderId = answer.order?.orderId ?? '';
      const late = await platform.orders.createOrder(orderRequest({ items }));

      expect(answer).toMatchObject({ outcome: Outcome.PENDING, reason: OrderReason.PAYMENT_UNAVAILABLE });
      expect(late).toMatchObject({ outcome: Outcome.FAILED, reason: OrderReason.INSUFFICIENT_STOCK });
    }

    await awaitOrder(platform, orderId);
    await expectSoldOnce(productId, 1);
  });
});

describe('while the broker is down', () => {
  it('orders are CONFIRMED, and their mails follow when it is back', async () => {
    const customerId = randomUUID();
    {
      await using _away = await stopPart('nats');
      const answers = await Promise.all([1, 2, 3].map(() => platform.orders.createOrder(orderRequest({ customerId }))));

      expect(answers.map(({ outcome }) => outcome)).toEqual(Array(3).fill(Outcome.CONFIRMED));
      expect(await platform.mails(customerId)).toEqual([]);
    }

    await expect.poll(() => platform.mails(customerId), PATIENCE).toHaveLength(3);
  });

  it('a service stays SERVING, reports the broker as down, and keeps its events', async () => {
    {
      await using _away = await stopPart('nats');
      await platform.orders.createOrder(orderRequest());

      await expect.poll(() => healthOf('order', 'broker'), PATIENCE).toBe(ServingStatus.NOT_SERVING);
      expect(await healthOf('order')).toBe(ServingStatus.SERVING);
      const status = await statusOf('order');
      expect(status).toMatchObject({ databaseUp: true, broker: { connected: false } });
      // OrderCreated and OrderConfirmed at least.
      expect(status?.outbox?.unsent).toBeGreaterThanOrEqual(2n);
    }

    await expect
      .poll(() => statusOf('order'), PATIENCE)
      .toMatchObject({ broker: { connected: true }, outbox: { unsent: 0n } });
  });
});

describe('while Postgres is down', () => {
  it('CreateOrder is unavailable with RetryInfo and health is NOT_SERVING; the same key then makes one order', async () => {
    const productId = await addProduct(platform);
    const request = orderRequest({ items: [{ productId, quantity: 1 }] });
    {
      await using _away = await stopPart('postgres');
      const failure = await failureOf(platform.orders.createOrder(request));

      expect(failure.code).toBe(Code.Unavailable);
      expect(failure.retryAfterMs).toBeGreaterThan(0);
      await expect.poll(() => healthOf('order'), PATIENCE).toBe(ServingStatus.NOT_SERVING);
      expect(await statusOf('order')).toMatchObject({ databaseUp: false });
    }

    const first = await place(request);
    await awaitOrder(platform, first.order?.orderId);
    const again = await place(request);

    expect(again.order?.orderId).toBe(first.order?.orderId);
    await expectSoldOnce(productId, 1);
    await expect.poll(() => healthOf('order'), PATIENCE).toBe(ServingStatus.SERVING);
  });

  it('and killed with orders in flight: each key returns its order, and no stock is confirmed twice', async () => {
    const productId = await addProduct(platform, { onHand: BURST });
    const request = () => orderRequest({ items: [{ productId, quantity: 1 }] });
    const requests = Array.from({ length: BURST }, request);
    const firstTries = requests.map((each) => platform.orders.createOrder(each));
    const settled = Promise.allSettled(firstTries);

    await Promise.any(firstTries);
    await platform.stack.kill('postgres');

    const told = (await settled).map((result) => (result.status === 'fulfilled' ? result.value.order?.orderId : ''));
    await platform.stack.waitUntilHealthy('postgres');
    const answers = await Promise.all(requests.map(place));
    const orderIds = answers.map(({ order }) => order?.orderId ?? '');
    await Promise.all(orderIds.map((orderId) => awaitOrder(platform, orderId)));
    // A key that was answered before returns the same order now.
    expect(orderIds.filter((orderId, index) => told[index] !== '' && told[index] !== orderId)).toEqual([]);
    await expectSoldOnce(productId, BURST);
  });
});

describe('while the mailbox is down', () => {
  it('an order is CONFIRMED and its mail PENDING; the mail arrives later with one Message-ID', async () => {
    const customerId = randomUUID();
    const told = async () => (await platform.notifications.listNotifications({ customerId })).notifications;
    {
      await using _away = await stopPart('mailbox');
      const { outcome } = await platform.orders.createOrder(orderRequest({ customerId }));

      expect(outcome).toBe(Outcome.CONFIRMED);
      await expect.poll(told, PATIENCE).toMatchObject([{ status: NotificationStatus.PENDING }]);
    }

    await expect.poll(told, PATIENCE).toMatchObject([{ status: NotificationStatus.SENT }]);
    const [notification] = await told();
    const mails = await platform.mails(customerId);
    expect(new Set(mails.map((mail) => mail.message_id))).toEqual(new Set([notification?.messageId]));
  });
});

describe('two clients', () => {
  it('with the same key at the same time get one order, which is charged once', async () => {
    const request = orderRequest();
    const baseUrl = platform.stack.url('order');
    const clients = (['1.1', '2'] as const).map((httpVersion) =>
      createClient(OrderService, createConnectTransport({ baseUrl, httpVersion })),
    );

    const answers = await Promise.all(clients.flatMap((client) => [1, 2, 3].map(() => client.createOrder(request))));

    const orderIds = new Set(answers.map(({ order }) => order?.orderId));
    expect(orderIds.size).toBe(1);
    const [orderId] = orderIds;
    await awaitOrder(platform, orderId);
    await expectChargedOnce(orderId ?? '');
  });

  it('watching an order get an error when the order service stops, and the final status from its successor', async () => {
    const customerId = randomUUID();
    const answer = place(orderRequest({ customerId, paymentMethod: 'pm_slow' }));
    const orderId = await vi.waitFor(async () => {
      const [found] = (await platform.orders.listOrders({ customerId })).orders;
      if (found === undefined) throw new Error('the order is not stored yet');
      return found.orderId;
    }, PATIENCE);
    let updates = 0;
    const watch = async () => {
      let last: OrderStatus = OrderStatus.UNSPECIFIED;
      for await (const { order } of platform.orders.watchOrder({ orderId })) {
        updates += 1;
        last = order?.status ?? last;
      }
      return last;
    };
    const failures = [watch(), watch()].map(failureOf);
    // Both watches have started: one that had not would be refused by a closed port instead.
    await expect.poll(() => updates).toBeGreaterThanOrEqual(2);
    await using away = await stopPart('order');

    expect((await Promise.all(failures)).map(({ code }) => code)).toEqual([Code.Unavailable, Code.Unavailable]);
    await away.restore();
    expect(await vi.waitFor(watch, PATIENCE)).toBe(OrderStatus.CONFIRMED);
    expect((await answer).order?.orderId).toBe(orderId);
  });
});

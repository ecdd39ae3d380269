// GetOrder, ListOrders and WatchOrder: what they answer, and what they refuse.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import {
  GetOrderRequestSchema,
  ListOrdersRequestSchema,
  WatchOrderRequestSchema,
} from '#gen/shop/order/v1/order_service_pb.ts';
import { getOrder } from '#services/order/get-order.ts';
import { listOrders, readPage } from '#services/order/list-orders.ts';
import type { Order } from '#services/order/order.ts';
import { createOrderChanges } from '#services/order/order-changes.ts';
import type { OrderFilter } from '#services/order/order-store.ts';
import { watchOrder } from '#services/order/watch-order.ts';
import { GUEST } from '#services/platform/identity/caller.ts';
import type { Page } from '#services/platform/storage/page.ts';
import { pageTokenOf } from '../../support/page-token.ts';
import { testCall } from '../../support/services/call.ts';
import { createFakeOrderStore } from '../../support/services/fake-order-store.ts';
import {
  blockedOrder,
  cancelledOrder,
  confirmedOrder,
  confirmingOrder,
  failedOrder,
  failureOf,
  faultsOf,
  pendingOrder,
} from '../../support/services/order-builders.ts';
import { serve } from '../../support/services/serve.ts';

const get = (orderId: string, ...orders: Order[]) =>
  serve(GetOrderRequestSchema, { orderId }, (request) =>
    getOrder(createFakeOrderStore(...orders), request, testCall()),
  );

describe('GetOrder', () => {
  it('answers the order as it is stored', async () => {
    expect((await get('order-1', blockedOrder())).order).toMatchObject({
      orderId: 'order-1',
      status: OrderStatus.PENDING,
    });
  });

  it('answers not_found for an order that does not exist', async () => {
    expect(await failureOf(get('no-such', pendingOrder()))).toMatchObject({
      kind: 'not_found',
      reason: 'ORDER_NOT_FOUND',
      message: 'there is no order no-such',
    });
  });

  it('refuses an empty id by name', async () => {
    expect(await faultsOf(get(''))).toEqual(['order_id: must not be empty']);
  });

  it('refuses an id of 300 characters by name', async () => {
    expect(await faultsOf(get('o'.repeat(300)))).toEqual(['order_id: must have at most 128 characters, has 300']);
  });
});

/** A store that returns these orders, and records its calls. */
function listingStore(orders: readonly Order[]) {
  const asked: { filter: OrderFilter; page: Page }[] = [];
  return {
    asked,
    list: async (filter: OrderFilter, page: Page) => {
      asked.push({ filter, page });
      return orders.slice(0, page.size + 1);
    },
  };
}

const list = (request: MessageInitShape<typeof ListOrdersRequestSchema>, store = listingStore([])) =>
  serve(
    ListOrdersRequestSchema,
    request,
    (valid) => listOrders(store, valid, testCall({ caller: { kind: 'operator', id: 'op1' } })),
    readPage,
  );

const orders = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ ...blockedOrder(), orderId: `order-${index}` }));

const token = (...keys: string[]) => pageTokenOf(['orders', '', OrderStatus.UNSPECIFIED], ...keys);

describe('ListOrders', () => {
  it('lists 50 orders of every customer and status by default', async () => {
    const store = listingStore([]);
    await list({}, store);
    expect(store.asked).toMatchObject([
      { filter: { customerId: '', status: undefined }, page: { size: 50, after: undefined } },
    ]);
  });

  it('passes customer and status to the store', async () => {
    const store = listingStore([]);
    await list({ customerId: 'cust123', status: OrderStatus.FAILED }, store);
    expect(store.asked[0]?.filter).toEqual({ customerId: 'cust123', status: 'FAILED' });
  });

  it('has no next page when every order fits', async () => {
    const page = await list({ pageSize: 3 }, listingStore(orders(3)));
    expect(page.orders).toHaveLength(3);
    expect(page.nextPageToken).toBe('');
  });

  it('returns a full page and a token for the next one', async () => {
    const page = await list({ pageSize: 3 }, listingStore(orders(4)));
    expect(page.orders.map(({ orderId }) => orderId)).toEqual(['order-0', 'order-1', 'order-2']);
    expect(page.nextPageToken).not.toBe('');
  });

  it('continues after the last order of the previous page', async () => {
    const store = listingStore(orders(4));
    const { nextPageToken } = await list({ pageSize: 3 }, store);
    await list({ pageSize: 3, pageToken: nextPageToken }, store);
    expect(store.asked[1]?.page.after).toEqual(['2026-03-01T12:00:00.000Z', 'order-2']);
  });

  it.each([
    { fault: 'a negative page', request: { pageSize: -1 }, told: 'page_size: must be at least 0, is -1' },
    {
      fault: 'a customer id of 300 characters',
      request: { customerId: 'c'.repeat(300) },
      told: 'customer_id: must have at most 128 characters, has 300',
    },
    {
      fault: 'an unknown status',
      request: { status: 99 as OrderStatus },
      told: 'status: must be a value of shop.order.v1.OrderStatus, is 99',
    },
  ])('refuses $fault by name', async ({ request, told }) => {
    expect(await faultsOf(list(request))).toEqual([told]);
  });

  it.each([
    { kind: 'not base64url of JSON', pageToken: 'page-2' },
    { kind: 'one key too few', pageToken: token('2026-03-01T12:00:00.000Z') },
    { kind: 'a first key that is not a time', pageToken: token('yesterday', 'order-1') },
    { kind: 'a time format the database does not read', pageToken: token('2026', 'order-1') },
    { kind: 'words that JavaScript parses as a time', pageToken: token('order 1', 'order-1') },
    { kind: 'an id that the database cannot store as text', pageToken: token('2026-03-01T12:00:00.000Z', 'a\u0000b') },
  ])('refuses a foreign page token: $kind', async ({ pageToken }) => {
    expect(await faultsOf(list({ pageToken }))).toEqual([
      'page_token: must be the next_page_token of the previous page, unchanged',
    ]);
  });

  it.each([{ customerId: 'cust124' }, { status: OrderStatus.PENDING }])(
    'refuses the token of a page without %o',
    async (filter) => {
      const { nextPageToken } = await list({ pageSize: 3 }, listingStore(orders(4)));
      expect(await faultsOf(list({ ...filter, pageToken: nextPageToken }))).toEqual([
        'page_token: is of another list or of another filter',
      ]);
    },
  );

  it('has 200 orders on a page at most', async () => {
    const store = listingStore([]);
    await list({ pageSize: 1_000 }, store);
    expect(store.asked[0]?.page.size).toBe(200);
  });

  it('reports all faults at once', async () => {
    const request = { pageSize: -500, pageToken: 'x', customerId: 'c'.repeat(300), status: 99 as OrderStatus };
    const { violations } = await failureOf(list(request));
    expect(violations.map(({ field }) => field)).toEqual(['customer_id', 'status', 'page_size', 'page_token']);
  });
});

function watch(
  store: ReturnType<typeof createFakeOrderStore>,
  orderId = 'order-1',
  signal = new AbortController().signal,
) {
  const changes = createOrderChanges(store);
  const stream = watchOrder({ changes }, create(WatchOrderRequestSchema, { orderId }), {
    signal,
    caller: GUEST,
  });
  return {
    stream,
    change: (order: Order) => {
      store.put({ ...order, version: store.current().version + 1 });
      changes.notify(order);
    },
  };
}

describe('WatchOrder', () => {
  it('sends the order immediately', async () => {
    const { stream } = watch(createFakeOrderStore(blockedOrder()));
    expect((await stream.next()).value).toMatchObject({ order: { orderId: 'order-1', status: OrderStatus.PENDING } });
    await stream.return();
  });

  it.each([confirmedOrder(), failedOrder(), cancelledOrder()])(
    'ends after an order with the final status $status',
    async (order) => {
      const { stream } = watch(createFakeOrderStore(order));
      const sent = [];
      for await (const message of stream) sent.push(message);
      expect(sent).toHaveLength(1);
    },
  );

  it('sends each change and ends with the final status', async () => {
    const { stream, change } = watch(createFakeOrderStore(pendingOrder()));
    const statuses: unknown[] = [];
    const next = [blockedOrder(), confirmingOrder(), confirmedOrder()];
    for await (const { order } of stream) {
      statuses.push([order.status, order.timeline?.length]);
      const following = next.shift();
      if (following) change(following);
    }
    expect(statuses).toEqual([
      [OrderStatus.PENDING, 1],
      [OrderStatus.PENDING, 2],
      [OrderStatus.PENDING, 4],
      [OrderStatus.CONFIRMED, 6],
    ]);
  });

  it('fails with the reason of the signal of the caller, so that the end is not taken for a final status', async () => {
    const caller = new AbortController();
    const { stream } = watch(createFakeOrderStore(pendingOrder()), 'order-1', caller.signal);
    await stream.next();
    const next = stream.next();
    caller.abort(new Error('the time is over'));
    await expect(next).rejects.toThrow('the time is over');
  });

  it('fails with the reason of the signal before the order is read, too: the order may exist', async () => {
    const signal = AbortSignal.abort(new Error('the time is over'));
    const { stream } = watch(createFakeOrderStore(pendingOrder()), 'order-1', signal);
    await expect(stream.next()).rejects.toThrow('the time is over');
  });

  it('answers not_found for an order that does not exist', async () => {
    const { stream } = watch(createFakeOrderStore(), 'no-such');
    expect(await failureOf(stream.next())).toMatchObject({ kind: 'not_found', reason: 'ORDER_NOT_FOUND' });
  });

  it('refuses an empty id by name', async () => {
    const call = serve(WatchOrderRequestSchema, {}, () => watch(createFakeOrderStore()).stream.next());
    expect(await faultsOf(call)).toEqual(['order_id: must not be empty']);
  });
});

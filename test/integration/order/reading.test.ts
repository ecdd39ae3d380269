// GetOrder, ListOrders and WatchOrder over the wire.
import { Code, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { describe, expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { openConnection } from '../../support/clients.ts';
import { pageTokenOf } from '../../support/page-token.ts';
import { rpcFailureOf, startOrderFixture } from '../../support/services/order.ts';
import { PATIENT } from './patience.ts';

const { processPayment } = PaymentService.method;

describe('ListOrders', () => {
  it('pages through all orders, newest first, each once', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const placed: string[] = [];
    for (let index = 0; index < 7; index += 1) placed.push((await fixture.place()).order!.orderId);
    const listed: string[] = [];
    let pageToken = '';
    do {
      const page = await fixture.client.listOrders({ pageSize: 3, pageToken });
      expect(page.orders.length).toBeLessThanOrEqual(3);
      listed.push(...page.orders.map(({ orderId }) => orderId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect([...listed].sort()).toEqual([...placed].sort());
    const times = await fixture.sql<{ order_id: string }>(
      'select order_id from orders order by create_time desc, order_id desc',
    );
    expect(listed).toEqual(times.map(({ order_id }) => order_id));
  });

  it('lists no order twice and skips none while new ones arrive', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const before: string[] = [];
    for (let index = 0; index < 4; index += 1) before.push((await fixture.place()).order!.orderId);
    const first = await fixture.client.listOrders({ pageSize: 2 });
    await fixture.place();
    const second = await fixture.client.listOrders({ pageSize: 2, pageToken: first.nextPageToken });
    const listed = [...first.orders, ...second.orders].map(({ orderId }) => orderId);
    expect([...listed].sort()).toEqual([...before].sort());
  });

  it('lists the orders of one customer with one status', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    await fixture.place({ customerId: 'ann' });
    fixture.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    const waiting = await fixture.place({ customerId: 'ann' });
    await fixture.place({ customerId: 'bob' });
    const { orders } = await fixture.client.listOrders({ customerId: 'ann', status: OrderStatus.PENDING });
    expect(orders.map(({ orderId }) => orderId)).toEqual([waiting.order!.orderId]);
  });

  it('goes on with the next page of the same filter only', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    for (const customerId of ['ann', 'ann', 'bob']) await fixture.place({ customerId });
    const { nextPageToken: pageToken } = await fixture.client.listOrders({ customerId: 'ann', pageSize: 1 });
    const next = await fixture.client.listOrders({ customerId: 'ann', pageSize: 1_000, pageToken });
    expect(next).toMatchObject({ orders: [{ customerId: 'ann' }], nextPageToken: '' });
    const error = await rpcFailureOf(fixture.client.listOrders({ customerId: 'bob', pageToken }));
    expect(error.rawMessage).toBe('page_token: is of another list or of another filter');
  });

  it('refuses a foreign page token, by name', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const pageToken = pageTokenOf(['orders', '', OrderStatus.UNSPECIFIED], '2026', 'x');
    const error = await rpcFailureOf(fixture.client.listOrders({ pageToken }));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage).toContain('page_token');
  });
});

describe('WatchOrder', () => {
  it.each(['Connect', 'gRPC'])('streams every step to the end over HTTP/2 with %s', async (protocol) => {
    await using fixture = await startOrderFixture(PATIENT);
    const sessionManager = new Http2SessionManager(fixture.service.url);
    const options = { baseUrl: fixture.service.url, sessionManager };
    const client = createClient(
      OrderService,
      protocol === 'gRPC' ? createGrpcTransport(options) : createConnectTransport({ ...options, httpVersion: '2' }),
    );
    fixture.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    const { order } = await fixture.place();
    const seen: string[] = [];
    for await (const message of client.watchOrder({ orderId: order!.orderId })) {
      if (seen.length === 0) {
        fixture.payment.virtual.stub(processPayment).replies({ charge: { status: 2, transactionId: 'ch-1' } });
      }
      seen.push(`${message.order?.status} ${message.order?.timeline.length}`);
    }
    expect(seen[0]).toMatch(`${OrderStatus.PENDING} `);
    expect(seen.at(-1)).toMatch(`${OrderStatus.CONFIRMED} `);
    expect(new Set(seen).size).toBe(seen.length);
    sessionManager.abort();
  });

  it('sends an order that has ended once', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const { order } = await fixture.place();
    const seen = [];
    for await (const message of fixture.client.watchOrder({ orderId: order!.orderId })) seen.push(message);
    expect(seen).toMatchObject([{ order: { status: OrderStatus.CONFIRMED } }]);
  });

  it('of an order that does not exist fails with ORDER_NOT_FOUND', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const stream = fixture.client.watchOrder({ orderId: 'no-such' })[Symbol.asyncIterator]();
    const error = await rpcFailureOf(stream.next());
    expect(error.code).toBe(Code.NotFound);
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('ORDER_NOT_FOUND');
  });

  it('does not keep the service from stopping', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    fixture.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    const { order } = await fixture.place();
    const stream = fixture.client.watchOrder({ orderId: order!.orderId })[Symbol.asyncIterator]();
    await stream.next();
    const end = rpcFailureOf(
      (async () => {
        for (let next = await stream.next(); next.done !== true; next = await stream.next());
      })(),
    );
    await fixture.service.stop();
    expect((await end).code).toBe(Code.Unavailable);
  });
});

describe('the metrics', () => {
  it('count a confirmed, a failed and a cancelled order as ended, each once', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    await fixture.place();
    fixture.payment.virtual.stub(processPayment).replies({ charge: { status: ChargeStatus.DECLINED } });
    await fixture.place();
    fixture.payment.virtual.stub(processPayment).fails(Code.Unavailable, 'away');
    const { order } = await fixture.place();
    for (const _call of [1, 2]) await fixture.client.cancelOrder({ orderId: order!.orderId });

    const metrics = await (await fetch(`${fixture.service.url}/metrics`)).text();
    const ended = metrics.matchAll(/^orders_ended_total\{.*status="(\w+)".*\} (\d+)$/gm);
    expect([...ended].map(([, status, count]) => `${status} ${count}`).sort()).toEqual([
      'cancelled 1',
      'confirmed 1',
      'failed 1',
    ]);
  });

  it('tells each of 300 watchers of one order how it ends', async () => {
    await using fixture = await startOrderFixture(PATIENT);
    const answer = Promise.withResolvers<void>();
    fixture.payment.virtual.stub(processPayment).replies(async ({ orderId }) => {
      await answer.promise;
      return { charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } };
    });
    const placing = fixture.place();
    await expect.poll(() => fixture.payment.virtual.requests(processPayment)).toHaveLength(1);
    const { orderId } = fixture.payment.virtual.requests(processPayment)[0]!;
    using connections = new DisposableStack();
    const clients = Array.from({ length: 3 }, () =>
      connections.use(openConnection(fixture.service.url)).client(OrderService),
    );
    const begun = Array.from({ length: 300 }, () => Promise.withResolvers<void>());

    const watching = begun.map(async (first, index) => {
      let last: OrderStatus | undefined;
      for await (const { order } of clients[index % 3]!.watchOrder({ orderId })) {
        last = order?.status;
        first.resolve();
      }
      return last;
    });
    await Promise.race([Promise.all(begun.map(({ promise }) => promise)), Promise.all(watching)]);
    answer.resolve();
    await placing;

    expect(new Set(await Promise.all(watching))).toEqual(new Set([OrderStatus.CONFIRMED]));
  });
});

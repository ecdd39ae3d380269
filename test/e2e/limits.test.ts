// Callers that try the limits of the running platform: they get an answer that says so, and customers do not notice.
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { openConnection } from '../support/clients.ts';
import { openSocket } from '../support/echo/start-echo-server.ts';
import { createTokens } from '../support/identity/credentials.ts';
import { addProduct, awaitOrder, orderRequest, type TestStack, useSharedStack } from '../support/stack.ts';

const PROCESSES = ['order', 'inventory', 'payment', 'notification', 'analytics', 'provider', 'mailbox'] as const;

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('steady');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

const tokens = () => createTokens(platform.stack.identitySeed());

/** Places an order and returns its final status. */
async function buy(): Promise<OrderStatus> {
  const productId = await addProduct(platform, { onHand: 1 });
  const { order } = await platform.orders.createOrder(orderRequest({ items: [{ productId, quantity: 1 }] }));
  return (await awaitOrder(platform, order?.orderId)).status;
}

/** Sends a request and returns its status and body. */
async function request(url: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  const [response] = (await once(get(url, { headers, agent: false }), 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}

describe.each(PROCESSES)('%s', (name) => {
  const pathOf = () => (name === 'provider' || name === 'mailbox' ? '/healthz' : '/metrics');

  it('answers no page that made its name point to it, nor a script of a page elsewhere', async () => {
    const url = `${platform.stack.url(name)}${pathOf()}`;

    expect(await request(url, { host: 'rebound.example' })).toMatchObject({ status: 403 });
    expect(await request(url, { origin: 'https://evil.example' })).toMatchObject({ status: 403 });
    expect(await request(url, { host: 'localhost' })).toMatchObject({ status: 200 });
  });
});

it('orders are confirmed while a caller holds back as many bodies as it can', async () => {
  const session = connect(platform.stack.url('order'), { maxSessionMemory: 1_000 });
  using _session = { [Symbol.dispose]: () => session.destroy() };
  session.on('error', () => undefined);
  const outcomes: number[] = [];
  for (let body = 0; body < 100; body += 1) {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/${OrderService.typeName}/CreateOrder`,
      'content-type': 'application/json',
      'content-length': '1000000',
    });
    stream.on('response', (headers) => outcomes.push(headers[':status'] ?? 0)).on('error', () => undefined);
    stream.write(Buffer.alloc(500_000, 0x20));
  }
  await expect.poll(() => outcomes.length).toBeGreaterThan(20);

  expect(await buy()).toBe(OrderStatus.CONFIRMED);
  // 504 is what the rest of them get when they have been held back for long enough.
  expect(outcomes.filter((status) => status !== 429 && status !== 504)).toEqual([]);
});

it('orders are confirmed while operators and scrapes flood every service', async () => {
  using connections = new DisposableStack();
  const services = PROCESSES.slice(0, 5).map((name) => platform.stack.url(name));
  const flood = services.flatMap((url) => {
    const ops = connections.use(openConnection(url, tokens())).client(OpsService);
    const status = Array.from({ length: 64 }, async () => (await ops.getStatus({})).status?.databaseUp);
    const scrapes = Array.from({ length: 16 }, async () => (await fetch(`${url}/metrics`)).ok);
    return [...status, ...scrapes];
  });

  expect(await buy()).toBe(OrderStatus.CONFIRMED);
  expect(new Set(await Promise.all(flood))).toEqual(new Set([true]));
});

it('two hundred watchers of one order see its end', async () => {
  const productId = await addProduct(platform, { onHand: 1 });
  const items = [{ productId, quantity: 1 }];
  const { order } = await platform.orders.createOrder(orderRequest({ items }));
  using connections = new DisposableStack();
  const clients = [1, 2].map(() =>
    connections.use(openConnection(platform.stack.url('order'), tokens())).client(OrderService),
  );

  const watching = Array.from({ length: 200 }, async (_, index) => {
    let last: OrderStatus | undefined;
    for await (const { order: now } of clients[index % 2]!.watchOrder({ orderId: order!.orderId })) last = now?.status;
    return last;
  });

  expect(new Set(await Promise.all(watching))).toEqual(new Set([OrderStatus.CONFIRMED]));
});

it('headers beyond the limit are told it by every service, and one within it is served', async () => {
  const headers = (bytes: number) => ({ 'x-long': 'y'.repeat(bytes) });
  for (const name of PROCESSES.slice(0, 5)) {
    const url = `${platform.stack.url(name)}/metrics`;

    expect(await request(url, headers(17 * 1024))).toMatchObject({ status: 200 });
    expect(await request(url, headers(40 * 1024))).toMatchObject({
      status: 431,
      body: expect.stringContaining('at most 32768 are accepted'),
    });
  }
});

it('a body that stalls is answered at the deadline of its caller', async () => {
  const socket = await openSocket(Number(new URL(platform.stack.url('order')).port));
  using _socket = { [Symbol.dispose]: () => socket.destroy() };

  socket.write(
    `POST /${OrderService.typeName}/CreateOrder HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`,
  );
  socket.write('content-length: 1000\r\nconnect-timeout-ms: 300\r\n\r\n{"customerId":');
  const [answer] = await once(socket, 'data');

  expect(String(answer)).toMatch(/^HTTP.1.1 504 .*"deadline_exceeded"/s);
});

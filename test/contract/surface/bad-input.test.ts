// Bad input to a running platform: the right code, every violation at once as google.rpc details, nothing stored, and the same process
// serves the next caller.
import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { NotificationService } from '#gen/shop/notification/v1/notification_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { allowedHeaders, createTokens } from '../../support/identity/credentials.ts';
import { callUnary, connectByReflection } from '../../support/reflection-client.ts';
import {
  addProduct,
  awaitOrder,
  failureOf,
  type OrderRequest,
  orderRequest,
  type TestStack,
  useSharedStack,
} from '../../support/stack.ts';

const CREATE_ORDER = 'shop.order.v1.OrderService/CreateOrder';
const TEN_MEGABYTES = 10 * 1024 * 1024;
const LONG_ID = 'x'.repeat(300);

let platform: TestStack;
let processes: (number | undefined)[];

const listProcesses = async () => (await platform.stack.rows()).map(({ pid }) => pid);

beforeAll(async () => {
  platform = await useSharedStack('steady');
  processes = await listProcesses();
});
afterAll(() => platform?.[Symbol.asyncDispose]());

afterEach(async () => {
  const { order } = await platform.orders.createOrder(orderRequest({ items: [{ productId: 'prod107', quantity: 1 }] }));
  await awaitOrder(platform, order?.orderId);
  expect(await listProcesses()).toEqual(processes);
});

/** Places an order that is valid except for `overrides`, and returns the error of a gRPC client. */
function refusalOf(overrides: Partial<OrderRequest>) {
  const transport = createGrpcTransport({ baseUrl: platform.stack.url('order') });
  return failureOf(createClient(OrderService, transport).createOrder(orderRequest(overrides)));
}

/** The expected error: bad input with exactly these violations. */
const badRequest = (...violations: string[]) => ({
  code: Code.InvalidArgument,
  reason: 'INVALID_REQUEST',
  violations,
  retryAfterMs: undefined,
});

/** Posts a raw body and returns the HTTP status and the Connect code. */
async function post(
  body: string | Uint8Array<ArrayBuffer>,
  { path = CREATE_ORDER, headers = {} }: { path?: string; headers?: Record<string, string> } = {},
) {
  const tokens = createTokens(platform.stack.identitySeed());
  const response = await fetch(`${platform.stack.url('order')}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(await allowedHeaders(path, tokens)), ...headers },
    body,
  });
  const text = await response.text();
  const { code = '' } = text.startsWith('{') ? (JSON.parse(text) as { code?: string }) : {};
  return { status: response.status, code };
}

describe('an order', () => {
  it('without items is refused for its items', async () => {
    expect(await refusalOf({ items: [] })).toMatchObject(badRequest('items: must not be empty'));
  });

  it.each([
    [0, 'must be at least 1, is 0'],
    [-1, 'must be at least 1, is -1'],
    [-2_147_483_648, 'must be at least 1, is -2147483648'],
    [10_001, 'must be at most 10000, is 10001'],
    [2_147_483_647, 'must be at most 10000, is 2147483647'],
  ])('for %i of a product is refused for the quantity', async (quantity, description) => {
    const items = [{ productId: '12345', quantity }];

    expect(await refusalOf({ items })).toMatchObject(badRequest(`items[0].quantity: ${description}`));
  });

  it('of 1,000 items is refused with one violation, not a thousand', async () => {
    const items = Array.from({ length: 1_000 }, (_, index) => ({ productId: `product-${index}`, quantity: 1 }));

    expect(await refusalOf({ items })).toMatchObject(badRequest('items: must have at most 100 entries, has 1000'));
  });

  it('of unknown products is refused for each of them, not for the known one', async () => {
    const items = ['no-lamp', '12345', 'no-mug'].map((productId) => ({ productId, quantity: 1 }));

    expect(await refusalOf({ items })).toMatchObject(
      badRequest(
        'items[0].product_id: is not a product of the shop',
        'items[2].product_id: is not a product of the shop',
      ),
    );
  });

  it('with empty ids is refused for each of them, including the missing key', async () => {
    const items = [{ productId: '', quantity: 1 }];

    expect(await refusalOf({ idempotencyKey: '', customerId: '', items })).toMatchObject(
      badRequest(
        'idempotency_key: must not be empty',
        'customer_id: must not be empty',
        'items[0].product_id: must not be empty',
      ),
    );
  });

  it('with ids of 300 characters is refused for each of them', async () => {
    const items = [{ productId: LONG_ID, quantity: 1 }];
    const description = 'must have at most 128 characters, has 300';

    expect(await refusalOf({ idempotencyKey: LONG_ID, customerId: LONG_ID, items })).toMatchObject(
      badRequest(
        `idempotency_key: ${description}`,
        `customer_id: ${description}`,
        `items[0].product_id: ${description}`,
      ),
    );
  });

  it('with a zero byte or a line break in an id is refused before it reaches the database', async () => {
    const refusal = await refusalOf({ idempotencyKey: `a\0b${randomUUID()}`, customerId: 'cust\r\n123' });

    const description = 'must not contain control characters';
    expect(refusal).toMatchObject(badRequest(`idempotency_key: ${description}`, `customer_id: ${description}`));
  });

  it('of the same product twice is refused with the index of the first', async () => {
    const items = ['prod101', '12345', 'prod101'].map((productId) => ({ productId, quantity: 1 }));

    expect(await refusalOf({ items })).toMatchObject(
      badRequest('items[2].product_id: is the same product as items[0]'),
    );
  });

  it('with an unknown payment method is refused without echoing it', async () => {
    const refusal = await refusalOf({ paymentMethod: 'pm_of_another_customer' });

    expect(refusal).toMatchObject(badRequest('payment_method: is not a payment method of the shop'));
    expect(refusal.message).not.toContain('another_customer');
    expect((await platform.readOutput()).join('\n')).not.toContain('another_customer');
  });

  it('with a payment method that is not a token of the provider is refused', async () => {
    expect(await refusalOf({ paymentMethod: '4111111111111111' })).toMatchObject(
      badRequest('payment_method: must be a token of the payment provider, like pm_approved'),
    );
  });

  it('of products in two currencies is refused for the one that differs', async () => {
    const inDollars = await addProduct(platform, { currencyCode: 'USD' });
    const items = ['12345', inDollars].map((productId) => ({ productId, quantity: 1 }));

    expect(await refusalOf({ items })).toMatchObject(badRequest('items[1].product_id: is sold in USD, others in EUR'));
  });

  it('with several violations is refused with all of them at once', async () => {
    const items = [
      { productId: '', quantity: 0 },
      { productId: LONG_ID, quantity: 10_001 },
    ];

    const refusal = await refusalOf({ idempotencyKey: '', customerId: LONG_ID, items, paymentMethod: '' });

    expect(refusal.violations.map((violation) => violation.split(':')[0])).toEqual([
      'idempotency_key',
      'customer_id',
      'items[0].product_id',
      'items[0].quantity',
      'items[1].product_id',
      'items[1].quantity',
      'payment_method',
    ]);
  });

  it('that was refused leaves its key free for a valid one, and stores nothing', async () => {
    const request = orderRequest({ customerId: randomUUID() });
    await refusalOf({ ...request, items: [] });

    const { order } = await platform.orders.createOrder(request);
    await awaitOrder(platform, order?.orderId);

    const { orders } = await platform.orders.listOrders({ customerId: request.customerId });
    expect(orders.map(({ orderId }) => orderId)).toEqual([order?.orderId]);
  });
});

describe('a request', () => {
  it.each([
    ['that ends too early', '{"idempotencyKey": "k'],
    ['of another shape', '[]'],
    ['with a text for a number', '{"items":[{"quantity":"many"}]}'],
    ['with one and a half of a product', '{"items":[{"quantity":1.5}]}'],
    ['with more than 32 bits hold', '{"items":[{"quantity":99999999999}]}'],
  ])('in JSON %s is invalid_argument', async (_, body) => {
    expect(await post(body)).toEqual({ status: 400, code: 'invalid_argument' });
  });

  it.each([
    ['cut off', [0x0a, 0x10, 0x41]],
    ['with a length beyond its end', [0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['with text that is no UTF-8', [0x0a, 0x02, 0xc3, 0x28]],
  ])('in protobuf %s is invalid_argument', async (_, bytes) => {
    const headers = { 'content-type': 'application/proto' };

    expect(await post(new Uint8Array(bytes), { headers })).toEqual({ status: 400, code: 'invalid_argument' });
  });

  it('with a field unknown to this version is accepted', async () => {
    const body = { ...orderRequest(), giftWrap: true, items: [{ productId: '12345', quantity: 1, colour: 'red' }] };

    expect(await post(JSON.stringify(body))).toEqual({ status: 200, code: '' });
  });

  it('of 10 MB is resource_exhausted over Connect and gRPC', async () => {
    const customerId = 'x'.repeat(TEN_MEGABYTES);

    expect(await post(JSON.stringify({ customerId }))).toEqual({ status: 429, code: 'resource_exhausted' });
    // A raw peer that reads the response while it still sends: Node's own client would abort the call.
    const client = await connectByReflection(new URL(platform.stack.url('order')).host, OrderService.typeName);
    try {
      const call = callUnary(client, 'createOrder', { customer_id: customerId });
      await expect(call).rejects.toMatchObject({ code: Code.ResourceExhausted });
    } finally {
      client.close();
    }
  });

  it.each([
    ['an unknown RPC', 'shop.order.v1.OrderService/DestroyOrder'],
    ['an unknown service', 'shop.refund.v1.RefundService/GetRefund'],
    ['the service of another port', 'shop.inventory.v1.InventoryService/GetProduct'],
  ])('for %s is unimplemented, in JSON and in gRPC', async (_, path) => {
    const response = await fetch(`${platform.stack.url('order')}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc-web+proto' },
      body: new Uint8Array(5),
    });

    expect(await post('{}', { path })).toEqual({ status: 404, code: 'unimplemented' });
    expect(await response.text()).toContain('grpc-status: 12');
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])(
    'of the content type %s is 415',
    async (contentType) => {
      expect(await post('idempotency_key=k', { headers: { 'content-type': contentType } })).toMatchObject({
        status: 415,
      });
    },
  );

  it.each(['GET', 'PUT', 'DELETE'])('to create an order by %s is 405', async (method) => {
    const headers = { 'content-type': 'application/json' };

    const response = await fetch(`${platform.stack.url('order')}/${CREATE_ORDER}`, { method, headers });

    expect(response.status).toBe(405);
  });

  it('with a deadline that is not a number is invalid_argument', async () => {
    const headers = { 'connect-protocol-version': '1', 'connect-timeout-ms': 'soon' };

    expect(await post('{}', { headers })).toEqual({ status: 400, code: 'invalid_argument' });
  });

  it('with an unknown compression is unimplemented, broken gzip invalid', async () => {
    expect(await post('{}', { headers: { 'content-encoding': 'zip' } })).toEqual({
      status: 501,
      code: 'unimplemented',
    });
    expect((await post('no gzip', { headers: { 'content-encoding': 'gzip' } })).status).toBe(400);
  });

  it('whose client disconnects during the body places no order', async () => {
    const customerId = randomUUID();
    const body = JSON.stringify(orderRequest({ customerId }));
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const { hostname, port } = new URL(platform.stack.url('order'));
    const gone = Promise.withResolvers<void>();

    const call = httpRequest({ hostname, port, path: `/${CREATE_ORDER}`, method: 'POST', headers });
    call.on('error', () => gone.resolve());
    call.write(body.slice(0, -1), () => call.destroy(new Error('hung up')));
    await gone.promise;

    expect((await platform.orders.listOrders({ customerId })).orders).toEqual([]);
  });

  it('that is not HTTP is disconnected', async () => {
    const { hostname, port } = new URL(platform.stack.url('order'));
    const socket = connect(Number(port), hostname);
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.on('error', () => socket.destroy());

    socket.write('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello over TLS\r\n\r\n');
    socket.resume();

    await closed;
  });

  it('that is invalid is not logged as an error of the service', async () => {
    const earlier = (await platform.readOutput()).length;
    const printed = async () => (await platform.readOutput()).slice(earlier);
    await refusalOf({ items: [] });
    await post('{"idempotencyKey": "k');
    await post(new Uint8Array([0x0a, 0x10]), { headers: { 'content-type': 'application/proto' } });
    const refused = (line: string) =>
      line.startsWith('order ') && line.includes('"rpc.status_code":"invalid_argument"');
    await expect.poll(async () => (await printed()).some(refused)).toBe(true);

    const faults = (await printed()).filter((line) => /"level":"(error|fatal)"/.test(line));

    expect(faults).toEqual([]);
  });
});

describe('the violations of a request', () => {
  const unpriced = { name: '', unitPrice: { currencyCode: 'euro', minorUnits: -1n }, initialOnHand: -1 };

  it.each<[ServiceName, string, () => Promise<unknown>, string[]]>([
    [
      'inventory',
      'UpsertProduct',
      () => platform.client('inventory', InventoryService).upsertProduct({ productId: LONG_ID, ...unpriced }),
      ['product_id', 'name', 'unit_price.currency_code', 'unit_price.minor_units', 'initial_on_hand'],
    ],
    [
      'inventory',
      'ReserveStock',
      () => platform.client('inventory', InventoryService).reserveStock({ lines: [{ quantity: 0 }] }),
      ['order_id', 'lines[0].product_id', 'lines[0].quantity'],
    ],
    [
      'payment',
      'ProcessPayment',
      () => platform.client('payment', PaymentService).processPayment({ amount: { currencyCode: 'EUR' } }),
      ['order_id', 'idempotency_key', 'customer_id', 'amount.minor_units', 'payment_method'],
    ],
    [
      'notification',
      'ListNotifications',
      () =>
        platform.client('notification', NotificationService).listNotifications({
          customerId: LONG_ID,
          orderId: LONG_ID,
          pageSize: -1,
          pageToken: 'not-mine',
        }),
      ['customer_id', 'order_id', 'page_size', 'page_token'],
    ],
    [
      'order',
      'ListOrders',
      () =>
        platform.orders.listOrders({ customerId: LONG_ID, status: 99 as never, pageSize: -1, pageToken: 'not-mine' }),
      ['customer_id', 'status', 'page_size', 'page_token'],
    ],
  ])('%s tells in full: %s', async (_, __, call, fields) => {
    const { code, violations } = await failureOf(call());

    expect(code).toBe(Code.InvalidArgument);
    expect(violations.map((violation) => violation.split(':')[0])).toEqual(fields);
  });

  it('include a page token of another list', async () => {
    const { nextPageToken } = await platform.inventory.listProducts({ pageSize: 1 });

    const { violations } = await failureOf(platform.orders.listOrders({ pageToken: nextPageToken }));

    expect(violations).toEqual(['page_token: must be the next_page_token of the previous page, unchanged']);
  });
});

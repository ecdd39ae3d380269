// Invalid input over the wire: each gets the right code and message, and the service goes on serving.
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OrderService, CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { callForTrailers } from '../../support/grpc-trailers.ts';
import { allowedHeaders } from '../../support/identity/credentials.ts';
import { clientBy, PROTOCOLS } from '../../support/raw-call.ts';
import { type OrderFixture, rpcFailureOf, startOrderFixture, validRequest } from '../../support/services/order.ts';

/** Of all tests that leave the answers of the dependencies as they are: whatever one of them sent, the next is served. */
let fixture: OrderFixture;
beforeAll(async () => {
  fixture = await startOrderFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** Posts a body to an RPC of the order service; resolves with HTTP status and Connect's code. */
async function post(body: string | Uint8Array<ArrayBuffer>, contentType: string, rpc = 'CreateOrder') {
  const path = `shop.order.v1.OrderService/${rpc}`;
  const response = await fetch(`${fixture.service.url}/${path}`, {
    method: 'POST',
    headers: { 'content-type': contentType, ...(await allowedHeaders(path)) },
    body,
  });
  const text = await response.text();
  return { status: response.status, code: text.startsWith('{') ? (JSON.parse(text) as { code?: string }).code : text };
}

async function expectToServe(): Promise<void> {
  expect((await fixture.place()).outcome).toBe(Outcome.CONFIRMED);
}

it.each([
  { input: 'JSON that ends too early', body: '{"idempotencyKey": "k', type: 'application/json' },
  { input: 'JSON of another shape', body: '[]', type: 'application/json' },
  { input: 'a text where a number belongs', body: '{"items":[{"quantity":"many"}]}', type: 'application/json' },
  { input: 'a quantity beyond 32 bits', body: '{"items":[{"quantity":99999999999}]}', type: 'application/json' },
  { input: 'a quantity of one and a half', body: '{"items":[{"quantity":1.5}]}', type: 'application/json' },
  {
    input: 'bytes that are no protobuf',
    body: new Uint8Array([0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]),
    type: 'application/proto',
  },
  { input: 'protobuf cut off', body: new Uint8Array([0x0a, 0x10, 0x41]), type: 'application/proto' },
])('$input is invalid_argument', async ({ body, type }) => {
  expect(await post(body, type)).toEqual({ status: 400, code: 'invalid_argument' });
  await expectToServe();
});

it('a body of 10 MB is resource_exhausted', async () => {
  const body = JSON.stringify({ customerId: 'x'.repeat(10 * 1024 * 1024) });
  expect(await post(body, 'application/json')).toEqual({ status: 429, code: 'resource_exhausted' });
  await expectToServe();
});

it('an unknown RPC is unimplemented', async () => {
  expect(await post('{}', 'application/json', 'DestroyOrder')).toMatchObject({
    status: 404,
    code: 'unimplemented',
  });
  await expectToServe();
});

it('an unknown content type is refused', async () => {
  expect((await post('<order/>', 'application/xml')).status).toBe(415);
  await expectToServe();
});

it('all faults of an order are reported at once, as BadRequest with the paths of the fields', async () => {
  const items = [
    { productId: '', quantity: 0 },
    { productId: 'x'.repeat(300), quantity: 10_001 },
    { productId: '12345', quantity: 1 },
    { productId: '12345', quantity: -1 },
  ];
  const error = await rpcFailureOf(fixture.client.createOrder({ items, paymentMethod: 'cash' }));
  expect(error.code).toBe(Code.InvalidArgument);
  expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: 'INVALID_REQUEST', domain: 'shop' });
  expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field }) => field)).toEqual([
    'idempotency_key',
    'customer_id',
    'items[0].product_id',
    'items[0].quantity',
    'items[1].product_id',
    'items[1].quantity',
    'items[3].quantity',
    'payment_method',
    'items[3].product_id',
  ]);
  await expectToServe();
});

it('an unknown product is named', async () => {
  const error = await rpcFailureOf(fixture.place({ items: [{ productId: 'no-such', quantity: 1 }] }));
  expect(error.code).toBe(Code.InvalidArgument);
  expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([
    { field: 'items[0].product_id', description: 'is not a product of the shop' },
  ]);
});

it('1,000 items are refused with one violation', async () => {
  const items = Array.from({ length: 1_000 }, (_, index) => ({ productId: `p${index}`, quantity: 1 }));
  const error = await rpcFailureOf(fixture.place({ items }));
  expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([{ field: 'items' }]);
  await expectToServe();
});

it.each([
  { input: '100 items with two faults each', productId: 'x'.repeat(129), quantity: 2_147_483_647, violations: 200 },
  { input: '100 unknown products', productId: 'unknown', quantity: 1, violations: 100 },
])('$input are refused in trailers that every gRPC client accepts', async ({ productId, quantity, violations }) => {
  const items = Array.from({ length: 100 }, (_, index) => ({ productId: `${productId}${index}`, quantity }));
  const request = { idempotencyKey: 'key', customerId: 'cust123', paymentMethod: 'pm_approved', items };

  const { bytes, trailers } = await callForTrailers(fixture.service.url, OrderService.method.createOrder, request);
  const error = await rpcFailureOf(fixture.client.createOrder(request));

  expect(trailers['grpc-status']).toBe(String(Code.InvalidArgument));
  expect(bytes).toBeLessThan(8_192);
  expect(trailers['grpc-message']).toBe(error.rawMessage);
  expect(error.rawMessage).toMatch(/^items\[0\]\.product_id: .*; and \d+ more$/);
  const listed = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  expect(listed.length).toBeGreaterThan(20);
  const omitted = Number(error.findDetails(ErrorInfoSchema)[0]?.metadata.omitted_violations);
  expect(listed.length + omitted).toBe(violations);
});

it('a synthetic order of a caller without the credential is permission_denied', async () => {
  const error = await rpcFailureOf(
    fixture.place({ synthetic: true, items: [{ productId: 'test-product', quantity: 1 }] }),
  );
  expect(error.code).toBe(Code.PermissionDenied);
  expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('SYNTHETIC_NOT_ALLOWED');
});

it('an unknown order is not_found in every RPC', async () => {
  const orderId = "'; drop table orders; --";
  const errors = await Promise.all([
    rpcFailureOf(fixture.client.getOrder({ orderId })),
    rpcFailureOf(fixture.client.cancelOrder({ orderId })),
    rpcFailureOf(fixture.client.refundOrder({ orderId })),
  ]);
  expect(errors.map(({ code }) => code)).toEqual([Code.NotFound, Code.NotFound, Code.NotFound]);
  await expectToServe();
});

it.each(PROTOCOLS)('by %s, an order that is not confirmed is not refunded: ORDER_NOT_REFUNDABLE', async (protocol) => {
  await using fixture = await startOrderFixture();
  const client = clientBy(protocol, fixture.service.url, OrderService);
  fixture.payment.virtual.stub(PaymentService.method.processPayment).fails(Code.ResourceExhausted, 'too many calls');
  const { order } = await fixture.place();

  const pending = await rpcFailureOf(client.refundOrder({ orderId: order?.orderId ?? '' }));
  await client.cancelOrder({ orderId: order?.orderId ?? '' });
  const cancelled = await rpcFailureOf(client.refundOrder({ orderId: order?.orderId ?? '' }));
  const unreadable = await rpcFailureOf(client.refundOrder({ orderId: 'order\u0000' }));

  for (const error of [pending, cancelled]) {
    expect(error.code).toBe(Code.FailedPrecondition);
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('ORDER_NOT_REFUNDABLE');
  }
  expect(unreadable.code).toBe(Code.InvalidArgument);
  expect(unreadable.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([{ field: 'order_id' }]);
});

it.each(PROTOCOLS)(
  'by %s, texts are counted in characters, and ids that only look alike are refused',
  async (protocol) => {
    const client = clientBy(protocol, fixture.service.url, OrderService);
    const place = (customerId: string) => client.createOrder(validRequest({ customerId }));

    expect((await place('🎁'.repeat(128))).outcome).toBe(Outcome.CONFIRMED);
    for (const customerId of ['🎁'.repeat(129), 'cust\u200b123', 'cust\u202e321', ' cust123']) {
      const error = await rpcFailureOf(place(customerId));
      expect(error.code).toBe(Code.InvalidArgument);
      expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([{ field: 'customer_id' }]);
    }
  },
);

it.each(PROTOCOLS)('by %s, a page of 1,000 has 200 orders, and its token is of its filter', async (protocol) => {
  await using fixture = await startOrderFixture();
  const client = clientBy(protocol, fixture.service.url, OrderService);
  await fixture.sql(`insert into orders (order_id, customer_id, items, payment_method, currency_code, total_minor, pricing_version,
      status, verdict, synthetic, timeline, version, create_time, update_time, lease_until)
    select 'order-' || number, 'cust123', '[]', '', 'EUR', 1, 'v1', 'CANCELLED', 'CANCEL', false, '[]', 1, '2026-03-01', '2026-03-01', now()
    from generate_series(1, 201) as number`);

  const { orders, nextPageToken: pageToken } = await client.listOrders({ customerId: 'cust123', pageSize: 1_000 });
  const other = await rpcFailureOf(client.listOrders({ customerId: 'cust124', pageToken }));

  expect(orders).toHaveLength(200);
  expect((await client.listOrders({ customerId: 'cust123', pageToken })).orders).toHaveLength(1);
  expect(other.code).toBe(Code.InvalidArgument);
});

// What a running service makes of requests that try its limits: what callers see is part of its contract.
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { Code } from '@connectrpc/connect';
import { credentials, Client as GrpcClient, Metadata, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { openConnection, refusalOf } from '../../support/clients.ts';
import { openSocket } from '../../support/echo/start-echo-server.ts';
import { headersOf } from '../../support/identity/credentials.ts';
import { type OrderFixture, startOrderFixture } from '../../support/services/order.ts';

const PATH = `/${OrderService.typeName}`;
const MAX_STREAM_AGE_MS = '1000';

let fixture: OrderFixture;

beforeAll(async () => {
  fixture = await startOrderFixture({ MAX_STREAM_AGE_MS, ALLOWED_HOSTS: 'order.internal', OPS_CALLS_PER_SECOND: '5' });
});
afterAll(() => fixture?.[Symbol.asyncDispose]());

/** Calls an RPC with JSON over HTTP/1.1, with exactly these headers and bytes; returns the whole answer. */
async function call(rpc: string, headers: Record<string, string>, body: Uint8Array): Promise<string> {
  const socket = await openSocket(Number(new URL(fixture.service.url).port));
  const credentials = await headersOf('operator', 'op1');
  const all = {
    host: 'localhost',
    connection: 'close',
    'content-type': 'application/json',
    ...credentials,
    ...headers,
  };
  const lines = Object.entries({ ...all, 'content-length': body.length }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  socket.write(`POST ${PATH}/${rpc} HTTP/1.1\r\n${lines.join('')}\r\n`);
  socket.write(body);
  return await text(socket).finally(() => socket.destroy());
}

const list = Buffer.from('{"pageSize":1}');
const withKey = (...key: number[]) =>
  Buffer.concat([Buffer.from('{"orderId":"t'), Buffer.from(key), Buffer.from('"}')]);

describe('a request', () => {
  it.each([
    {
      what: 'for the host it is allowed',
      headers: { host: 'order.internal:1' },
      body: list,
      expected: /^HTTP.1.1 200/,
    },
    { what: 'for another host', headers: { host: 'evil.example' }, body: list, expected: /403 .*"permission_denied"/s },
    { what: 'of a page elsewhere', headers: { origin: 'https://evil.example' }, body: list, expected: /403 /s },
    { what: 'with a deadline of a day', headers: { 'connect-timeout-ms': '86400000' }, body: list, expected: /200 OK/ },
    { what: 'with 140 headers', headers: manyHeaders(140), body: list, expected: /200 OK/ },
    { what: 'with 300 headers', headers: manyHeaders(300), body: list, expected: /431 .*at most 256/s },
    { what: 'with a key that is no UTF-8', rpc: 'GetOrder', body: withKey(0xff), expected: /"invalid_argument"/ },
    {
      what: 'whose gzip ends too early',
      headers: { 'content-encoding': 'gzip' },
      body: gzipSync(list).subarray(0, -4),
      expected: /400 .*"invalid_argument"/s,
    },
  ])(
    '$what is answered accordingly, and the next one is served',
    async ({ rpc = 'ListOrders', headers = {}, body, expected }) => {
      expect(await call(rpc, headers as Record<string, string>, body)).toMatch(expected);
      expect(await call('ListOrders', {}, list)).toMatch(/^HTTP.1.1 200/);
    },
  );

  it('with a deadline of two hours is answered in gRPC', async () => {
    const client = new GrpcClient(new URL(fixture.service.url).host, credentials.createInsecure());
    using _client = { [Symbol.dispose]: () => client.close() };
    const pass = (bytes: Buffer) => bytes;
    const metadata = Metadata.fromHttp2Headers(await headersOf('operator', 'op1'));

    const code = await new Promise<number | undefined>((resolve) => {
      const deadline = Date.now() + 7_200_000;
      client.makeUnaryRequest(`${PATH}/ListOrders`, pass, pass, Buffer.alloc(0), metadata, { deadline }, (error) =>
        resolve(error?.code ?? status.OK),
      );
    });

    expect(code).toBe(status.OK);
  });
});

it('a watch that is too old ends with unavailable, STREAM_TOO_OLD and retry advice', async () => {
  fixture.payment.virtual.stub(PaymentService.method.processPayment).fails(Code.Unavailable, 'away');
  const { order } = await fixture.place();
  using connection = openConnection(fixture.service.url);
  const statuses: OrderStatus[] = [];
  const watch = async () => {
    const watching = connection.client(OrderService).watchOrder({ orderId: order!.orderId });
    for await (const { order: now } of watching) statuses.push(now!.status);
  };

  const { error, reason } = await refusalOf(watch());

  expect([error.code, reason]).toEqual([Code.Unavailable, 'STREAM_TOO_OLD']);
  expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
  expect(statuses.every((status) => status === OrderStatus.PENDING)).toBe(true);
});

it('a flood of status calls is refused beyond OPS_CALLS_PER_SECOND, with retry advice, and orders are taken', async () => {
  using connection = openConnection(fixture.service.url);
  const getStatus = () => refusalOf(connection.client(OpsService).getStatus({}));

  const answers = await Promise.allSettled(Array.from({ length: 40 }, getStatus));

  const refusals = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  expect(refusals.length).toBeGreaterThan(0);
  for (const { error, reason } of refusals) {
    expect([error.code, reason]).toEqual([Code.ResourceExhausted, 'OVERLOADED']);
    expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
  }
  expect((await fixture.place()).order?.orderId).toBeTruthy();
});

function manyHeaders(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, 'y']));
}

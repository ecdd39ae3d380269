// The platform as seen by third-party clients: buf curl, grpcurl, curl, grpc-js, a browser. Each order runs to its end.
import { randomBytes, randomUUID } from 'node:crypto';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { status as GrpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OrderService, CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { findGoProgram, GRPCURL_MISSING } from '../support/go-programs.ts';
import { createTokens, headersOf } from '../support/identity/credentials.ts';
import { callUnary, connectByReflection, readStream } from '../support/reflection-client.ts';
import { awaitOrder, orderRequest, runProgram, type TestStack, useSharedStack } from '../support/stack.ts';

const ORDER_SERVICE = OrderService.typeName;
const PATIENCE = { timeout: 60_000, interval: 50 };
const SERVICES = [
  'order',
  'inventory',
  'payment',
  'notification',
  'analytics',
] as const satisfies readonly ServiceName[];
const OWN_SERVICES: Record<(typeof SERVICES)[number], string> = {
  order: ORDER_SERVICE,
  inventory: 'shop.inventory.v1.InventoryService',
  payment: 'shop.payment.v1.PaymentService',
  notification: 'shop.notification.v1.NotificationService',
  analytics: 'shop.analytics.v1.AnalyticsService',
};
const COMMON_SERVICES = ['grpc.health.v1.Health', 'shop.ops.v1.OpsService'];

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('steady');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

const orderUrl = () => platform.stack.url('order');
const addressOf = (service: ServiceName) => new URL(platform.stack.url(service)).host;

/** With the field names of the schema, as people type them. */
function sampleOrder() {
  return {
    idempotency_key: randomUUID(),
    customer_id: 'cust123',
    items: [{ product_id: 'prod112', quantity: 1 }],
    payment_method: 'pm_approved',
  };
}

describe('buf curl', () => {
  const bufCurl = (...given: string[]) => runProgram('buf', ['curl', ...given]);

  it.each(['connect', 'grpc', 'grpcweb'])('places an order by %s, given only the address', async (protocol) => {
    const { exitCode, stdout, stderr } = await bufCurl(
      '--http2-prior-knowledge',
      `--protocol=${protocol}`,
      `--data=${JSON.stringify(sampleOrder())}`,
      `${orderUrl()}/${ORDER_SERVICE}/CreateOrder`,
    );

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'OUTCOME_CONFIRMED', order: { customerId: 'cust123' } });
  });

  it('lists every RPC of the order service', async () => {
    const { stdout } = await bufCurl('--http2-prior-knowledge', '--list-methods', orderUrl());

    const listed = stdout.split('\n').filter((line) => line.startsWith(ORDER_SERVICE));
    const methods = OrderService.methods.map(({ name }) => `${ORDER_SERVICE}/${name}`);
    expect(listed.sort()).toEqual(methods.sort());
  });

  it.each(SERVICES)('lists the services on the port of %s, also by reflection v1alpha', async (service) => {
    const list = async (reflection: string) => {
      const { stdout } = await bufCurl(
        '--http2-prior-knowledge',
        `--reflect-protocol=${reflection}`,
        '--list-services',
        platform.stack.url(service),
      );
      return stdout.split('\n');
    };

    const [present, older] = await Promise.all([list('grpc-v1'), list('grpc-v1alpha')]);

    expect(present).toEqual(expect.arrayContaining([OWN_SERVICES[service], ...COMMON_SERVICES]));
    expect(older).toEqual(present);
  });

  it('prints every violation of an invalid order, decoded', async () => {
    const { exitCode, stderr } = await bufCurl(
      '--protocol=grpc',
      '--http2-prior-knowledge',
      '--data={}',
      `${orderUrl()}/${ORDER_SERVICE}/CreateOrder`,
    );

    // The code of the call, eight times: invalid_argument.
    expect(exitCode).toBe(GrpcStatus.INVALID_ARGUMENT << 3);
    for (const field of ['idempotency_key', 'customer_id', 'items', 'payment_method']) expect(stderr).toContain(field);
    expect(stderr).toContain('google.rpc.BadRequest');
  });

  it('watches an order to its end as a stream', async () => {
    const { order } = await platform.orders.createOrder(orderRequest());

    const { stdout } = await bufCurl(
      '--protocol=grpc',
      '--http2-prior-knowledge',
      `--data=${JSON.stringify({ order_id: order?.orderId })}`,
      `${orderUrl()}/${ORDER_SERVICE}/WatchOrder`,
    );

    expect(stdout).toContain('ORDER_STATUS_CONFIRMED');
  });
});

describe('grpcurl', async () => {
  const grpcurl = await findGoProgram('grpcurl');
  const call = async (...given: string[]) => await runProgram(grpcurl ?? '', ['-plaintext', ...given]);

  it('lists and describes the services', async ({ skip }) => {
    skip(grpcurl === undefined, GRPCURL_MISSING);

    const listed = await call(addressOf('order'), 'list');
    const described = await call(addressOf('order'), 'describe', ORDER_SERVICE);

    expect(listed.stdout.split('\n')).toEqual(expect.arrayContaining([ORDER_SERVICE, ...COMMON_SERVICES]));
    expect(described.stdout).toContain('rpc WatchOrder');
    expect(described.stdout).toContain('returns ( stream .shop.order.v1.WatchOrderResponse )');
  });

  it('places an order and prints its price', async ({ skip }) => {
    skip(grpcurl === undefined, GRPCURL_MISSING);

    const data = JSON.stringify(sampleOrder());
    const { exitCode, stdout } = await call('-d', data, addressOf('order'), `${ORDER_SERVICE}/CreateOrder`);

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'OUTCOME_CONFIRMED',
      order: { total: { currencyCode: 'EUR', minorUnits: '1290' } },
    });
  });

  it('exits with an error code and prints the reason of a failure', async ({ skip }) => {
    skip(grpcurl === undefined, GRPCURL_MISSING);

    const data = JSON.stringify({ order_id: randomUUID() });
    const { exitCode, stderr } = await call('-d', data, addressOf('order'), `${ORDER_SERVICE}/GetOrder`);

    expect(exitCode).toBe(64 + GrpcStatus.NOT_FOUND);
    expect(stderr).toContain('Code: NotFound');
    expect(stderr).toContain('there is no order');
  });
});

describe('grpc-js', () => {
  const HEALTH = 'grpc.health.v1.Health';
  type HealthAnswer = { status: string };

  it.each(SERVICES)('gets SERVING from Check on %s, for its own service and the broker too', async (service) => {
    const client = await connectByReflection(addressOf(service), HEALTH);
    try {
      for (const name of ['', OWN_SERVICES[service], 'broker']) {
        await expect
          .poll(() => callUnary<HealthAnswer>(client, 'check', { service: name }), PATIENCE)
          .toEqual({ status: 'SERVING' });
      }
    } finally {
      client.close();
    }
  });

  it('gets NOT_FOUND from Check for an unknown service', async () => {
    const client = await connectByReflection(addressOf('order'), HEALTH);
    try {
      const check = callUnary(client, 'check', { service: 'shop.refund.v1.RefundService' });

      await expect(check).rejects.toMatchObject({ code: GrpcStatus.NOT_FOUND });
    } finally {
      client.close();
    }
  });

  it('may end its watch of a slow order early; the order continues', async () => {
    const customerId = randomUUID();
    const answer = platform.orders.createOrder(orderRequest({ customerId, paymentMethod: 'pm_slow' }));
    const orderId = await vi.waitFor(async () => {
      const [found] = (await platform.orders.listOrders({ customerId })).orders;
      if (found === undefined) throw new Error('the order is not stored yet');
      return found.orderId;
    }, PATIENCE);
    const client = await connectByReflection(addressOf('order'), ORDER_SERVICE);
    try {
      const watch = readStream<{ order: { status: string } }>(client, 'watchOrder', { order_id: orderId });
      await vi.waitFor(() => expect(watch.answers.length).toBeGreaterThan(0), PATIENCE);
      watch.cancel();

      expect((await watch.ended)?.code).toBe(GrpcStatus.CANCELLED);
      expect(watch.answers[0]?.order.status).toBe('ORDER_STATUS_PENDING');
    } finally {
      client.close();
    }
    await answer;
    await awaitOrder(platform, orderId);
  });
});

describe('a browser', () => {
  const ORIGIN = 'http://localhost:3000';

  const preflight = (origin: string) =>
    fetch(`${orderUrl()}/${ORDER_SERVICE}/CreateOrder`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'connect-protocol-version,content-type,traceparent',
      },
    });
  const call = (origin: string) =>
    fetch(`${orderUrl()}/${ORDER_SERVICE}/CreateOrder`, {
      method: 'POST',
      headers: { origin, 'content-type': 'application/json', 'connect-protocol-version': '1' },
      body: JSON.stringify(sampleOrder()),
    });

  it('may call from a page on localhost: preflight, then an order it may read', async () => {
    const asked = await preflight(ORIGIN);
    const answered = await call(ORIGIN);

    const allowed = (asked.headers.get('access-control-allow-headers') ?? '').toLowerCase();
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, ORIGIN]);
    expect(allowed.split(', ')).toEqual(
      expect.arrayContaining(['content-type', 'connect-protocol-version', 'traceparent']),
    );
    expect(answered.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(await answered.json()).toMatchObject({ outcome: 'OUTCOME_CONFIRMED' });
  });

  it('may not call from another origin, nor read the response', async () => {
    const asked = await preflight('https://shop.example');
    const answered = await call('https://shop.example');

    expect(asked.status).toBe(403);
    for (const response of [asked, answered]) {
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
      expect(response.headers.get('vary')).toContain('Origin');
    }
  });

  it('reads RPCs without side effects by GET, with connect-web', async () => {
    const methods: (string | undefined)[] = [];
    const recordingFetch: typeof fetch = (input, init) => {
      methods.push(init?.method);
      return fetch(input, init);
    };
    const transport = createConnectTransport({ baseUrl: orderUrl(), useHttpGet: true, fetch: recordingFetch });
    const orders = createClient(OrderService, transport);

    const { order, outcome } = await orders.createOrder(orderRequest());
    const read = await orders.getOrder({ orderId: order?.orderId ?? '' });

    expect(outcome).toBe(Outcome.CONFIRMED);
    expect(read.order).toEqual(order);
    expect(methods).toEqual(['POST', 'GET']);
  });
});

describe('curl', () => {
  const curl = (...given: string[]) => runProgram('curl', ['--silent', '--show-error', '--max-time', '30', ...given]);

  it.each(['--http1.1', '--http2-prior-knowledge'])('places an order with %s on the one port', async (version) => {
    const { exitCode, stdout } = await curl(
      version,
      '--header',
      'content-type: application/json',
      '--data',
      JSON.stringify(sampleOrder()),
      `${orderUrl()}/${ORDER_SERVICE}/CreateOrder`,
    );

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'OUTCOME_CONFIRMED' });
  });

  it('reads an order by GET, with the request in the URL; an unknown one is 404 with the reason', async () => {
    const { order } = await platform.orders.createOrder(orderRequest());
    const get = (orderId: string | undefined) => {
      const message = encodeURIComponent(JSON.stringify({ order_id: orderId }));
      const query = `connect=v1&encoding=json&message=${message}`;
      return curl('--write-out', '\n%{http_code}', `${orderUrl()}/${ORDER_SERVICE}/GetOrder?${query}`);
    };

    const [found = '', status] = (await get(order?.orderId)).stdout.split('\n');
    const unknown = await get('unknown-order');

    expect(status).toBe('200');
    expect(JSON.parse(found)).toMatchObject({ order: { orderId: order?.orderId, status: 'ORDER_STATUS_CONFIRMED' } });
    expect(unknown.stdout).toContain('"code":"not_found"');
    expect(unknown.stdout).toMatch(/404$/);
  });

  it.each(SERVICES)('reads the Prometheus metrics of %s on its port', async (service) => {
    await platform.orders.createOrder(orderRequest());
    const health = `${platform.stack.url(service)}/shop.ops.v1.OpsService/GetStatus`;
    const { authorization } = await headersOf('operator', 'op1', createTokens(platform.stack.identitySeed()));
    const json = 'content-type: application/json';
    await curl('--header', json, '--header', `authorization: ${authorization}`, '--data', '{}', health);

    const { stdout } = await curl('--include', `${platform.stack.url(service)}/metrics`);

    expect(stdout).toMatch(/^content-type: text\/plain; version=/im);
    const served = stdout.split('\n').filter((line) => line.startsWith('rpc_server_call_duration_seconds_count'));
    expect(
      served.filter((line) => line.includes('OpsService/GetStatus') && line.includes('rpc_status_code="ok"')),
    ).toHaveLength(1);
    expect(served.every((line) => line.includes(`service="${service}"`))).toBe(true);
    expect(stdout).toContain(`messaging_outbox_unsent_messages{service="${service}"}`);
  });
});

describe('a trace sent along with an order', () => {
  /** Places an order within a trace, and returns the services that have logged that trace for that order. */
  async function placeTracedOrder() {
    const traceId = randomBytes(16).toString('hex');
    const response = await fetch(`${orderUrl()}/${ORDER_SERVICE}/CreateOrder`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
      body: JSON.stringify(sampleOrder()),
    });
    const { order } = (await response.json()) as { order: { orderId: string } };
    const services = async () => {
      const lines = (await platform.readOutput()).filter(
        (line) => line.includes(traceId) && line.includes(order.orderId),
      );
      return new Set(lines.map((line) => line.split(' ')[0]));
    };
    return { orderId: order.orderId, services };
  }

  it('is in the log of every service on the call path', async () => {
    const { services } = await placeTracedOrder();

    await expect
      .poll(async () => [...(await services())], PATIENCE)
      .toEqual(expect.arrayContaining(['order', 'inventory', 'payment']));
  });

  it('is in the log of the service that consumed its event', async () => {
    const { orderId, services } = await placeTracedOrder();
    const mailIsSent = (line: string) => line.includes('"msg":"mail sent"') && line.includes(orderId);
    await expect.poll(async () => (await platform.readOutput()).some(mailIsSent), PATIENCE).toBe(true);

    expect(await services()).toContain('notification');
  });
});

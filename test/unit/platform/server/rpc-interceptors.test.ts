import { Code, ConnectError, createClient, createRouterTransport, type ServiceImpl } from '@connectrpc/connect';
import { beforeAll, describe, expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { notFound, unavailable } from '#services/platform/base/errors.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { injectTrace, installTracing, traceIdOf } from '#services/platform/observability/tracing.ts';
import { createServerInterceptors } from '#services/platform/server/rpc-interceptors.ts';
import { allowEveryone } from '../../../support/services/call.ts';
import { recordLog } from '../support/recorded-log.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const headers = { traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01` };

beforeAll(() => installTracing(DOMAIN.correlation));

/** A client of an implementation behind the interceptors, with no network in between. */
function serve(implementation: Partial<ServiceImpl<typeof OrderService>>) {
  const metrics = createMetrics('order');
  const recorded = recordLog();
  const transport = createRouterTransport(({ service }) => service(OrderService, implementation), {
    router: {
      interceptors: createServerInterceptors({
        accessControl: allowEveryone,
        domain: DOMAIN,
        metrics,
        log: recorded.log,
      }),
    },
  });
  const served = async () => {
    const { values } = await metrics.rpcServerDuration.get();
    return values
      .filter(({ metricName }) => metricName === 'rpc_server_call_duration_seconds_count')
      .map(({ labels }) => labels);
  };
  return { ...recorded, client: createClient(OrderService, transport), served };
}

const failing = (error: unknown) => ({ getOrder: () => Promise.reject(error) });
const method = 'shop.order.v1.OrderService/GetOrder';

describe('a call that is answered', () => {
  it('is counted as ok and logged only for those who look closely', async () => {
    const { client, lines, served } = serve({ getOrder: async () => ({}) });

    await client.getOrder({ orderId: 'ord124' });

    expect(await served()).toMatchObject([{ rpc_method: method, rpc_status_code: 'ok' }]);
    expect(lines).toMatchObject([
      { level: 'debug', msg: 'served', 'rpc.method': method, 'rpc.status_code': 'ok', ms: expect.any(Number) },
    ]);
  });

  it('runs in the trace of its caller, its log line too', async () => {
    let traceId = '';
    const { client, lines } = serve({
      getOrder: async () => {
        traceId = traceIdOf(injectTrace().traceparent);
        return {};
      },
    });

    await client.getOrder({ orderId: 'ord124' }, { headers });

    expect(traceId).toBe(TRACE_ID);
    expect(lines[0]).toMatchObject({ trace_id: TRACE_ID });
  });

  it.each([{}, { traceparent: 'garbage' }])('starts a trace when its caller sends %j', async (given) => {
    const { client, lines } = serve({ getOrder: async () => ({}) });

    await client.getOrder({ orderId: 'ord124' }, { headers: given });

    expect(lines[0]).toMatchObject({ trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) });
  });
});

describe('a call that fails', () => {
  it.each([
    ['not_found', notFound('ORDER_NOT_FOUND', 'no such order'), 'info', 'refused'],
    [
      'unavailable',
      unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'away', retryAfterMs: 1_000 }),
      'warn',
      'could not serve now',
    ],
    ['internal', new Error('a mistake'), 'error', 'failed with an error of this service'],
    ['deadline_exceeded', new ConnectError('late', Code.DeadlineExceeded), 'info', 'refused'],
    ['unimplemented', new ConnectError('later', Code.Unimplemented), 'error', 'failed with an error of this service'],
  ])('as %s is counted and logged by whose business it is', async (code, thrown, level, msg) => {
    const { client, lines, served } = serve(failing(thrown));

    await expect(client.getOrder({ orderId: 'ord124' })).rejects.toThrow();

    // A mistake of the caller is no failure of the service.
    const isOwnFailure = ['unavailable', 'internal', 'deadline_exceeded', 'unimplemented'].includes(code);
    const [labels] = await served();
    expect(labels).toMatchObject({ rpc_method: method, rpc_status_code: code });
    expect(labels?.error_type).toBe(isOwnFailure ? code : undefined);
    expect(lines).toMatchObject([{ level, msg, 'rpc.status_code': code }]);
  });

  it('answers with the mapped error and its details', async () => {
    const { client } = serve(failing(notFound('ORDER_NOT_FOUND', 'no such order')));

    const error = ConnectError.from(await client.getOrder({ orderId: 'ord124' }).catch((thrown: unknown) => thrown));

    expect(error.code).toBe(Code.NotFound);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: 'ORDER_NOT_FOUND', domain: 'shop' }]);
  });

  it('because of a bug is hidden from the client and logged in full', async () => {
    const { client, lines } = serve(failing(new Error('relation "orders" does not exist')));

    const error = ConnectError.from(await client.getOrder({ orderId: 'ord124' }).catch((thrown: unknown) => thrown));

    expect(error.message).toBe('[internal] internal error');
    expect(lines).toMatchObject([{ err: { message: 'relation "orders" does not exist' } }]);
  });
});

describe('a stream', () => {
  it('is counted when it ends, not when it begins', async () => {
    const { client, served } = serve({
      async *watchOrder() {
        yield {};
        yield {};
      },
    });
    const answers = client.watchOrder({ orderId: 'ord124' })[Symbol.asyncIterator]();

    await answers.next();
    expect(await served()).toEqual([]);
    await answers.next();
    await answers.next();

    expect(await served()).toMatchObject([
      { rpc_method: 'shop.order.v1.OrderService/WatchOrder', rpc_status_code: 'ok' },
    ]);
  });

  it('that fails half-way is mapped, counted and logged', async () => {
    const { client, lines, served } = serve({
      async *watchOrder() {
        yield {};
        throw unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'away', retryAfterMs: 1_000 });
      },
    });

    const read = async () => {
      for await (const _ of client.watchOrder({ orderId: 'ord124' }));
    };

    await expect(read()).rejects.toMatchObject({ code: Code.Unavailable });
    expect(await served()).toMatchObject([{ rpc_status_code: 'unavailable' }]);
    expect(lines).toMatchObject([{ level: 'warn', msg: 'could not serve now' }]);
  });

  it('runs in the trace of its caller to its end, its log line too', async () => {
    const traceIds: string[] = [];
    const { client, lines } = serve({
      async *watchOrder() {
        traceIds.push(traceIdOf(injectTrace().traceparent));
        yield {};
        traceIds.push(traceIdOf(injectTrace().traceparent));
      },
    });

    for await (const _ of client.watchOrder({ orderId: 'ord124' }, { headers }));

    expect(traceIds).toEqual([TRACE_ID, TRACE_ID]);
    expect(lines).toMatchObject([{ msg: 'served', trace_id: TRACE_ID }]);
  });
});

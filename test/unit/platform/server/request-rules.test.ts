// The rules of the contract behind the interceptors of a server.
import { Code, ConnectError, createClient, createRouterTransport, type Interceptor } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import type { Validation } from '#services/platform/base/validation.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { createAccessControl } from '#services/platform/server/access-control.ts';
import { checkOf } from '#services/platform/server/request-rules.ts';
import { createServerInterceptors } from '#services/platform/server/rpc-interceptors.ts';
import { allowEveryone } from '../../../support/services/call.ts';
import { recordLog } from '../support/recorded-log.ts';

/** The order service with a check of its own, and the calls that reach its handlers. */
function serveOrders(accessControl: Interceptor = allowEveryone) {
  const reached = vi.fn<(orderId: string) => void>();
  const check = vi.fn((validation: Validation) => {
    validation.add('page_token', 'is of another list');
    validation.add('customer_id', 'is said twice');
  });
  const transport = createRouterTransport(
    ({ service }) =>
      service(OrderService, {
        getOrder: ({ orderId }) => {
          reached(orderId);
          return {};
        },
        listOrders: () => {
          reached('list');
          return {};
        },
        async *watchOrder({ orderId }) {
          reached(orderId);
          yield {};
        },
      }),
    {
      router: {
        interceptors: createServerInterceptors({
          domain: DOMAIN,
          metrics: createMetrics('order'),
          log: recordLog().log,
          accessControl,
          checks: [checkOf(OrderService.method.listOrders, (_, validation) => check(validation))],
        }),
      },
    },
  );
  return { client: createClient(OrderService, transport), reached, check };
}

/** The error of a call, with its violations as `field: description`. */
async function refusalOf(call: Promise<unknown>) {
  const error = ConnectError.from(await call.catch((thrown: unknown) => thrown));
  const violations = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  return {
    code: error.code,
    reason: error.findDetails(ErrorInfoSchema)[0]?.reason,
    violations: violations.map(({ field, description }) => `${field}: ${description}`),
  };
}

describe('a request that violates the contract', () => {
  it('is refused with the violations before its handler is called', async () => {
    const { client, reached } = serveOrders();

    expect(await refusalOf(client.getOrder({}))).toEqual({
      code: Code.InvalidArgument,
      reason: 'INVALID_REQUEST',
      violations: ['order_id: must not be empty'],
    });
    expect(reached).not.toHaveBeenCalled();
  });

  it('of a stream is refused the same way', async () => {
    const { client, reached } = serveOrders();
    const watching = client.watchOrder({ orderId: ' ' })[Symbol.asyncIterator]().next();

    expect((await refusalOf(watching)).violations).toEqual(['order_id: must not begin or end with white space']);
    expect(reached).not.toHaveBeenCalled();
  });

  it('has the violations that the service finds in other fields too', async () => {
    const { client } = serveOrders();

    expect((await refusalOf(client.listOrders({ customerId: ' ', pageSize: -1 }))).violations).toEqual([
      'customer_id: must not begin or end with white space',
      'page_size: must be at least 0, is -1',
      'page_token: is of another list',
    ]);
  });

  it('gives a caller who may not call no hint about its fields', async () => {
    const accessControl = createAccessControl({ verifyToken: vi.fn(), guestsAllowed: false });
    const { client, reached } = serveOrders(accessControl);

    expect(await refusalOf(client.getOrder({}))).toEqual({
      code: Code.Unauthenticated,
      reason: 'CREDENTIALS_REQUIRED',
      violations: [],
    });
    expect(reached).not.toHaveBeenCalled();
  });
});

it('a request that satisfies the contract reaches its handler, and only its handler checks the rest', async () => {
  const { client, reached, check } = serveOrders();
  await client.listOrders({ customerId: 'cust123' });

  expect(reached).toHaveBeenCalledExactlyOnceWith('list');
  expect(check).not.toHaveBeenCalled();
});

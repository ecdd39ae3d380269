import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, createContextValues, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { ProcessPaymentRequestSchema } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { createLog } from '#services/platform/observability/log.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { createAccessControl } from '#services/platform/server/access-control.ts';
import { createAuditLog } from '#services/platform/server/audit-log.ts';
import { createServerInterceptors } from '#services/platform/server/rpc-interceptors.ts';

const change = { productId: 'p1', name: 'Tin whistle', unitPrice: { currencyCode: 'EUR', minorUnits: 1n } };

function createRecordedLog(level: string) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    service: 'inventory',
    level,
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  return { log, audited: () => lines.filter((line) => line.log === 'audit') };
}

function serve(level = 'info') {
  const { log, audited } = createRecordedLog(level);
  const verifyToken = async (token: string) => ({ kind: 'operator' as const, id: token });
  const transport = createRouterTransport(
    ({ service }) => {
      service(InventoryService, {
        upsertProduct: ({ name }) => {
          if (name === 'bad') throw new ConnectError('no', Code.InvalidArgument);
          return {};
        },
        getProduct: () => ({}),
      });
    },
    {
      router: {
        interceptors: createServerInterceptors({
          domain: DOMAIN,
          metrics: createMetrics('inventory'),
          log,
          accessControl: createAccessControl({ verifyToken, guestsAllowed: false }),
        }),
      },
    },
  );
  const client = createClient(InventoryService, transport);
  const as = (operator: string) => ({ headers: { authorization: `Bearer ${operator}` } });
  return { client, as, audited };
}

describe('the audit log', () => {
  it('says who called an audited method, with what, and what came of it', async () => {
    const { client, as, audited } = serve();
    await client.upsertProduct(change, as('olga'));
    expect(audited()).toEqual([
      expect.objectContaining({
        level: 'info',
        caller: 'operator:olga',
        'rpc.method': 'shop.inventory.v1.InventoryService/UpsertProduct',
        'rpc.status_code': 'ok',
        request: {
          product_id: 'p1',
          name: 'Tin whistle',
          'unit_price.currency_code': 'EUR',
          'unit_price.minor_units': '1',
        },
      }),
    ]);
  });

  it('records failed calls and refused ones', async () => {
    const { client, as, audited } = serve();
    await expect(client.upsertProduct({ ...change, name: 'bad' }, as('olga'))).rejects.toThrow('no');
    await expect(client.upsertProduct(change)).rejects.toThrow('only an operator');
    expect(audited()).toMatchObject([
      { caller: 'operator:olga', 'rpc.status_code': 'invalid_argument' },
      { caller: 'guest', 'rpc.status_code': 'unauthenticated' },
    ]);
  });

  it('does not record methods that are not audited', async () => {
    const { client, audited } = serve();
    await client.getProduct({ productId: 'p1' });
    expect(audited()).toEqual([]);
  });

  it('is written at a log level that hides other lines', async () => {
    const { client, as, audited } = serve('error');
    await client.upsertProduct(change, as('olga'));
    expect(audited()).toHaveLength(1);
  });

  it('leaves out what the contract marks as secret', async () => {
    const { log, audited } = createRecordedLog('info');
    const method = { ...InventoryService.method.upsertProduct, input: ProcessPaymentRequestSchema };
    const message = create(ProcessPaymentRequestSchema, { orderId: 'o1', paymentMethod: 'pm_secret' });
    const request = { stream: false, service: InventoryService, method, message, contextValues: createContextValues() };
    await createAuditLog(DOMAIN, log)(async () => ({}) as never)(request as never);
    expect(audited().map((line) => line.request)).toEqual([{ order_id: 'o1' }]);
    expect(JSON.stringify(audited())).not.toContain('pm_secret');
  });

  it('cuts long texts', async () => {
    const { client, as, audited } = serve();
    await client.upsertProduct({ ...change, name: 'x'.repeat(200) }, as('olga'));
    expect(audited()[0]?.request).toMatchObject({ name: `${'x'.repeat(128)}...` });
  });
});

// rpc ListCharges, the charge as a message, the charge's events, and the settings.
import { create, fromBinary } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { describe, expect, it, vi } from 'vitest';
import { PaymentFailedSchema, PaymentRefundedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import { ChargeSchema, ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { ListChargesRequestSchema } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { toChargeEvents, toChargeMessage } from '#services/payment/charge-messages.ts';
import type { ChargeStore } from '#services/payment/charge-store.ts';
import { loadConfig } from '#services/payment/config.ts';
import { listCharges, readPage } from '#services/payment/list-charges.ts';
import { pageTokenOf } from '../../support/page-token.ts';
import { serve } from '../../support/services/serve.ts';
import { chargeOf } from './fakes.ts';

const NOW = new Date('2026-01-02T03:04:06.000Z');

function createList(count: number) {
  const changed = { updateTime: new Date('2026-01-03T00:00:00.000Z') };
  const charges = Array.from({ length: count }, (_, index) => chargeOf({ orderId: `o${index}`, ...changed }));
  const list = vi.fn<ChargeStore['list']>(async (_filter, { size }) => charges.slice(0, size + 1));
  return {
    list,
    ask: (request: object) =>
      serve(ListChargesRequestSchema, request, (valid) => listCharges({ store: { list } }, valid), readPage),
  };
}

const tokenOf = (...keys: string[]) => pageTokenOf(['charges', '', ''], ...keys);

describe('ListCharges', () => {
  it('returns 50 charges and a token when there are more', async () => {
    const { charges, nextPageToken } = await createList(60).ask({});
    expect(charges).toHaveLength(50);
    expect(nextPageToken).not.toBe('');
  });

  it('returns no token with the last charge', async () => {
    expect((await createList(3).ask({ pageSize: 3 })).nextPageToken).toBe('');
  });

  it('continues after the last charge of the previous page', async () => {
    const { list, ask } = createList(3);
    const filter = { customerId: 'cust123', orderId: 'o9' };
    const { nextPageToken } = await ask({ ...filter, pageSize: 2 });
    await ask({ ...filter, pageSize: 2, pageToken: nextPageToken });
    expect(list.mock.calls[1]).toMatchObject([filter, { size: 2, after: ['2026-01-02T03:04:05.678Z', 'o1'] }]);
  });

  it.each([{ customerId: 'cust123' }, { orderId: 'o9' }])('refuses the token of a page without %o', async (filter) => {
    const { ask } = createList(3);
    const { nextPageToken } = await ask({ pageSize: 2 });
    await expect(ask({ ...filter, pageToken: nextPageToken })).rejects.toMatchObject({
      violations: [{ field: 'page_token' }],
    });
  });

  it.each([
    ['page_size', { pageSize: -1 }],
    ['page_token', { pageToken: 'nonsense' }],
    ['page_token', { pageToken: tokenOf('yesterday', 'o1') }],
    ['page_token', { pageToken: tokenOf('2026-01-02T03:04:05.678Z', 'o\u0000') }],
    ['customer_id', { customerId: 'x'.repeat(129) }],
    ['order_id', { orderId: 'o\u0000' }],
  ])('reports the invalid field %s (%o)', async (field, request) => {
    await expect(createList(0).ask(request)).rejects.toMatchObject({
      kind: 'invalid_argument',
      violations: [{ field }],
    });
  });
});

describe('a charge as a message', () => {
  it('has its status, amount and times', () => {
    const message = create(ChargeSchema, toChargeMessage(chargeOf({ status: 'COMPLETED', transactionId: 'ch_1' })));
    expect(message).toMatchObject({
      status: ChargeStatus.COMPLETED,
      amount: { minorUnits: 5999n },
      transactionId: 'ch_1',
    });
    expect(message.createTime && timestampDate(message.createTime)).toEqual(new Date('2026-01-02T03:04:05.678Z'));
  });

  it('has no amount when it is a tombstone', () => {
    expect(create(ChargeSchema, toChargeMessage(chargeOf({ amount: undefined }))).amount).toBeUndefined();
  });
});

describe('the events of a charge', () => {
  it('report a decline with its code', () => {
    const [event] = toChargeEvents(chargeOf({ status: 'DECLINED', declineCode: 'expired_card', version: 2 }), NOW);
    expect(fromBinary(PaymentFailedSchema, event?.payload ?? new Uint8Array())).toMatchObject({
      orderId: 'o1',
      declineCode: 'expired_card',
      version: 2n,
    });
  });

  it('report a refund with its transaction', () => {
    const [event] = toChargeEvents(chargeOf({ status: 'REFUNDED', transactionId: 'ch_1', version: 3 }), NOW);
    expect(fromBinary(PaymentRefundedSchema, event?.payload ?? new Uint8Array())).toMatchObject({
      transactionId: 'ch_1',
      amount: { minorUnits: 5999n },
      version: 3n,
    });
  });

  it('are none while it is open, and none when it is voided', () => {
    expect(toChargeEvents(chargeOf(), NOW)).toEqual([]);
    expect(toChargeEvents(chargeOf({ status: 'VOIDED' }), NOW)).toEqual([]);
  });
});

describe('the settings of payment', () => {
  const needed = { PAYMENT_DATABASE_URL: 'postgres://payment:secret@127.0.0.1:54329/payment' };

  it('have a default each, except the database', () => {
    expect(loadConfig(needed)).toMatchObject({
      port: 50_053,
      providerUrl: 'http://127.0.0.1:50060',
      providerTimeoutMs: 10_000,
      keyRetentionMs: 86_400_000,
      settleAfterMs: 10_000,
    });
  });

  it('are refused with every violation at once and no secret', () => {
    const faulty = { ...needed, PAYMENT_DATABASE_URL: 'mysql://u:secret@h/d', PAYMENT_PROVIDER_TIMEOUT_MS: 'soon' };
    expect(() => loadConfig(faulty)).toThrow(/PAYMENT_DATABASE_URL[\s\S]*PAYMENT_PROVIDER_TIMEOUT_MS/);
    expect(() => loadConfig(faulty)).not.toThrow(/secret/);
  });
});

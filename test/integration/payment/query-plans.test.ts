// What the statements of the payment service read when it has many charges.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decideCharge } from '#services/payment/charge.ts';
import { toChargeEvents } from '#services/payment/charge-messages.ts';
import { type ChargeStore, createChargePruneRule, createChargeStore } from '#services/payment/charge-store.ts';
import { prune } from '#services/platform/storage/pruner.ts';
import { useQueryPlans } from '../platform/support/query-plans.ts';
import { CAPTURED, intentOf } from './charge-store-fixture.ts';

// The synthetic charges are as old as the real ones: old enough to be pruned, if they were not tombstones.
const plans = useQueryPlans('payment', [
  `insert into charge (order_id, idempotency_key, refund_key, customer_id, currency_code, amount_minor, status, transaction_id,
      synthetic, version, create_time, update_time)
    select 'order-' || n, 'key-' || n, 'refund-' || n, 'customer-' || n % 500, 'EUR', 100, 'REFUNDED', 'ch',
      n % 20 = 0, 3, time, time
    from generate_series(1, 20000) as n, lateral (select now() - n * interval '1 minute' as time) as made`,
]);

const store = () =>
  createChargeStore(plans.database, { callMs: 1_000, settleAfterMs: 1_000, lateCaptureWindowMs: 60_000 });

async function open(): Promise<string> {
  const orderId = randomUUID();
  await store().insertIntent(intentOf(orderId));
  return orderId;
}

const PAGE = { size: 50, after: undefined };
const NEXT_PAGE = { size: 50, after: [new Date().toISOString(), 'order-1'] };

const statements: Record<keyof ChargeStore, () => Promise<unknown>> = {
  insertIntent: open,
  findKnown: () => store().findKnown('order-77', 'key-78'),
  find: () => store().find('order-77'),
  extendCallWindow: async () => store().extendCallWindow(await open()),
  startNewAttempt: async () => store().startNewAttempt(await open(), 1),
  requestRefund: async () => {
    await store().requestRefund(await open(), randomUUID());
    await store().requestRefund(randomUUID(), randomUUID());
  },
  save: async () => {
    const stored = await store().find(await open());
    if (stored === undefined) throw new Error('the charge is gone');
    const next = decideCharge(stored.charge, CAPTURED);
    await store().save(next, toChargeEvents(next, new Date()));
  },
  claimDue: () => store().claimDue(20),
  list: async () => {
    for (const page of [PAGE, NEXT_PAGE]) {
      await store().list({ customerId: '', orderId: '' }, page);
      await store().list({ customerId: 'customer-7', orderId: '' }, page);
      await store().list({ customerId: '', orderId: 'order-77' }, page);
      await store().list({ customerId: 'customer-7', orderId: 'order-77' }, page);
    }
  },
};

describe('with many charges', () => {
  it.each(Object.entries(statements))('%s reads few of them', async (_, run) => {
    expect(await plans.findScans(run)).toEqual([]);
  });

  it.each(Object.entries(statements))(
    '%s would be read by an index too if its plan was made on empty tables',
    async (_, run) => {
      expect(await plans.findUnboundScans(run)).toEqual([]);
    },
  );

  it('claiming a few of many due charges reads no others', async () => {
    await plans.sql(`update charge set due_time = now() where order_id like 'order-1____'`);
    await plans.sql('analyze charge');

    const scans = await plans.findScans(() => store().claimDue(20));

    await plans.sql('update charge set due_time = null');
    await plans.sql('vacuum analyze charge');
    expect(scans).toEqual([]);
  });

  it('looking for charges to prune when there is none reads none of them', async () => {
    const rule = createChargePruneRule(1_000);
    expect(await plans.findScans(async () => expect(await prune(plans.database, rule)).toBe(0))).toEqual([]);
  });
});

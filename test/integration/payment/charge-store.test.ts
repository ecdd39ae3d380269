// The charge store: a new charge, further calls to the provider, refund requests and the list.
import { describe, expect, it } from 'vitest';
import { type Charge, decideCharge, type StoredCharge } from '#services/payment/charge.ts';
import { installTracing, runInSpan, SpanKind, traceIdOf } from '#services/platform/observability/tracing.ts';
import type { Page } from '#services/platform/storage/page.ts';
import { CALL_MINUTES, CAPTURED, DECLINED, intentOf, SETTLE_MINUTES, useChargeStore } from './charge-store-fixture.ts';

const charges = useChargeStore();

describe('a new charge', () => {
  it('is read back as it was requested', async () => {
    const amount = { currencyCode: 'USD', minorUnits: 9_007_199_254_740_991n };
    await charges.open('o1', { amount, customerId: 'ann', paymentMethod: 'pm_1', synthetic: true });
    expect(await charges.store.find('o1')).toMatchObject({
      charge: { orderId: 'o1', customerId: 'ann', amount, status: 'CHARGING', synthetic: true, version: 1 },
      paymentMethod: 'pm_1',
      refundRequested: false,
      attempt: 1,
      awaitingLateCapture: false,
      traceparent: '',
    });
  });

  it('has a call in flight from the start, and is due when its caller has not retried', async () => {
    await charges.open();
    expect(await charges.timesOf()).toEqual({ intent: 0, call: CALL_MINUTES, due: SETTLE_MINUTES, watch: null });
  });

  it.each([
    { taken: 'an order', intent: intentOf('o1', { idempotencyKey: 'another key' }) },
    { taken: 'a key', intent: intentOf('o2', { idempotencyKey: 'key of o1' }) },
  ])('of $taken that is taken is not stored', async ({ intent }) => {
    await charges.open();
    expect(await charges.store.insertIntent(intent)).toBeUndefined();
    expect(await charges.query('select from charge')).toHaveLength(1);
  });

  it('is returned as itself when it is stored together with others, in whatever order, one of them taken', async () => {
    await charges.open('o2');
    const together = ['o3', 'o2', 'o1'].map((orderId) => charges.store.insertIntent(intentOf(orderId)));
    expect((await Promise.all(together)).map((stored) => stored?.charge.orderId)).toEqual(['o3', undefined, 'o1']);
  });

  it('takes orders by their ids: it holds none while it waits for an earlier one of another replica', async () => {
    let waiting: Promise<(StoredCharge | undefined)[]> | undefined;
    await charges.inTransaction(async (other, query) => {
      expect(await other.insertIntent(intentOf('o1'))).toBeDefined();
      waiting = Promise.all(['o2', 'o1'].map((orderId) => charges.store.insertIntent(intentOf(orderId))));
      await charges.waitForBlocked();
      await query(`set local lock_timeout = '500ms'`);
      expect(await other.insertIntent(intentOf('o2'))).toBeDefined();
    });
    expect(await waiting).toEqual([undefined, undefined]);
  });

  it('keeps the trace of the call that requested it, for the background', async () => {
    installTracing();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await runInSpan({ name: 'pay', kind: SpanKind.SERVER, headers: { traceparent } }, () => charges.open());
    expect(traceIdOf((await charges.store.find('o1'))?.traceparent)).toBe('0af7651916cd43dd8448eb211c80319c');
  });

  it('is known by its order and by its key, with the hash of its request', async () => {
    await charges.open('o1');
    await charges.open('o2');
    await charges.store.requestRefund('o3', 'refund of o3');
    const known = async (orderId: string, key: string) =>
      (await charges.store.findKnown(orderId, key))
        .map(({ stored, requestHash }) => [stored.charge.orderId, requestHash])
        .sort();
    expect(await known('o1', 'no such key')).toEqual([['o1', 'hash of o1']]);
    expect(await known('no such order', 'key of o2')).toEqual([['o2', 'hash of o2']]);
    expect(await known('o1', 'key of o2')).toEqual([
      ['o1', 'hash of o1'],
      ['o2', 'hash of o2'],
    ]);
    expect(await known('o3', 'no such key')).toEqual([['o3', '']]);
    expect(await known('no such order', 'no such key')).toEqual([]);
  });
});

describe('the age of a charge', () => {
  it('is that of its intent, and its call window is what is left of it', async () => {
    await charges.open();
    await charges.set(`intent_time = now() - interval '90 minutes', call_until = now() + interval '30 minutes'`);
    const { intentAgeMs, callWindowMs } = (await charges.store.find('o1')) as StoredCharge;
    expect([Math.round(intentAgeMs / 60_000), Math.round(callWindowMs / 60_000)]).toEqual([90, 30]);
  });

  it('is unknown, so infinite, when the clock was set back since; a window that is over is zero', async () => {
    await charges.open();
    await charges.set(`intent_time = now() + interval '5 minutes', call_until = now() - interval '5 minutes'`);
    expect(await charges.store.find('o1')).toMatchObject({ intentAgeMs: Number.POSITIVE_INFINITY, callWindowMs: 0 });
  });

  it('is finite when the clocks of two replicas differ by seconds', async () => {
    await charges.open();
    await charges.set(`intent_time = now() + interval '30 seconds'`);
    expect((await charges.store.find('o1'))?.intentAgeMs).toBeLessThan(0);
  });
});

describe('a further call to the provider', () => {
  it('extends the call window: the charge is not voided while the call is in flight', async () => {
    await charges.open();
    await charges.set(`call_until = now() - interval '1 hour'`);
    const extended = await charges.store.extendCallWindow('o1');
    expect(extended?.callWindowMs).toBeGreaterThan(0);
    expect(await charges.timesOf()).toMatchObject({ call: CALL_MINUTES });
  });

  it('keeps the longer window of a call by a replica with a longer timeout', async () => {
    await charges.open();
    await charges.set(`call_until = now() + interval '9 minutes'`);
    await charges.store.extendCallWindow('o1');
    expect(await charges.timesOf()).toMatchObject({ call: 9 });
  });

  it('does not make the charge look younger: the provider may forget its key', async () => {
    await charges.open();
    await charges.set(`intent_time = now() - interval '1 hour'`);
    await charges.store.extendCallWindow('o1');
    expect(await charges.timesOf()).toMatchObject({ intent: -60 });
  });

  it('may start a new attempt, with a young key and its own call window', async () => {
    await charges.open();
    await charges.set(`intent_time = now() - interval '1 day', call_until = now() - interval '1 day'`);
    expect(await charges.store.startNewAttempt('o1', 1)).toMatchObject({ attempt: 2 });
    expect(await charges.timesOf()).toMatchObject({ intent: 0, call: CALL_MINUTES });
  });

  it('starts no new attempt when another replica has started one since', async () => {
    await charges.open();
    await charges.store.startNewAttempt('o1', 1);
    await charges.set(`intent_time = now() - interval '1 hour', call_until = now() - interval '1 hour'`);
    expect(await charges.store.startNewAttempt('o1', 1)).toBeUndefined();
    expect(await charges.store.find('o1')).toMatchObject({ attempt: 2 });
    expect(await charges.timesOf()).toMatchObject({ intent: -60, call: -60 });
  });

  it('concerns its own charge only', async () => {
    await charges.open('o1');
    await charges.open('o2');
    await charges.set(`intent_time = now() - interval '1 hour', call_until = now() - interval '1 hour'`);
    await charges.store.extendCallWindow('o1');
    await charges.store.startNewAttempt('o1', 1);
    expect(await charges.timesOf('o2')).toMatchObject({ intent: -60, call: -60 });
    expect(await charges.store.find('o2')).toMatchObject({ attempt: 1 });
  });

  const refusals = [
    {
      state: 'refunded before its capture',
      given: async () => void (await charges.store.requestRefund('o1', 'refund of o1')),
    },
    { state: 'decided', given: async (charge: Charge) => void (await charges.save(decideCharge(charge, CAPTURED))) },
  ];

  it.each(refusals)('is refused once the charge is $state', async ({ given }) => {
    await given(await charges.open());
    await charges.set(`intent_time = now() - interval '1 hour', call_until = now() - interval '1 hour'`);
    expect(await charges.store.extendCallWindow('o1')).toBeUndefined();
    expect(await charges.timesOf()).toMatchObject({ intent: -60, call: -60 });
  });

  it.each(refusals)('starts no new attempt once the charge is $state', async ({ given }) => {
    await given(await charges.open());
    await charges.set(`intent_time = now() - interval '1 hour', call_until = now() - interval '1 hour'`);
    expect(await charges.store.startNewAttempt('o1', 1)).toBeUndefined();
    expect(await charges.store.find('o1')).toMatchObject({ attempt: 1 });
    expect(await charges.timesOf()).toMatchObject({ intent: -60, call: -60 });
  });
});

describe('a refund request', () => {
  it('is recorded, and changes nothing else of an open charge that is due sooner', async () => {
    const charge = await charges.open();
    await charges.set(`due_time = now() - interval '3 minutes'`);
    const requested = await charges.store.requestRefund('o1', 'refund of o1');
    expect(requested).toMatchObject({ charge, refundRequested: true, paymentMethod: 'pm_approved' });
    expect(await charges.timesOf()).toMatchObject({ call: CALL_MINUTES, due: -3 });
  });

  it('brings an open charge forward whose next check is far away', async () => {
    await charges.open();
    await charges.set(`due_time = now() + interval '5 minutes'`);
    await charges.store.requestRefund('o1', 'refund of o1');
    expect(await charges.timesOf()).toMatchObject({ due: SETTLE_MINUTES });
  });

  it('makes a completed charge due, so that it is refunded although its caller does not retry', async () => {
    await charges.complete();
    expect(await charges.timesOf()).toMatchObject({ due: null });
    await charges.store.requestRefund('o1', 'refund of o1');
    expect(await charges.timesOf()).toMatchObject({ due: SETTLE_MINUTES });
  });

  it.each([
    {
      state: 'declined',
      decide: (charge: Charge) => decideCharge(charge, DECLINED),
    },
    { state: 'refunded', decide: (charge: Charge) => decideCharge(charge, { ...CAPTURED, refunded: true }) },
  ])('leaves a $state charge without work', async ({ decide }) => {
    const decided = decide(await charges.open());
    await charges.save(decided);
    const requested = await charges.store.requestRefund('o1', 'refund of o1');
    expect(requested?.charge).toMatchObject({ status: decided.status, version: 2 });
    expect(await charges.timesOf()).toMatchObject({ due: null });
  });

  it('of an order without a charge inserts a tombstone, which refuses the charge', async () => {
    const tombstone = await charges.store.requestRefund('o1', 'refund of o1');
    expect(tombstone?.charge).toMatchObject({ status: 'TOMBSTONE', amount: undefined, version: 1 });
    expect(await charges.timesOf()).toMatchObject({ due: null });
    expect(await charges.store.insertIntent(intentOf('o1'))).toBeUndefined();
  });

  it('keeps the key of the first: a later key refunds another order', async () => {
    await charges.open('o1');
    await charges.store.requestRefund('o1', 'first');
    expect(await charges.store.requestRefund('o1', 'second')).toMatchObject({ refundRequested: true });
    expect(await charges.query('select refund_key from charge')).toEqual([{ refund_key: 'first' }]);
    expect(await charges.store.requestRefund('o2', 'first')).toBeUndefined();
    expect(await charges.store.requestRefund('o2', 'second')).toMatchObject({ refundRequested: true });
  });

  it.each([
    { what: 'a charge', given: () => charges.open('o2') },
    { what: 'no charge', given: async () => undefined },
  ])('of an order with $what, under the key of another order, stores nothing', async ({ given }) => {
    await charges.store.requestRefund('o1', 'one key');
    await given();
    const before = await charges.query('select * from charge order by order_id');
    expect(await charges.store.requestRefund('o2', 'one key')).toBeUndefined();
    expect(await charges.query('select * from charge order by order_id')).toEqual(before);
  });

  it.each([
    { when: 'another order is storing it: it is refused', orderId: 'o2', answer: undefined },
    { when: 'the same order is storing it: it is recorded once', orderId: 'o1', answer: { refundRequested: true } },
  ])('under a key while a request for $when', async ({ orderId, answer }) => {
    let second: Promise<StoredCharge | undefined> | undefined;
    await charges.inTransaction(async (first) => {
      await first.requestRefund('o1', 'one key');
      second = charges.store.requestRefund(orderId, 'one key');
      await charges.waitForBlocked();
    });
    if (answer === undefined) expect(await second).toBeUndefined();
    else expect(await second).toMatchObject(answer);
    expect(await charges.query('select order_id, refund_key from charge')).toEqual([
      { order_id: 'o1', refund_key: 'one key' },
    ]);
  });
});

describe('listing', () => {
  const everything = { customerId: '', orderId: '' };
  const first = (size: number): Page => ({ size, after: undefined });
  const idsOf = (charges: readonly Charge[]) => charges.map(({ orderId }) => orderId);

  it.each(['store', 'withoutIndexes'] as const)(
    'is newest first, and by order where the times are equal, whatever the plan: %s',
    async (plan) => {
      for (const orderId of ['o2', 'o3', 'o1']) await charges.open(orderId);
      await charges.set(
        `create_time = timestamptz '2026-01-01' + interval '1 second' * (case order_id when 'o1' then 1 else 0 end)`,
      );
      expect(idsOf(await charges[plan].list(everything, first(10)))).toEqual(['o1', 'o3', 'o2']);
    },
  );

  it('returns one row more than the page holds', async () => {
    for (const orderId of ['o1', 'o2', 'o3', 'o4']) await charges.open(orderId);
    expect(await charges.store.list(everything, first(2))).toHaveLength(3);
  });

  it('pages through charges of the same millisecond, and loses none', async () => {
    for (const orderId of ['o1', 'o2', 'o3', 'o4', 'o5']) await charges.open(orderId);
    await charges.set(`create_time = timestamptz '2026-01-01 12:00:00.123Z'
      - interval '1 millisecond' * (case order_id when 'o1' then 1 else 0 end)`);
    const seen: string[] = [];
    let after: Page['after'];
    for (let page = 0; page < 5; page += 1) {
      const [charge] = await charges.store.list(everything, { size: 1, after });
      if (charge === undefined) throw new Error(`page ${page} is empty after ${seen}`);
      seen.push(charge.orderId);
      after = [charge.createTime.toISOString(), charge.orderId];
    }
    expect(seen).toEqual(['o5', 'o4', 'o3', 'o2', 'o1']);
    expect(await charges.store.list(everything, { size: 1, after })).toEqual([]);
  });

  it('stores times that a page token holds exactly', async () => {
    for (const orderId of ['o1', 'o2', 'o3']) await charges.open(orderId);
    const rows = await charges.query(
      `select date_trunc('milliseconds', create_time) = create_time as exact from charge`,
    );
    expect(rows).toEqual(Array(3).fill({ exact: true }));
  });

  it('finds by customer, by order, and by both', async () => {
    await charges.open('o1', { customerId: 'ann' });
    await charges.open('o2', { customerId: 'ann' });
    await charges.open('o3', { customerId: 'bob' });
    const find = async (customerId: string, orderId: string) =>
      idsOf(await charges.store.list({ customerId, orderId }, first(10))).sort();
    expect(await find('ann', '')).toEqual(['o1', 'o2']);
    expect(await find('', 'o3')).toEqual(['o3']);
    expect(await find('ann', 'o2')).toEqual(['o2']);
    expect(await find('ann', 'o3')).toEqual([]);
  });
});

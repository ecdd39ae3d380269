// The charge store: what is saved, and what the background claims.
import { describe, expect, it } from 'vitest';
import {
  decideCharge,
  recordLateRefund,
  refundCharge,
  type StoredCharge,
  voidCharge,
} from '#services/payment/charge.ts';
import {
  CALL_MINUTES,
  CAPTURED,
  DECLINED,
  SETTLE_MINUTES,
  useChargeStore,
  WATCH_MINUTES,
} from './charge-store-fixture.ts';

const charges = useChargeStore();

describe('saving', () => {
  it('stores the decision, and erases the payment method', async () => {
    const declined = decideCharge(await charges.open(), DECLINED);
    const saved = await charges.save(declined);
    const fields = { status: 'DECLINED', declineCode: 'expired_card', declineMessage: 'Expired', version: 2 };
    expect(saved).toMatchObject({ charge: fields, paymentMethod: '' });
    expect(await charges.store.find('o1')).toMatchObject({ charge: fields, paymentMethod: '' });
    expect(await charges.subjects()).toEqual(['shop.payment.v1.PaymentFailed']);
  });

  it('dates the change: the retention of a synthetic charge begins with the last one', async () => {
    const charge = await charges.open();
    await charges.set(`update_time = now() - interval '1 day'`);
    const saved = await charges.save(decideCharge(charge, CAPTURED));
    expect(saved?.charge.updateTime.getTime()).toBeGreaterThanOrEqual(charge.updateTime.getTime());
  });

  it('locks charges by their orders: it holds none while it waits for an earlier one of another replica', async () => {
    const orderIds = Array.from({ length: 20 }, (_, index) => `o${29 - index}`);
    const opened = await Promise.all(orderIds.map((orderId) => charges.open(orderId)));
    let saving: Promise<(StoredCharge | undefined)[]> | undefined;
    await charges.inTransaction(async (_, query) => {
      await query(`select from charge where order_id = 'o10' for update`);
      saving = Promise.all(opened.map((charge) => charges.save(decideCharge(charge, CAPTURED))));
      await charges.waitForBlocked();
      expect(await query(`select from charge where order_id > 'o10' for update nowait`)).toHaveLength(19);
    });
    expect(await saving).toMatchObject(orderIds.map((orderId) => ({ charge: { orderId, status: 'COMPLETED' } })));
  });

  it('from a version that is not the stored one, older or newer, stores nothing', async () => {
    const charge = await charges.open();
    const completed = decideCharge(charge, CAPTURED);
    expect(await charges.save({ ...completed, version: 3 })).toBeUndefined();
    await charges.save(completed);
    await charges.store.requestRefund('o1', 'refund of o1');
    await charges.save(refundCharge(completed));
    expect(await charges.save(completed)).toBeUndefined();
    expect(await charges.store.find('o1')).toMatchObject({ charge: { status: 'REFUNDED', version: 3 } });
    expect(await charges.subjects()).toHaveLength(2);
  });

  it('from an older version stores neither the state nor its event', async () => {
    const charge = await charges.open();
    await charges.save(decideCharge(charge, CAPTURED));
    const late = decideCharge(charge, DECLINED);
    expect(await charges.save(late)).toBeUndefined();
    expect(await charges.store.find('o1')).toMatchObject({ charge: { status: 'COMPLETED', version: 2 } });
    expect(await charges.subjects()).toEqual(['shop.payment.v1.PaymentCompleted']);
  });

  it('twenty times concurrently stores one change, with one event', async () => {
    const next = decideCharge(await charges.open(), CAPTURED);
    const results = await Promise.all(Array.from({ length: 20 }, () => charges.save(next)));
    expect(results.filter((saved) => saved !== undefined)).toHaveLength(1);
    expect(await charges.subjects()).toHaveLength(1);
  });

  it.each([
    { what: 'decided and keeps the payment method', state: `status = 'COMPLETED', transaction_id = 'ch_1'` },
    { what: 'open without a payment method', state: `payment_method = null` },
    { what: 'completed without a transaction', state: `status = 'COMPLETED', payment_method = null` },
    { what: 'declined without a code', state: `status = 'DECLINED', payment_method = null` },
    {
      what: 'completed with the code of a decline',
      state: `status = 'COMPLETED', payment_method = null, transaction_id = 'ch_1', decline_code = 'expired_card'`,
    },
  ])('a charge that is $what is refused by the database', async ({ state }) => {
    await charges.open();
    await expect(charges.set(state)).rejects.toThrow(/check constraint/);
  });

  it('leaves a decided charge without work', async () => {
    await charges.complete();
    expect(await charges.timesOf()).toMatchObject({ due: null, watch: null });
  });

  it('leaves a completed charge due whose refund was requested during its call', async () => {
    const charge = await charges.open();
    await charges.store.requestRefund('o1', 'refund of o1');
    await charges.set('due_time = null');
    expect(await charges.save(decideCharge(charge, CAPTURED))).toMatchObject({ refundRequested: true });
    expect(await charges.timesOf()).toMatchObject({ due: SETTLE_MINUTES, watch: null });
  });

  it('leaves a declined charge without work, although its refund was requested', async () => {
    const charge = await charges.open();
    await charges.store.requestRefund('o1', 'refund of o1');
    await charges.save(decideCharge(charge, DECLINED));
    expect(await charges.timesOf()).toMatchObject({ due: null, watch: null });
  });

  it('leaves a refunded charge without work', async () => {
    const completed = await charges.complete();
    await charges.store.requestRefund('o1', 'refund of o1');
    await charges.save(refundCharge(completed));
    expect(await charges.timesOf()).toMatchObject({ due: null, watch: null });
  });

  it('looks for the late capture of a voided charge until the window is over', async () => {
    await charges.voidOpen();
    expect(await charges.store.find('o1')).toMatchObject({ charge: { status: 'VOIDED' }, awaitingLateCapture: true });
    expect(await charges.timesOf()).toMatchObject({ due: SETTLE_MINUTES, watch: WATCH_MINUTES });
  });

  it('looks for no further capture once the late one is refunded', async () => {
    await charges.save(recordLateRefund(await charges.voidOpen(), 'ch_late'));
    expect(await charges.store.find('o1')).toMatchObject({
      charge: { status: 'REFUNDED' },
      awaitingLateCapture: false,
    });
    expect(await charges.timesOf()).toMatchObject({ due: null, watch: null });
  });

  it('starts the delays of its further work again', async () => {
    const charge = await charges.open();
    await charges.store.requestRefund('o1', 'refund of o1');
    await charges.set(`due_time = now(), checks = 7`);
    await charges.save(voidCharge(charge));
    await charges.set(`due_time = now()`);
    expect(await charges.store.claimDue(1)).toHaveLength(1);
    expect(await charges.timesOf()).toMatchObject({ due: SETTLE_MINUTES });
  });
});

describe('claiming what is due', () => {
  it('skips what is not due, and what has no work left', async () => {
    await charges.open('not due yet');
    await charges.complete('done');
    expect(await charges.store.claimDue(10)).toEqual([]);
  });

  it('takes a charge once: claiming moves its due time forward', async () => {
    const charge = await charges.open();
    await charges.set(`due_time = now() - interval '1 hour'`);
    expect(await charges.store.claimDue(10)).toMatchObject([{ charge }]);
    expect(await charges.store.claimDue(10)).toEqual([]);
  });

  it('doubles the delay with every check, up to five minutes', async () => {
    await charges.open();
    const delays: unknown[] = [];
    for (let check = 0; check < 5; check += 1) {
      await charges.set('due_time = now()');
      await charges.store.claimDue(1);
      delays.push((await charges.timesOf()).due);
    }
    expect(delays).toEqual([1, 2, 4, 5, 5]);
  });

  it('keeps the longest delay after any number of checks', async () => {
    await charges.open();
    await charges.set('due_time = now(), checks = 2000000000');
    expect(await charges.store.claimDue(1)).toHaveLength(1);
    expect(await charges.timesOf()).toMatchObject({ due: 5 });
  });

  it('claims at most its limit, the longest due first', async () => {
    for (const orderId of ['o1', 'o2', 'o3', 'o4']) await charges.open(orderId);
    await charges.set(
      `due_time = now() - interval '1 minute' * (case order_id when 'o3' then 90 when 'o2' then 60 else 1 end)`,
    );
    const claimed = await charges.store.claimDue(2);
    expect(claimed.map(({ charge }) => charge.orderId).sort()).toEqual(['o2', 'o3']);
  });

  it('skips a charge that another replica claims at the same moment', async () => {
    await charges.open('o1');
    await charges.open('o2');
    await charges.set(`due_time = now() - interval '1 minute' * (case order_id when 'o1' then 2 else 1 end)`);
    await charges.inTransaction(async (first) => {
      const claimed = await first.claimDue(1);
      expect(claimed.map(({ charge }) => charge.orderId)).toEqual(['o1']);
      const others = await charges.store.claimDue(10);
      expect(others.map(({ charge }) => charge.orderId)).toEqual(['o2']);
    });
  });

  it('looks a last time for a late capture after its window, and never again', async () => {
    await charges.voidOpen();
    await charges.set(`due_time = now(), watch_until = now() + interval '1 minute'`);
    expect(await charges.store.claimDue(1)).toMatchObject([{ awaitingLateCapture: true }]);
    expect(await charges.timesOf()).toMatchObject({ due: SETTLE_MINUTES });
    await charges.set(`due_time = now(), watch_until = now() - interval '1 minute'`);
    expect(await charges.store.claimDue(1)).toMatchObject([{ awaitingLateCapture: true }]);
    expect(await charges.timesOf()).toMatchObject({ due: null });
  });

  it('takes a charge that is due far ahead because the clock was set back, and shortens its call window', async () => {
    await charges.open();
    await charges.set(`due_time = now() + interval '1 hour', call_until = now() + interval '1 hour'`);
    expect(await charges.store.claimDue(1)).toHaveLength(1);
    expect(await charges.timesOf()).toMatchObject({ call: CALL_MINUTES, due: SETTLE_MINUTES });
  });

  it('leaves a charge that is as far ahead as a delay may be, and a call window as long as one may be', async () => {
    await charges.open('o1');
    await charges.open('o2');
    await charges.set(`due_time = case order_id when 'o1' then now() + interval '5 minutes' else now() end,
      call_until = now() + interval '9 minutes'`);
    expect(await charges.store.claimDue(10)).toMatchObject([{ charge: { orderId: 'o2' } }]);
    expect(await charges.timesOf('o2')).toMatchObject({ call: 9 });
  });
});

import { describe, expect, it } from 'vitest';
import { type ChargeRequest, ChargeSimulator } from '#local/provider/charge-simulator.ts';
import type { LedgerEntry } from '#local/provider/ledger.ts';
import { createManualClock, settle } from './manual-clock.ts';

const KEY_RETENTION_MS = 60_000;
const SLOW_CAPTURE_MS = 5_000;

const sample: ChargeRequest = {
  order_id: 'order-1',
  customer_id: 'cust123',
  amount: { currency_code: 'EUR', minor_units: 5999 },
  payment_method: 'pm_approved',
};

function openCreateOrderFixture({
  entries = [] as LedgerEntry[],
  append = async (entry: LedgerEntry) => void entries.push(entry),
} = {}) {
  const clock = createManualClock();
  const simulator = new ChargeSimulator({
    clock,
    append,
    keyRetentionMs: KEY_RETENTION_MS,
    slowCaptureMs: SLOW_CAPTURE_MS,
  });
  return { simulator, clock, entries };
}

function idOf(answer: { body: unknown }): string {
  return (answer.body as { id: string }).id;
}

describe('a charge', () => {
  it('captures once and answers a duplicate with the same charge', async () => {
    const { simulator, entries } = openCreateOrderFixture();

    const first = await simulator.charge('key', sample);
    const second = await simulator.charge('key', sample);

    expect(first).toMatchObject({ status: 200, body: { status: 'captured', order_id: 'order-1' } });
    expect(idOf(second)).toBe(idOf(first));
    expect(second.headers).toEqual({ 'idempotent-replayed': 'true' });
    expect(entries).toHaveLength(1);
  });

  it('rejects a known key with a different body and captures nothing more', async () => {
    const { simulator, entries } = openCreateOrderFixture();
    await simulator.charge('key', sample);

    const other = simulator.charge('key', { ...sample, amount: { currency_code: 'EUR', minor_units: 6000 } });

    await expect(other).rejects.toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    expect(entries).toHaveLength(1);
  });

  it('is a new charge after its key has expired', async () => {
    const { simulator, clock, entries } = openCreateOrderFixture();
    const first = await simulator.charge('key', sample);
    await clock.advance(KEY_RETENTION_MS - 1);
    expect(idOf(await simulator.charge('key', sample))).toBe(idOf(first));

    await clock.advance(1);

    expect(idOf(await simulator.charge('key', sample))).not.toBe(idOf(first));
    expect(entries).toHaveLength(2);
  });

  it('is a new charge after its key has expired, though an older call is still in flight', async () => {
    const { simulator, clock } = openCreateOrderFixture({
      append: ({ key }) => (key === 'stuck' ? new Promise<undefined>(() => undefined) : Promise.resolve(undefined)),
    });
    void simulator.charge('stuck', sample);
    const first = await simulator.charge('key', sample);

    await clock.advance(KEY_RETENTION_MS);

    expect(idOf(await simulator.charge('key', sample))).not.toBe(idOf(first));
  });

  it.each([
    ['pm_insufficient_funds', 'insufficient_funds', 'Insufficient funds'],
    ['pm_expired_card', 'expired_card', 'Expired card'],
  ])('is declined with %s, for the repeat of its key as well', async (paymentMethod, code, message) => {
    const { simulator, entries } = openCreateOrderFixture();
    const request = { ...sample, payment_method: paymentMethod };

    const first = await simulator.charge('key', request);

    expect(first).toMatchObject({ status: 402, body: { error: { code, message } } });
    expect((await simulator.charge('key', request)).body).toEqual(first.body);
    expect(entries).toHaveLength(1);
    expect([...simulator.listCharges()]).toMatchObject([{ status: 'declined' }]);
  });

  it('fails every time with pm_provider_error and records nothing', async () => {
    const { simulator, entries } = openCreateOrderFixture();
    const request = { ...sample, payment_method: 'pm_provider_error' };

    await expect(simulator.charge('key', request)).rejects.toMatchObject({ status: 500, code: 'provider_error' });
    await expect(simulator.charge('key', request)).rejects.toMatchObject({ status: 500, code: 'provider_error' });

    expect(await simulator.charge('key', sample)).toMatchObject({ status: 200 });
    expect(entries).toHaveLength(1);
  });

  it('captures late with pm_slow and rejects the same key until then', async () => {
    const { simulator, clock, entries } = openCreateOrderFixture();
    const request = { ...sample, payment_method: 'pm_slow' };
    const first = simulator.charge('key', request);
    await clock.advance(SLOW_CAPTURE_MS - 1);

    await expect(simulator.charge('key', request)).rejects.toMatchObject({
      status: 409,
      code: 'idempotency_key_in_use',
    });
    expect([...simulator.chargesOfOrder('order-1')]).toMatchObject([{ status: 'pending' }]);
    expect(entries).toHaveLength(0);

    await clock.advance(1);
    expect(await first).toMatchObject({ status: 200 });
    expect([...simulator.chargesOfOrder('order-1')]).toMatchObject([{ status: 'captured' }]);
    expect(await simulator.charge('key', request)).toMatchObject({ body: { status: 'captured' } });
  });

  it('never captures after the provider has closed', async () => {
    const { simulator, clock, entries } = openCreateOrderFixture();
    void simulator.charge('key', { ...sample, payment_method: 'pm_slow' });

    simulator.close();
    await clock.advance(2 * SLOW_CAPTURE_MS);

    expect(entries).toHaveLength(0);
  });

  it('is removed with its key when the ledger cannot be written', async () => {
    let broken = true;
    const { simulator } = openCreateOrderFixture({
      append: async () => {
        if (broken) throw new Error('disk full');
      },
    });

    await expect(simulator.charge('key', sample)).rejects.toThrow('disk full');
    expect([...simulator.listCharges()]).toEqual([]);
    expect([...simulator.chargesOfOrder('order-1')]).toEqual([]);

    broken = false;
    expect(await simulator.charge('key', sample)).toMatchObject({ status: 200 });
  });

  it('stays listed when the ledger cannot be written for another one of its order', async () => {
    const { simulator } = openCreateOrderFixture({
      append: async ({ key }) => {
        if (key === 'second') throw new Error('disk full');
      },
    });
    const first = idOf(await simulator.charge('first', sample));

    await expect(simulator.charge('second', sample)).rejects.toThrow('disk full');

    expect([...simulator.chargesOfOrder('order-1')]).toMatchObject([{ id: first }]);
  });

  it('writes no payment method to the ledger', async () => {
    const { simulator, entries } = openCreateOrderFixture();

    await simulator.charge('key', sample);

    expect(JSON.stringify(entries)).not.toContain('pm_');
  });
});

describe('a refund', () => {
  it('refunds a charge once and answers a duplicate with the same refund', async () => {
    const { simulator, entries } = openCreateOrderFixture();
    const chargeId = idOf(await simulator.charge('key', sample));

    const first = await simulator.refund('refund-key', { charge_id: chargeId });
    const second = await simulator.refund('refund-key', { charge_id: chargeId });

    expect(first).toMatchObject({ status: 200, body: { charge_id: chargeId, amount: sample.amount } });
    expect(idOf(second)).toBe(idOf(first));
    expect([...simulator.chargesOfOrder('order-1')]).toMatchObject([{ status: 'captured', refund_id: idOf(first) }]);
    expect(entries.map((entry) => entry.type)).toEqual(['charge', 'refund']);
  });

  it('refunds once when two keys arrive at the same time', async () => {
    const { simulator, entries } = openCreateOrderFixture();
    const chargeId = idOf(await simulator.charge('key', sample));

    const [first, second] = await Promise.allSettled([
      simulator.refund('one', { charge_id: chargeId }),
      simulator.refund('two', { charge_id: chargeId }),
    ]);

    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ status: 'rejected', reason: { status: 422, code: 'charge_already_refunded' } });
    expect(entries.filter((entry) => entry.type === 'refund')).toHaveLength(1);
  });

  it.each([
    [6000, 'EUR', 'refund_exceeds_charge', 'amount.minor_units'],
    [5998, 'EUR', 'partial_refund', 'amount.minor_units'],
    [5999, 'USD', 'wrong_currency', 'amount.currency_code'],
  ])('of %i %s instead of the whole charge is refused: %s', async (minorUnits, currency, code, field) => {
    const { simulator } = openCreateOrderFixture();
    const chargeId = idOf(await simulator.charge('key', sample));
    const amount = { minor_units: minorUnits, currency_code: currency };

    const refund = simulator.refund('refund-key', { charge_id: chargeId, amount });

    await expect(refund).rejects.toMatchObject({ status: 422, code, fields: [{ field }] });
    expect([...simulator.listRefunds()]).toEqual([]);
  });

  it('is rejected for a charge that is not captured', async () => {
    const { simulator } = openCreateOrderFixture();
    const slow = simulator.charge('slow', { ...sample, payment_method: 'pm_slow' });
    void slow;
    await settle();
    const pending = [...simulator.listCharges()][0]!;

    await expect(simulator.refund('one', { charge_id: pending.id })).rejects.toMatchObject({
      code: 'charge_not_captured',
    });
    await expect(simulator.refund('two', { charge_id: 'ch_unknown' })).rejects.toMatchObject({ status: 404 });
  });

  it('can be made again after the ledger could not be written', async () => {
    let broken = true;
    const { simulator } = openCreateOrderFixture({
      append: async ({ type }) => {
        if (type === 'refund' && broken) throw new Error('disk full');
      },
    });
    const chargeId = idOf(await simulator.charge('key', sample));
    await expect(simulator.refund('refund-key', { charge_id: chargeId })).rejects.toThrow('disk full');

    broken = false;

    expect(await simulator.refund('refund-key', { charge_id: chargeId })).toMatchObject({ status: 200 });
  });

  it('is rejected with a known key and a different body', async () => {
    const { simulator } = openCreateOrderFixture();
    const chargeId = idOf(await simulator.charge('key', sample));
    await simulator.refund('refund-key', { charge_id: chargeId });

    const other = simulator.refund('refund-key', { charge_id: chargeId, reason: 'wrong size' });

    await expect(other).rejects.toMatchObject({ status: 422, code: 'idempotency_key_reused' });
  });

  it('does not share a key with a charge', async () => {
    const { simulator } = openCreateOrderFixture();
    const chargeId = idOf(await simulator.charge('key', sample));

    await expect(simulator.refund('key', { charge_id: chargeId })).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
  });
});

describe('a restarted provider', () => {
  it('restores every charge, refund and key', async () => {
    const before = openCreateOrderFixture();
    const charge = await before.simulator.charge('key', sample);
    const refund = await before.simulator.refund('refund-key', { charge_id: idOf(charge) });
    const declined = { ...sample, order_id: 'order-2', payment_method: 'pm_expired_card' };
    await before.simulator.charge('declined-key', declined);

    const after = openCreateOrderFixture();
    for (const entry of structuredClone(before.entries)) after.simulator.restore(entry);

    expect([...after.simulator.listCharges()]).toEqual([...before.simulator.listCharges()]);
    expect([...after.simulator.listRefunds()]).toEqual([...before.simulator.listRefunds()]);
    expect(idOf(await after.simulator.charge('key', sample))).toBe(idOf(charge));
    expect(idOf(await after.simulator.refund('refund-key', { charge_id: idOf(charge) }))).toBe(idOf(refund));
    expect(await after.simulator.charge('declined-key', declined)).toMatchObject({ status: 402 });
    expect(after.entries).toHaveLength(0);
  });

  it('drops keys whose retention ended while it was down', async () => {
    const before = openCreateOrderFixture();
    await before.simulator.charge('key', sample);

    const after = openCreateOrderFixture();
    await after.clock.advance(KEY_RETENTION_MS);
    for (const entry of structuredClone(before.entries)) after.simulator.restore(entry);
    await after.simulator.charge('key', sample);

    expect([...after.simulator.chargesOfOrder('order-1')]).toHaveLength(2);
  });
});

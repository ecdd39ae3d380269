// The settlement of a charge: the calls to the provider, their order, and what is stored.
import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { PaymentCompletedSchema } from '#gen/shop/payment/v1/payment_events_pb.ts';
import type { StoredCharge } from '#services/payment/charge.ts';
import { providerKey, refundLateCapture, settleCharge } from '#services/payment/settlement.ts';
import { DomainError } from '#services/platform/base/errors.ts';
import {
  captured,
  createMemoryStore,
  createProvider,
  createSettlement,
  declined,
  inFlight,
  none,
  runFor,
  storedCharge,
  unknown,
} from './fakes.ts';

const OLD = { intentAgeMs: 1_000 };
const REFUND = { refundRequested: true };

function settling(...charges: readonly ReturnType<typeof storedCharge>[]) {
  const store = createMemoryStore(...charges);
  const provider = createProvider();
  const { dependencies, wakeRelay } = createSettlement(store, provider);
  const subjects = () => store.events.map(({ subject }) => subject);
  const status = (orderId = 'o1') => store.rows.get(orderId)?.charge.status;
  return { store, provider, dependencies, wakeRelay, subjects, status };
}

async function failureOf(call: Promise<unknown>): Promise<DomainError> {
  const error = await call.catch((thrown: unknown) => thrown);
  if (error instanceof DomainError) return error;
  throw new Error(`no DomainError but ${String(error)}`);
}

describe('the first call for a charge', () => {
  it('redacts a payment method quoted by the provider', async () => {
    const { store, provider, dependencies } = settling(storedCharge());
    const words = 'no money at pm_approved (pm_approved)';
    provider.charge.mockResolvedValueOnce({ kind: 'declined', code: 'no_pm_approved', message: words });
    expect(await settleCharge(dependencies, 'o1', runFor(), storedCharge())).toMatchObject({
      declineCode: 'no_[payment method]',
      declineMessage: 'no money at [payment method] ([payment method])',
    });
    expect(Buffer.from(store.events[0]?.payload ?? []).toString('latin1')).not.toContain('pm_approved');
  });

  it('charges with the order’s own key, and counts for the breaker', async () => {
    const { provider, dependencies } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce(captured);
    await settleCharge(dependencies, 'o1', runFor(), storedCharge());

    const [key, order, options] = provider.charge.mock.calls[0] ?? [];
    expect(key).toBe(providerKey('charge', 'o1'));
    expect(order).toMatchObject({ orderId: 'o1', customerId: 'cust123', paymentMethod: 'pm_approved' });
    expect(options?.counted).toBe(true);
  });

  it('stores the capture with its event and wakes the relay', async () => {
    const { store, provider, dependencies, wakeRelay } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce(captured);
    const charge = await settleCharge(dependencies, 'o1', runFor(), storedCharge());

    expect(charge).toMatchObject({ status: 'COMPLETED', transactionId: 'ch_1' });
    const event = fromBinary(PaymentCompletedSchema, store.events[0]?.payload ?? new Uint8Array());
    expect(event).toMatchObject({ orderId: 'o1', transactionId: 'ch_1', version: 2n });
    expect(wakeRelay).toHaveBeenCalledOnce();
  });

  it('stores a decline with its event', async () => {
    const { provider, dependencies, subjects } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce(declined);

    expect(await settleCharge(dependencies, 'o1', runFor(), storedCharge())).toMatchObject({ status: 'DECLINED' });
    expect(subjects()).toEqual(['shop.payment.v1.PaymentFailed']);
  });

  it('leaves the charge open when there is no definite outcome', async () => {
    const { provider, dependencies, subjects, status } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce(unknown);
    const error = await failureOf(settleCharge(dependencies, 'o1', runFor(), storedCharge()));

    expect(error).toMatchObject({ kind: 'unavailable', reason: 'PAYMENT_PROVIDER_UNAVAILABLE', retryAfterMs: 1_000 });
    expect([status(), subjects()]).toEqual(['CHARGING', []]);
  });

  it('names it when the provider failed this charge itself', async () => {
    const { provider, dependencies, status } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce({ kind: 'unknown', reason: 'answered 500', failedItself: true });
    const error = await failureOf(settleCharge(dependencies, 'o1', runFor(), storedCharge()));
    expect(error).toMatchObject({ kind: 'unavailable', reason: 'PAYMENT_PROVIDER_ERROR' });
    expect(status()).toBe('CHARGING');
  });

  it('is not made when no time is left', async () => {
    const { provider, dependencies } = settling(storedCharge());
    await failureOf(settleCharge(dependencies, 'o1', runFor(0), storedCharge()));
    expect(provider.charge).not.toHaveBeenCalled();
  });

  it('limits the provider’s timeout to the time left', async () => {
    const { provider, dependencies } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce(captured);
    await settleCharge(dependencies, 'o1', runFor(700), storedCharge());
    expect(provider.charge.mock.calls[0]?.[2].timeoutMs).toBeLessThanOrEqual(700);
  });

  it('returns what another replica stored concurrently', async () => {
    const { store, provider, dependencies, wakeRelay } = settling(storedCharge());
    provider.charge.mockImplementationOnce(async () => {
      const faster = storedCharge({ status: 'REFUNDED', transactionId: 'ch_1', version: 3 });
      store.rows.set('o1', { ...faster, requestHash: '', idempotencyKey: '', refundKey: '' });
      return captured;
    });

    expect(await settleCharge(dependencies, 'o1', runFor(), storedCharge())).toMatchObject({ status: 'REFUNDED' });
    expect(store.events).toEqual([]);
    expect(wakeRelay).not.toHaveBeenCalled();
  });
});

describe('a duplicate that finds an open charge', () => {
  it('calls again with the same key, and does not count for the breaker', async () => {
    const { provider, dependencies } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce(captured);
    await settleCharge(dependencies, 'o1', runFor());

    expect(provider.charge.mock.calls[0]?.[0]).toBe(providerKey('charge', 'o1'));
    expect(provider.charge.mock.calls[0]?.[2].counted).toBe(false);
    expect(provider.findCharge).not.toHaveBeenCalled();
  });

  it('waits while the first call is in flight', async () => {
    const { provider, dependencies } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce(inFlight).mockResolvedValueOnce(captured);

    expect(await settleCharge(dependencies, 'o1', runFor())).toMatchObject({ status: 'COMPLETED' });
    expect(provider.charge).toHaveBeenCalledTimes(2);
  });

  it('stops waiting at its deadline', async () => {
    const { provider, dependencies, status } = settling(storedCharge());
    provider.charge.mockResolvedValue(inFlight);

    expect(await failureOf(settleCharge(dependencies, 'o1', runFor(100)))).toMatchObject({
      kind: 'unavailable',
      reason: 'PAYMENT_PROVIDER_UNAVAILABLE',
    });
    expect(status()).toBe('CHARGING');
  });

  it('ends its wait when the service stops', async () => {
    const { provider, dependencies } = settling(storedCharge());
    const stopping = new AbortController();
    provider.charge.mockImplementation(async () => {
      stopping.abort();
      return inFlight;
    });

    await failureOf(settleCharge(dependencies, 'o1', runFor(60_000, stopping.signal)));
    expect(provider.charge).toHaveBeenCalledOnce();
  });

  it('makes no call for a charge decided since it was read', async () => {
    const { store, provider, dependencies } = settling(storedCharge());
    const decided = storedCharge({ status: 'COMPLETED', transactionId: 'ch_1', version: 2 });
    const extendCallWindow = async () => {
      store.rows.set('o1', { ...decided, requestHash: '', idempotencyKey: '', refundKey: '' });
      return undefined;
    };

    const changed = { ...dependencies, store: { ...store, extendCallWindow } };
    expect(await settleCharge(changed, 'o1', runFor())).toMatchObject({ transactionId: 'ch_1' });
    expect(provider.charge).not.toHaveBeenCalled();
  });

  it('looks the charge up when the provider has the key with other content', async () => {
    const { provider, dependencies } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce({ kind: 'key_conflict' });
    provider.findCharge.mockResolvedValueOnce(captured);

    expect(await settleCharge(dependencies, 'o1', runFor())).toMatchObject({ transactionId: 'ch_1' });
  });

  it('leaves it open when the key is refused and no charge is found', async () => {
    const { provider, dependencies, status } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce({ kind: 'key_conflict' });
    provider.findCharge.mockResolvedValueOnce(none);

    await failureOf(settleCharge(dependencies, 'o1', runFor()));
    expect(status()).toBe('CHARGING');
  });
});

describe('an intent whose key may be forgotten', () => {
  it('is looked up, not retried', async () => {
    const { provider, dependencies } = settling(storedCharge({}, OLD));
    provider.findCharge.mockResolvedValueOnce({ ...captured, transactionId: 'ch_old' });

    expect(await settleCharge(dependencies, 'o1', runFor())).toMatchObject({ transactionId: 'ch_old' });
    expect(provider.charge).not.toHaveBeenCalled();
  });

  it('is declined, and gets no further call, when the provider has declined it', async () => {
    const { store, provider, dependencies } = settling(storedCharge({}, OLD));
    provider.findCharge.mockResolvedValueOnce(declined);

    expect(await settleCharge(dependencies, 'o1', runFor())).toMatchObject({ status: 'DECLINED' });
    expect(store.rows.get('o1')?.attempt).toBe(1);
    expect(provider.charge).not.toHaveBeenCalled();
  });

  it('gets a new attempt and a call when the provider has no charge', async () => {
    const { store, provider, dependencies } = settling(storedCharge({}, OLD));
    provider.findCharge.mockResolvedValueOnce(none);
    provider.charge.mockResolvedValueOnce(captured);
    await settleCharge(dependencies, 'o1', runFor());

    expect(store.rows.get('o1')?.attempt).toBe(2);
    expect(provider.charge).toHaveBeenCalledOnce();
  });

  it('is called again when another replica started the new attempt', async () => {
    const { store, provider, dependencies } = settling(storedCharge({}, OLD));
    provider.findCharge.mockImplementationOnce(async () => {
      await store.startNewAttempt('o1', 1);
      return none;
    });
    provider.charge.mockResolvedValueOnce(captured);

    expect(await settleCharge(dependencies, 'o1', runFor())).toMatchObject({ status: 'COMPLETED' });
    expect([store.rows.get('o1')?.attempt, provider.findCharge.mock.calls.length]).toEqual([2, 1]);
  });

  it('is left open when the look-up has no definite result', async () => {
    const { provider, dependencies, status } = settling(storedCharge({}, OLD));
    provider.findCharge.mockResolvedValueOnce(unknown);

    await failureOf(settleCharge(dependencies, 'o1', runFor()));
    expect(provider.charge).not.toHaveBeenCalled();
    expect(status()).toBe('CHARGING');
  });
});

describe('a refund', () => {
  it('of a completed charge is made with the order’s own key and published', async () => {
    const { provider, dependencies, subjects } = settling(
      storedCharge({ status: 'COMPLETED', transactionId: 'ch_1' }, REFUND),
    );
    provider.refund.mockResolvedValueOnce({ kind: 'refunded' });

    expect(await settleCharge(dependencies, 'o1', runFor())).toMatchObject({ status: 'REFUNDED' });
    expect(provider.refund.mock.calls[0]?.slice(0, 2)).toMatchObject([
      providerKey('refund', 'o1'),
      { transactionId: 'ch_1' },
    ]);
    expect(subjects()).toEqual(['shop.payment.v1.PaymentRefunded']);
  });

  it('leaves the charge completed when there is no definite outcome', async () => {
    const { provider, dependencies, status } = settling(
      storedCharge({ status: 'COMPLETED', transactionId: 'ch_1' }, REFUND),
    );
    provider.refund.mockResolvedValueOnce(unknown);

    await failureOf(settleCharge(dependencies, 'o1', runFor()));
    expect(status()).toBe('COMPLETED');
  });

  it('of an open charge finds the capture first, then refunds it', async () => {
    const { provider, dependencies, subjects } = settling(storedCharge({}, REFUND));
    provider.findCharge.mockResolvedValueOnce(captured);
    provider.refund.mockResolvedValueOnce({ kind: 'refunded' });

    expect(await settleCharge(dependencies, 'o1', runFor())).toMatchObject({
      status: 'REFUNDED',
      transactionId: 'ch_1',
    });
    expect(subjects()).toEqual(['shop.payment.v1.PaymentCompleted', 'shop.payment.v1.PaymentRefunded']);
  });

  it('of an open charge that was declined leaves it declined', async () => {
    const { provider, dependencies } = settling(storedCharge({}, REFUND));
    provider.findCharge.mockResolvedValueOnce(declined);
    expect(await settleCharge(dependencies, 'o1', runFor())).toMatchObject({ status: 'DECLINED' });
  });

  it('of an open charge without a capture voids it, without an event and without charging', async () => {
    const { provider, dependencies, subjects, wakeRelay } = settling(storedCharge({}, REFUND));
    provider.findCharge.mockResolvedValueOnce(none);

    expect(await settleCharge(dependencies, 'o1', runFor())).toMatchObject({ status: 'VOIDED', transactionId: '' });
    expect(provider.charge).not.toHaveBeenCalled();
    expect(subjects()).toEqual([]);
    expect(wakeRelay).not.toHaveBeenCalled();
  });

  it('does not void a charge while a call may be in flight, and reports the remaining window', async () => {
    const { provider, dependencies, status } = settling(storedCharge({}, { ...REFUND, callWindowMs: 9_000.4 }));
    provider.findCharge.mockResolvedValue(none);

    expect(await failureOf(settleCharge(dependencies, 'o1', runFor(150)))).toMatchObject({ retryAfterMs: 9_001 });
    expect(status()).toBe('CHARGING');
  });

  it('looks again after the call window is over', async () => {
    const { store, provider, dependencies } = settling(storedCharge({}, { ...REFUND, callWindowMs: 20 }));
    provider.findCharge.mockImplementationOnce(async () => {
      const row = store.rows.get('o1');
      if (row !== undefined) store.rows.set('o1', { ...row, callWindowMs: 0 });
      return none;
    });
    provider.findCharge.mockResolvedValueOnce(captured);
    provider.refund.mockResolvedValueOnce({ kind: 'refunded' });

    expect(await settleCharge(dependencies, 'o1', runFor())).toMatchObject({ transactionId: 'ch_1' });
    expect(provider.findCharge).toHaveBeenCalledTimes(2);
  });
});

describe('a refund of an open charge, while a call may be in flight,', () => {
  /** Changes the stored charge during the first look-up, which finds nothing. */
  function changeDuringLookUp(change: (row: StoredCharge) => StoredCharge) {
    const setup = settling(storedCharge({}, { ...REFUND, callWindowMs: 20 }));
    setup.provider.findCharge.mockImplementation(async () => {
      const row = setup.store.rows.get('o1');
      if (row !== undefined) setup.store.rows.set('o1', { ...row, ...change(row) });
      return none;
    });
    return setup;
  }

  it('voids it as soon as its call window is over', async () => {
    const { provider, dependencies } = changeDuringLookUp((row) => ({ ...row, callWindowMs: 0 }));
    expect(await settleCharge(dependencies, 'o1', runFor())).toMatchObject({ status: 'VOIDED' });
    expect(provider.findCharge).toHaveBeenCalledTimes(2);
  });

  it('answers what another replica has decided in the meantime', async () => {
    const declinedCharge = storedCharge({ status: 'DECLINED', version: 2 }, REFUND);
    const { provider, dependencies, subjects } = changeDuringLookUp(() => declinedCharge);
    expect(await settleCharge(dependencies, 'o1', runFor())).toMatchObject({ status: 'DECLINED', version: 2 });
    expect(provider.findCharge).toHaveBeenCalledOnce();
    expect(subjects()).toEqual([]);
  });
});

describe('a voided charge', () => {
  const voided = storedCharge({ status: 'VOIDED', version: 2 }, { ...REFUND, awaitingLateCapture: true });

  it('has its late capture refunded and published', async () => {
    const { store, provider, dependencies, subjects } = settling(voided);
    provider.findCharge.mockResolvedValueOnce(captured);
    provider.refund.mockResolvedValueOnce({ kind: 'refunded' });
    await refundLateCapture(dependencies, voided, runFor());

    expect(provider.refund.mock.calls[0]?.[0]).toBe(providerKey('refund', 'o1'));
    expect(store.rows.get('o1')?.charge).toMatchObject({ status: 'REFUNDED', transactionId: 'ch_1' });
    expect(subjects()).toEqual(['shop.payment.v1.PaymentRefunded']);
  });

  it.each([none, declined])('is unchanged while the provider has captured nothing (%o)', async (found) => {
    const { store, provider, dependencies } = settling(voided);
    provider.findCharge.mockResolvedValueOnce(found);
    await refundLateCapture(dependencies, voided, runFor());

    expect(provider.refund).not.toHaveBeenCalled();
    expect(store.rows.get('o1')?.charge.version).toBe(2);
  });

  it('keeps awaiting its late capture when the refund has no definite outcome', async () => {
    const { store, provider, dependencies } = settling(voided);
    provider.findCharge.mockResolvedValueOnce(captured);
    provider.refund.mockResolvedValueOnce(unknown);

    await failureOf(refundLateCapture(dependencies, voided, runFor()));
    expect(store.rows.get('o1')?.charge.transactionId).toBe('');
  });
});

describe('the provider’s key of an order', () => {
  it('never changes, and differs for a refund', () => {
    expect(providerKey('charge', 'o1')).toBe('charge-2352da7280f1decc3acf1ba84eb945c9fc2b7b541094e1d0992dbffd1b6664cc');
    expect(providerKey('refund', 'o1')).not.toBe(providerKey('charge', 'o1'));
  });

  it('fits a header, whatever the order’s id', () => {
    for (const orderId of ['x'.repeat(128), 'ä ö\u{1F600}', 'a"b']) {
      expect(providerKey('charge', orderId)).toMatch(/^[\x21-\x7e]{1,255}$/);
    }
  });
});

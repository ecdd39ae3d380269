// The limits of a settlement: its steps, its waits, its deadline; and what it reports.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { StoredCharge } from '#services/payment/charge.ts';
import { providerKey, type Run, refundLateCapture, settleCharge } from '#services/payment/settlement.ts';
import { createSettlements } from '#services/payment/settlements.ts';
import { unavailable } from '#services/platform/base/errors.ts';
import { recordLog } from '../platform/support/recorded-log.ts';
import {
  captured,
  createMemoryStore,
  createProvider,
  createSettlement,
  declined,
  inFlight,
  none,
  storedCharge,
  unknown,
} from './fakes.ts';

const REFUND = { refundRequested: true };
const COMPLETED = { status: 'COMPLETED', transactionId: 'ch_1', version: 2 } as const;

function settling(...charges: readonly StoredCharge[]) {
  const store = createMemoryStore(...charges);
  const provider = createProvider();
  const { dependencies, wakeRelay } = createSettlement(store, provider);
  const recorded = recordLog('info');
  const replace = (change: Partial<StoredCharge>) => {
    const row = store.rows.get('o1');
    if (row !== undefined) store.rows.set('o1', { ...row, ...change });
  };
  return { store, provider, wakeRelay, recorded, replace, dependencies: { ...dependencies, log: recorded.log } };
}

/** A run whose remaining time does not shrink. */
function runWith(remainingMs: number): Run {
  return { deadline: { remainingMs: () => remainingMs }, signal: new AbortController().signal };
}

beforeEach(() => {
  vi.useFakeTimers();
  // Each wait takes its longest.
  vi.spyOn(Math, 'random').mockReturnValue(1);
  return () => vi.useRealTimers();
});

describe('a settlement', () => {
  it('ends after ten steps when the charge changes in every one', async () => {
    const { store, dependencies } = settling(storedCharge());
    const find = vi.spyOn(store, 'find');
    vi.spyOn(store, 'extendCallWindow').mockResolvedValue(undefined);

    await expect(settleCharge(dependencies, 'o1', runWith(5_000))).rejects.toMatchObject({ kind: 'unavailable' });
    expect(find).toHaveBeenCalledTimes(10);
  });

  it.each([
    ['of an order without a charge', [], 'order o1 has no charge to settle'],
    ['of an open charge without an amount', [storedCharge({ amount: undefined })], 'a charge without an amount'],
    [
      'of a completed charge without an amount',
      [storedCharge({ ...COMPLETED, amount: undefined }, REFUND)],
      'a charge without an amount',
    ],
  ])('%s is refused', async (_, charges, message) => {
    const { dependencies } = settling(...charges);

    await expect(settleCharge(dependencies, 'o1', runWith(5_000))).rejects.toThrow(message);
  });

  it('extends the call window once for each call but the first', async () => {
    const { store, provider, dependencies } = settling(storedCharge({}, { intentAgeMs: 1_000 }));
    const extendCallWindow = vi.spyOn(store, 'extendCallWindow');
    provider.findCharge.mockResolvedValueOnce(none);
    provider.charge.mockResolvedValueOnce(unknown).mockResolvedValueOnce(captured);

    await expect(settleCharge(dependencies, 'o1', runWith(5_000), storedCharge())).rejects.toThrow();
    expect(extendCallWindow).toHaveBeenCalledTimes(0);
    await settleCharge(dependencies, 'o1', runWith(5_000));
    expect(extendCallWindow).toHaveBeenCalledTimes(1);
  });

  it('does not wake the relay for an event that another replica stored', async () => {
    const { provider, replace, wakeRelay, dependencies } = settling(storedCharge());
    provider.charge.mockImplementationOnce(async () => {
      replace(storedCharge(COMPLETED));
      return captured;
    });
    await settleCharge(dependencies, 'o1', runWith(5_000), storedCharge());

    expect(wakeRelay).not.toHaveBeenCalled();
  });

  it('stores the words of a decline as they are when the payment method is erased', async () => {
    const { provider, dependencies } = settling(storedCharge({}, { paymentMethod: '' }));
    provider.charge.mockResolvedValueOnce(declined);

    expect(await settleCharge(dependencies, 'o1', runWith(5_000))).toMatchObject({
      declineCode: 'insufficient_funds',
      declineMessage: 'Insufficient funds',
    });
  });

  it('names a decline "declined" when the provider gives it no code', async () => {
    const { provider, dependencies } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce({ kind: 'declined', code: '', message: 'no' });

    const settled = await settleCharge(dependencies, 'o1', runWith(5_000), storedCharge());

    expect(settled).toMatchObject({ declineCode: 'declined', declineMessage: 'no' });
  });

  it('reports the words of the provider that knew no outcome as the cause', async () => {
    const { provider, dependencies } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce(unknown);

    await expect(settleCharge(dependencies, 'o1', runWith(5_000))).rejects.toMatchObject({
      cause: { message: 'no answer' },
    });
  });
});

describe('a call to the provider', () => {
  it.each([
    [20, 1],
    [19, 0],
  ])('with %i ms left is made %i times', async (remainingMs, times) => {
    const { provider, dependencies } = settling(storedCharge());
    provider.charge.mockResolvedValue(unknown);

    await expect(settleCharge(dependencies, 'o1', runWith(remainingMs))).rejects.toThrow();
    expect(provider.charge).toHaveBeenCalledTimes(times);
  });

  it.each([
    [50, 2],
    [49, 1],
  ])('that is in flight is repeated when %i ms are left for the wait: %i calls', async (remainingMs, times) => {
    const { provider, dependencies } = settling(storedCharge());
    provider.charge.mockResolvedValueOnce(inFlight).mockResolvedValueOnce(captured);

    const settled = settleCharge(dependencies, 'o1', runWith(remainingMs)).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(50);
    await settled;
    expect(provider.charge).toHaveBeenCalledTimes(times);
  });

  it('is repeated after waits that double up to half a second', async () => {
    const { provider, dependencies } = settling(storedCharge());
    const start = Date.now();
    const times: number[] = [];
    provider.charge.mockImplementation(async () => {
      times.push(Date.now() - start);
      return times.length < 7 ? inFlight : captured;
    });

    const settled = settleCharge(dependencies, 'o1', runWith(5_000));
    await vi.advanceTimersByTimeAsync(2_000);
    await settled;
    expect(times).toEqual([0, 50, 150, 350, 750, 1_250, 1_750]);
  });
});

describe('voiding', () => {
  const open = storedCharge({}, { ...REFUND, callWindowMs: 10 });

  it.each([
    [50, 'looks again', 2],
    [49, 'fails', 1],
  ])('with a window of 10 ms and %i ms left %s', async (remainingMs, _, looks) => {
    const { provider, replace, dependencies } = settling(open);
    provider.findCharge.mockImplementation(async () => {
      if (provider.findCharge.mock.calls.length === 2) replace({ callWindowMs: 0 });
      return none;
    });

    const settled = settleCharge(dependencies, 'o1', runWith(remainingMs)).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(10);
    expect(provider.findCharge).toHaveBeenCalledTimes(looks);
    await vi.advanceTimersByTimeAsync(1_000);
    await settled;
  });

  it('looks again after waits that double up to half a second', async () => {
    const { provider, replace, dependencies } = settling(storedCharge({}, { ...REFUND, callWindowMs: 60_000 }));
    const start = Date.now();
    const times: number[] = [];
    provider.findCharge.mockImplementation(async () => {
      times.push(Date.now() - start);
      if (times.length === 6) replace({ callWindowMs: 0 });
      return none;
    });

    const settled = settleCharge(dependencies, 'o1', runWith(5_000));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await settled).toMatchObject({ status: 'VOIDED' });
    expect(times).toEqual([0, 50, 150, 350, 750, 1_250, 1_750]);
  });

  it.each([
    ['decided the charge', (rows: Map<string, unknown>) => void rows.set('o1', storedCharge(COMPLETED)), 'COMPLETED'],
    ['deleted the charge', (rows: Map<string, unknown>) => void rows.delete('o1'), 'has no charge to settle'],
  ])('ends when another replica %s during the wait', async (_, change, end) => {
    const { store, provider, dependencies } = settling(open);
    provider.findCharge.mockResolvedValueOnce(none);

    const settled = settleCharge(dependencies, 'o1', runWith(5_000)).then(
      ({ status }) => status,
      (error: Error) => error.message,
    );
    await vi.advanceTimersByTimeAsync(5);
    change(store.rows);
    await vi.advanceTimersByTimeAsync(5);
    expect(await settled).toContain(end);
    expect(provider.findCharge).toHaveBeenCalledOnce();
  });
});

describe('a late capture', () => {
  const voided = storedCharge({ status: 'VOIDED', version: 2 }, { ...REFUND, awaitingLateCapture: true });

  it('is refunded in full with the order’s refund key, by a call that the breaker does not count', async () => {
    const { provider, dependencies } = settling(voided);
    provider.findCharge.mockResolvedValueOnce(captured);
    provider.refund.mockResolvedValueOnce({ kind: 'refunded' });
    await refundLateCapture(dependencies, voided, runWith(700));

    expect(provider.refund.mock.calls).toEqual([
      [
        providerKey('refund', 'o1'),
        { transactionId: 'ch_1', amount: { currencyCode: 'EUR', minorUnits: 5999n } },
        { timeoutMs: 700, counted: false },
      ],
    ]);
  });

  it('of a charge without an amount is not refunded', async () => {
    const tombstone = storedCharge({ status: 'VOIDED', amount: undefined });
    const { provider, dependencies } = settling(tombstone);
    provider.findCharge.mockResolvedValueOnce(captured);
    await refundLateCapture(dependencies, tombstone, runWith(700));

    expect(provider.refund).not.toHaveBeenCalled();
  });
});

describe('the log', () => {
  it.each<[string, StoredCharge, (provider: ReturnType<typeof createProvider>) => unknown, string[]]>([
    ['a capture', storedCharge(), (provider) => provider.charge.mockResolvedValue(captured), ['payment completed']],
    ['a decline', storedCharge(), (provider) => provider.charge.mockResolvedValue(declined), ['payment declined']],
    [
      'a refund',
      storedCharge(COMPLETED, REFUND),
      (provider) => provider.refund.mockResolvedValue({ kind: 'refunded' }),
      ['payment refunded'],
    ],
    [
      'a void',
      storedCharge({}, REFUND),
      (provider) => provider.findCharge.mockResolvedValue(none),
      ['charge voided: the provider has no charge of the order'],
    ],
    [
      'a key with other content',
      storedCharge(),
      (provider) => {
        provider.charge.mockResolvedValue({ kind: 'key_conflict' });
        provider.findCharge.mockResolvedValue(captured);
      },
      ['the payment provider has the key with other content: looking the charge up instead', 'payment completed'],
    ],
  ])('reports %s', async (_, stored, answer, messages) => {
    const { provider, recorded, dependencies } = settling(stored);
    answer(provider);
    await settleCharge(dependencies, 'o1', runWith(5_000));

    expect(recorded.lines.map(({ msg }) => msg)).toEqual(messages);
  });

  it.each([
    ['the transaction of a capture', captured, { transaction_id: 'ch_1' }],
    ['the code of a decline', declined, { decline_code: 'insufficient_funds' }],
  ])('names %s', async (_, outcome, fields) => {
    const { provider, recorded, dependencies } = settling(storedCharge());
    provider.charge.mockResolvedValue(outcome);
    await settleCharge(dependencies, 'o1', runWith(5_000));

    const [line] = recorded.lines;
    expect({ transaction_id: line?.transaction_id, decline_code: line?.decline_code }).toEqual(fields);
  });

  it.each<[string, StoredCharge]>([
    ['a decision', storedCharge()],
    ['a void', storedCharge({}, REFUND)],
    ['a refund', storedCharge(COMPLETED, REFUND)],
  ])('does not report %s that another replica stored', async (_, stored) => {
    const { store, provider, recorded, dependencies } = settling(stored);
    provider.charge.mockResolvedValue(captured);
    provider.findCharge.mockResolvedValue(none);
    provider.refund.mockResolvedValue({ kind: 'refunded' });
    vi.spyOn(store, 'save').mockImplementationOnce(async () => {
      const decided = storedCharge({ status: 'DECLINED', version: 9 });
      store.rows.set('o1', { ...decided, requestHash: '', idempotencyKey: '', refundKey: '' });
      return undefined;
    });
    await settleCharge(dependencies, 'o1', runWith(5_000));

    expect(recorded.lines).toEqual([]);
  });

  it('warns of a late capture', async () => {
    const voided = storedCharge({ status: 'VOIDED', version: 2 });
    const { provider, recorded, dependencies } = settling(voided);
    provider.findCharge.mockResolvedValueOnce(captured);
    provider.refund.mockResolvedValueOnce({ kind: 'refunded' });
    await refundLateCapture(dependencies, voided, runWith(700));

    expect(recorded.messages('warn')).toEqual(['a voided charge was captured late: refunding it']);
  });

  it.each<[string, Error, string]>([
    [
      'the cause of a known failure',
      unavailable({ reason: 'A', message: 'b', cause: new Error('no answer') }),
      'no answer',
    ],
    ['a known failure without a cause', unavailable({ reason: 'A', message: 'not reported' }), 'not reported'],
    ['any other failure', new Error('broken', { cause: new Error('deeper') }), 'broken'],
  ])('names %s of a settlement that no caller waits for', async (_, failure, reason) => {
    const recorded = recordLog('info');
    const settlements = createSettlements<string>({ timeoutMs: 5_000, log: recorded.log });
    await settlements.run('o1', () => Promise.reject(failure)).catch(() => undefined);

    expect(recorded.lines).toMatchObject([{ msg: 'charge not settled, retrying later', reason }]);
    expect(settlements.name).toBe('settlements');
  });
});

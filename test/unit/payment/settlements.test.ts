// The running settlements of a replica, and the background worker that starts them.
import { describe, expect, it, vi } from 'vitest';
import type { Charge, StoredCharge } from '#services/payment/charge.ts';
import { settleOpenCharges } from '#services/payment/settle-open-charges.ts';
import { createSettlements } from '#services/payment/settlements.ts';
import { injectTrace, installTracing, traceIdOf } from '#services/platform/observability/tracing.ts';
import {
  captured,
  createMemoryStore,
  createProvider,
  createSettlement,
  none,
  silentLog,
  storedCharge,
  unknown,
} from './fakes.ts';

const create = () => createSettlements<string>({ timeoutMs: 5_000, log: silentLog });

describe('the settlements of a replica', () => {
  it('run once for an order, for all its callers', async () => {
    const settlements = create();
    const work = vi.fn(async () => 'settled');
    expect(await Promise.all([settlements.run('o1', work), settlements.run('o1', work)])).toEqual([
      'settled',
      'settled',
    ]);
    expect(work).toHaveBeenCalledOnce();
  });

  it('run concurrently for different orders', async () => {
    const settlements = create();
    const gate = Promise.withResolvers<string>();
    const first = settlements.run('o1', () => gate.promise);
    expect(await settlements.run('o2', async () => 'second')).toBe('second');
    gate.resolve('first');
    expect(await first).toBe('first');
  });

  it('start again after one has failed', async () => {
    const settlements = create();
    await expect(settlements.run('o1', () => Promise.reject(new Error('no answer')))).rejects.toThrow('no answer');
    expect(await settlements.run('o1', async () => 'settled')).toBe('settled');
  });

  it('have a limit', () => {
    const settlements = create();
    for (let running = 0; running < 500; running += 1)
      void settlements.run(`o${running}`, () => new Promise(() => undefined));
    expect(() => settlements.admit()).toThrow('too many payments');
  });

  it('have the deadline of the admitted caller', async () => {
    const settlements = create();
    const run = settlements.admit();
    await settlements.run(
      'o1',
      async (own) => {
        expect(own).toBe(run);
        return '';
      },
      run,
    );
    expect(run.deadline.remainingMs()).toBeLessThanOrEqual(5_000);
  });

  it('are aborted by a stop, which waits for them', async () => {
    const settlements = create();
    const ended = vi.fn();
    const running = settlements.run('o1', async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      ended();
      return '';
    });
    await settlements.stop();
    expect(ended).toHaveBeenCalled();
    await running;
  });

  it('hold up a stop for two seconds at most', async () => {
    vi.useFakeTimers();
    const settlements = create();
    void settlements.run('o1', () => new Promise(() => undefined));
    const onStopped = vi.fn();
    void settlements.stop().then(onStopped);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(onStopped).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(onStopped).toHaveBeenCalled();
    vi.useRealTimers();
  });
});

describe('the background', () => {
  function createBackground(...charges: readonly StoredCharge[]) {
    const store = createMemoryStore(...charges);
    const provider = createProvider();
    const settlement = createSettlement(store, provider).dependencies;
    const settlements = createSettlements<Charge>({ timeoutMs: 5_000, log: silentLog });
    const settle = (signal = new AbortController().signal) =>
      settleOpenCharges({ store, settlement, settlements }, signal);
    return { store, provider, settle };
  }

  it('does nothing when nothing is due', async () => {
    expect(await createBackground().settle()).toBe(false);
  });

  it('settles what is due, whatever single settlement fails', async () => {
    const { store, provider, settle } = createBackground(storedCharge(), storedCharge({ orderId: 'o2' }));
    provider.charge.mockResolvedValueOnce(unknown).mockResolvedValueOnce(captured);

    expect(await settle()).toBe(false);
    const statuses = ['o1', 'o2'].map((orderId) => store.rows.get(orderId)?.charge.status);
    expect(statuses).toEqual(['CHARGING', 'COMPLETED']);
  });

  it('looks for the late capture of a voided charge', async () => {
    const { provider, settle } = createBackground(storedCharge({ status: 'VOIDED' }, { awaitingLateCapture: true }));
    provider.findCharge.mockResolvedValueOnce(none);
    await settle();
    expect(provider.findCharge).toHaveBeenCalledOnce();
  });

  it('asks to be run again at once after a full batch', async () => {
    const charges = Array.from({ length: 25 }, (_, index) => storedCharge({ orderId: `o${index}` }));
    const { provider, settle } = createBackground(...charges);
    provider.charge.mockResolvedValue(captured);
    expect(await settle()).toBe(true);
    expect(provider.charge).toHaveBeenCalledTimes(20);
  });

  it('continues the trace of the call that requested the payment', async () => {
    installTracing();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { provider, settle } = createBackground(storedCharge({}, { traceparent }));
    let seen = '';
    provider.charge.mockImplementationOnce(async () => {
      seen = traceIdOf(injectTrace().traceparent);
      return captured;
    });
    await settle();
    expect(seen).toBe('0af7651916cd43dd8448eb211c80319c');
  });

  it('does not wait for the provider when the service stops', async () => {
    const { provider, settle } = createBackground(storedCharge());
    provider.charge.mockReturnValueOnce(new Promise(() => undefined));
    const stopping = new AbortController();
    const settling = settle(stopping.signal);
    stopping.abort();
    expect(await settling).toBe(false);
  });
});

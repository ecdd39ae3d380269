import { Registry } from 'prom-client';
import { describe, expect, it, vi } from 'vitest';
import { createOrderMetrics } from '#services/order/order-metrics.ts';
import { createFakeSaga } from '../../support/services/fake-dependencies.ts';
import {
  blockedOrder,
  cancelledOrder,
  confirmedOrder,
  failedOrder,
  pendingOrder,
} from '../../support/services/order-builders.ts';

const nothingOpen = { pending: 0, oldestPendingMs: 0, compensations: 0 };

/** The lines of one instrument in a scrape. */
async function scrape(registry: Registry, name: string): Promise<string[]> {
  return (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));
}

describe('the metrics of orders', () => {
  it('count ended orders by state, reason and whether they were synthetic', async () => {
    const registry = new Registry();
    const metrics = createOrderMetrics(registry, { countOpen: async () => nothingOpen });
    metrics.recordEnd(confirmedOrder());
    metrics.recordEnd(confirmedOrder());
    metrics.recordEnd({ ...failedOrder(), reason: 'PAYMENT_FAILED', synthetic: true });
    metrics.recordEnd(cancelledOrder());

    expect(await scrape(registry, 'orders_ended_total')).toEqual([
      'orders_ended_total{status="confirmed",reason="",synthetic="false"} 2',
      'orders_ended_total{status="failed",reason="payment_failed",synthetic="true"} 1',
      'orders_ended_total{status="cancelled",reason="cancelled_by_customer",synthetic="false"} 1',
    ]);
  });

  it('report what is open at every scrape', async () => {
    const registry = new Registry();
    createOrderMetrics(registry, {
      countOpen: async () => ({ pending: 3, oldestPendingMs: 90_500, compensations: 2 }),
    });

    expect(await scrape(registry, 'orders_pending')).toEqual([
      'orders_pending 3',
      'orders_pending_oldest_seconds 90.5',
    ]);
    expect(await scrape(registry, 'orders_open')).toEqual(['orders_open_compensations 2']);
  });

  it('keep the gauges during a database outage, and report everything else', async () => {
    const registry = new Registry();
    const countOpen = vi.fn(async () => ({ pending: 3, oldestPendingMs: 90_500, compensations: 2 }));
    createOrderMetrics(registry, { countOpen }).recordEnd(confirmedOrder());
    await registry.metrics();
    countOpen.mockRejectedValueOnce(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));

    expect(await scrape(registry, 'orders_')).toEqual([
      'orders_ended_total{status="confirmed",reason="",synthetic="false"} 1',
      'orders_pending 3',
      'orders_pending_oldest_seconds 90.5',
      'orders_open_compensations 2',
    ]);
  });

  it('do not hide a wrong statement', async () => {
    const registry = new Registry();
    createOrderMetrics(registry, { countOpen: () => Promise.reject(new Error('column "stauts" does not exist')) });

    await expect(registry.metrics()).rejects.toThrow('stauts');
  });
});

describe('the saga', () => {
  it('reports the end of an order once', async () => {
    const saga = createFakeSaga(pendingOrder());
    await saga.run();

    expect(saga.onChange.mock.calls.map(([order, hasEnded]) => [order.status, hasEnded])).toEqual([
      ['PENDING', false],
      ['CONFIRMED', true],
    ]);
  });

  it('does not report the end again after the compensation', async () => {
    const saga = createFakeSaga(blockedOrder());
    saga.payment.decline = 'Insufficient funds';
    await saga.run();

    expect(saga.onChange.mock.calls.map(([order, hasEnded]) => [order.status, hasEnded])).toEqual([
      ['FAILED', true],
      ['FAILED', false],
    ]);
  });
});

// Re-execution: the saga is killed at every point it passes, then run again from what is stored. The points come from a recorded
// run without a crash, so that a new call or change is covered automatically.
import { describe, expect, it } from 'vitest';
import type { Order } from '#services/order/order.ts';
import { createFakeSaga, type FakeSaga } from '../../support/services/fake-dependencies.ts';
import { cancelledOrder, pendingOrder, refundedOrder } from '../../support/services/order-builders.ts';

class Killed extends Error {
  override readonly name = 'Killed';
}

/** Records the points of a run: before and after each call and each commit. Throws at the point `dieAt`. */
function recordPointsOf(saga: FakeSaga, dieAt?: string): string[] {
  const points: string[] = [];
  const pass = (point: string): void => {
    const visit = points.filter((passed) => passed.startsWith(point)).length + 1;
    points.push(visit === 1 ? point : `${point} (${visit})`);
    if (points.at(-1) === dieAt) throw new Killed(point);
  };
  const calls = {
    reserveStock: saga.inventory.reserveStock,
    confirmReservation: saga.inventory.confirmReservation,
    releaseReservation: saga.inventory.releaseReservation,
    processPayment: saga.payment.processPayment,
    refundPayment: saga.payment.refundPayment,
  };
  for (const [name, call] of Object.entries(calls)) {
    const original = call.getMockImplementation() as (...given: unknown[]) => Promise<never>;
    call.mockImplementation(async (...given: unknown[]) => {
      pass(`before ${name}`);
      const answer = await original(...given);
      pass(`after ${name}`);
      return answer;
    });
  }
  saga.store.beforeSave = (next) => pass(`before the commit of ${next.status}`);
  saga.store.afterSave = (saved) => pass(`after the commit of ${saved.status}`);
  return points;
}

type Journey = {
  readonly name: string;
  readonly start: () => FakeSaga;
  readonly end: Partial<Order>;
  readonly captures: number;
  readonly stock: number;
};

const journeys: Journey[] = [
  {
    name: 'to CONFIRMED',
    start: () => createFakeSaga(pendingOrder()),
    end: { status: 'CONFIRMED', verdict: 'CONFIRM' },
    captures: 1,
    stock: 40,
  },
  {
    name: 'to FAILED by a declined payment',
    start: () => {
      const saga = createFakeSaga(pendingOrder());
      saga.payment.decline = 'Insufficient funds';
      return saga;
    },
    end: { status: 'FAILED', verdict: 'FAIL', reason: 'PAYMENT_FAILED' },
    captures: 0,
    stock: 50,
  },
  {
    name: 'to FAILED for lack of stock',
    start: () => {
      const saga = createFakeSaga(pendingOrder());
      saga.inventory.stock = 5;
      return saga;
    },
    end: { status: 'FAILED', verdict: 'FAIL', reason: 'INSUFFICIENT_STOCK' },
    captures: 0,
    stock: 5,
  },
  {
    name: 'back from CANCELLED',
    start: () => {
      const saga = createFakeSaga(cancelledOrder());
      saga.inventory.reservations.set('order-1', 'RESERVED');
      saga.payment.charges.set('order-1', 'COMPLETED');
      return saga;
    },
    end: { status: 'CANCELLED', verdict: 'CANCEL', reason: 'CANCELLED_BY_CUSTOMER' },
    captures: 0,
    stock: 50,
  },
  {
    name: 'back from REFUNDED',
    start: () => {
      const saga = createFakeSaga(refundedOrder());
      saga.inventory.reservations.set('order-1', 'CONFIRMED');
      saga.payment.charges.set('order-1', 'COMPLETED');
      return saga;
    },
    end: { status: 'REFUNDED', verdict: 'CONFIRM', reason: undefined },
    captures: 0,
    stock: 50,
  },
];

async function recordPoints({ start }: Journey): Promise<string[]> {
  const saga = start();
  const points = recordPointsOf(saga);
  await saga.run();
  return [...points];
}

const cases = (
  await Promise.all(
    journeys.map(async (journey) => (await recordPoints(journey)).map((point) => ({ ...journey, point }))),
  )
).flat();

describe('killed and run again', () => {
  it('passes two points for each call and two for each commit', async () => {
    const counts = journeys.map(({ name }) => [name, cases.filter((one) => one.name === name).length]);
    expect(Object.fromEntries(counts)).toEqual({
      'to CONFIRMED': 10,
      'to FAILED by a declined payment': 10,
      'to FAILED for lack of stock': 3,
      'back from CANCELLED': 6,
      'back from REFUNDED': 4,
    });
  });

  it.each(cases)('$name, killed $point: reaches the same end', async ({ start, end, captures, stock, point }) => {
    const saga = start();
    recordPointsOf(saga, point);
    await expect(saga.run()).rejects.toThrow(Killed);
    const { order } = await saga.run();

    expect(order).toMatchObject({ ...end, owed: { release: false, refund: false } });
    expect(saga.store.current()).toEqual(order);
    expect(saga.payment.captures).toBe(captures);
    expect(saga.inventory.stock).toBe(stock);
  });

  it.each(cases)('$name, killed $point: publishes its final event exactly once', async ({ start, end, point }) => {
    const saga = start();
    recordPointsOf(saga, point);
    await expect(saga.run()).rejects.toThrow(Killed);
    await saga.run();
    const finalEvents = {
      CONFIRMED: ['shop.order.v1.OrderConfirmed'],
      FAILED: ['shop.order.v1.OrderFailed'],
    } as Record<string, string[]>;
    expect(saga.store.events.map(({ subject }) => subject)).toEqual(finalEvents[end.status ?? ''] ?? []);
  });

  it.each(cases)('$name, killed $point: no verdict is ever replaced', async ({ start, point }) => {
    const saga = start();
    recordPointsOf(saga, point);
    await expect(saga.run()).rejects.toThrow(Killed);
    await saga.run();
    const verdicts = saga.store.changes.map(({ order }) => order.verdict);
    expect(new Set(verdicts.slice(verdicts.findIndex((verdict) => verdict !== undefined))).size).toBe(1);
  });
});

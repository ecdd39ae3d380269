import { describe, expect, it, vi } from 'vitest';
import { LAST_STEP_RESERVE_MS, runSaga } from '#services/order/order-saga.ts';
import { callFailure, createFakeSaga, type FakeSaga } from '../../support/services/fake-dependencies.ts';
import {
  ACCEPTED_AT,
  blockedOrder,
  cancelledOrder,
  confirmingOrder,
  frozenDeadline,
  pendingOrder,
} from '../../support/services/order-builders.ts';

const TOO_LATE = frozenDeadline(0);

describe('the delay before the next attempt', () => {
  async function resumeAfter(attempts: number): Promise<{ afterMs: number; attempts: number } | undefined> {
    const saga = createFakeSaga(blockedOrder());
    saga.inventory.reserveStock.mockRejectedValueOnce(callFailure('inventory', 'unreachable'));
    await saga.run(2_500, attempts);
    return saga.store.changes.at(-1)?.resume;
  }

  it('is 125 to 250 ms after the first failure', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    expect(await resumeAfter(0)).toEqual({ afterMs: 125, attempts: 1 });
    vi.spyOn(Math, 'random').mockReturnValue(1);
    expect(await resumeAfter(0)).toEqual({ afterMs: 250, attempts: 1 });
  });

  it('doubles with every attempt', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const delays = await Promise.all([0, 1, 2, 3, 4].map(resumeAfter));
    expect(delays.map((resume) => resume?.afterMs)).toEqual([250, 500, 1_000, 2_000, 4_000]);
  });

  it.each([6, 7, 30, 1_000_000])('is at most 10 s, at attempt %i too', async (attempts) => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    expect(await resumeAfter(attempts)).toEqual({ afterMs: 10_000, attempts: attempts + 1 });
  });

  it('is at most what the setting says', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const saga = createFakeSaga(blockedOrder());
    saga.inventory.reserveStock.mockRejectedValueOnce(callFailure('inventory', 'unreachable'));
    await runSaga({ ...saga, maxResumeMs: 700 }, saga.store.current(), frozenDeadline(2_500), 9);
    expect(saga.store.changes.at(-1)?.resume).toEqual({ afterMs: 700, attempts: 10 });
  });

  it('is not set while the run goes on: only a failed step ends the lease', async () => {
    const saga = createFakeSaga(pendingOrder());
    await saga.run();
    expect(saga.store.changes.map(({ resume }) => resume)).toEqual([undefined, undefined]);
  });
});

describe('the time of a run', () => {
  it('keeps 400 ms of it for the step after the verdict', async () => {
    const saga = createFakeSaga(pendingOrder());
    await saga.run(2_500);
    expect(LAST_STEP_RESERVE_MS).toBe(400);
    expect(saga.inventory.reserveStock.mock.calls[0]?.[1]).toEqual({ timeoutMs: 2_100 });
    expect(saga.payment.processPayment.mock.calls[0]?.[1]).toEqual({ timeoutMs: 2_100 });
    expect(saga.inventory.confirmReservation.mock.calls[0]?.[1]).toEqual({ timeoutMs: 2_500 });
  });

  it('bounds each call by what is left when it is made', async () => {
    const saga = createFakeSaga(pendingOrder());
    const left = [2_000, 1_500, 300];
    await runSaga(saga, pendingOrder(), { remainingMs: () => left.shift() ?? 0 });
    expect(saga.inventory.reserveStock.mock.calls[0]?.[1]).toEqual({ timeoutMs: 1_600 });
    expect(saga.payment.processPayment.mock.calls[0]?.[1]).toEqual({ timeoutMs: 1_100 });
    expect(saga.inventory.confirmReservation.mock.calls[0]?.[1]).toEqual({ timeoutMs: 300 });
  });

  it('is never negative', async () => {
    const saga = createFakeSaga(pendingOrder());
    await runSaga(saga, pendingOrder(), TOO_LATE);
    expect(saga.inventory.reserveStock.mock.calls[0]?.[1]).toEqual({ timeoutMs: 0 });
  });

  it('is all for compensation once the order has failed', async () => {
    const saga = createFakeSaga(cancelledOrder());
    await saga.run(700);
    expect(saga.inventory.releaseReservation.mock.calls[0]?.[1]).toEqual({ timeoutMs: 700 });
    expect(saga.payment.refundPayment.mock.calls[0]?.[1]).toEqual({ timeoutMs: 700 });
  });
});

describe('the time limit of an order', () => {
  it.each(['inventory', 'payment'] as const)(
    'fails an order that %s never understands, and not before',
    async (dependency) => {
      const saga = createFakeSaga(pendingOrder());
      const spy = dependency === 'inventory' ? saga.inventory.reserveStock : saga.payment.processPayment;
      spy.mockRejectedValue(callFailure(dependency, 'not_understood'));
      saga.time = new Date(ACCEPTED_AT.getTime() + saga.orderLimitMs - 1);
      expect((await saga.run()).order.status).toBe('PENDING');

      saga.time = new Date(ACCEPTED_AT.getTime() + saga.orderLimitMs);

      expect((await saga.run()).order).toMatchObject({ status: 'FAILED', reason: 'TIME_LIMIT_EXCEEDED' });
      expect(saga.inventory.releaseReservation).toHaveBeenCalledOnce();
    },
  );

  function overdue(order = blockedOrder()): FakeSaga {
    const saga = createFakeSaga(order);
    saga.time = new Date(ACCEPTED_AT.getTime() + saga.orderLimitMs);
    return saga;
  }

  it('fails an undecided order without another try', async () => {
    const saga = overdue();
    expect((await saga.run()).order).toMatchObject({ status: 'FAILED', reason: 'TIME_LIMIT_EXCEEDED' });
    expect(saga.inventory.reserveStock).not.toHaveBeenCalled();
    expect(saga.payment.processPayment).not.toHaveBeenCalled();
  });

  it('releases and refunds, whatever steps are recorded', async () => {
    const saga = overdue();
    saga.payment.charges.set('order-1', 'COMPLETED');
    await saga.run();
    expect(saga.inventory.reservations.get('order-1')).toBe('RELEASED');
    expect(saga.payment.charges.get('order-1')).toBe('REFUNDED');
  });

  it('is recorded as the verdict in the timeline, and marks no step as refused', async () => {
    const { order } = await overdue().run();
    expect(order.timeline.filter(({ state }) => state === 'REFUSED')).toEqual([]);
    expect(order.timeline).toContainEqual(
      expect.objectContaining({ step: 'DECIDE', detail: 'FAIL TIME_LIMIT_EXCEEDED' }),
    );
  });

  it('does not apply once the verdict is CONFIRM: the order is confirmed, however late', async () => {
    const saga = overdue(confirmingOrder());
    saga.inventory.reservations.set('order-1', 'RESERVED');
    expect((await saga.run()).order.status).toBe('CONFIRMED');
  });

  it('does not apply one millisecond before', async () => {
    const saga = overdue();
    saga.time = new Date(saga.time.getTime() - 1);
    expect((await saga.run()).order.status).toBe('CONFIRMED');
  });
});

describe('an order whose own payment the provider fails', () => {
  function failing(ageMs: (saga: FakeSaga) => number, reason = 'PAYMENT_PROVIDER_ERROR'): FakeSaga {
    const saga = createFakeSaga(pendingOrder());
    saga.payment.processPayment.mockRejectedValue(callFailure('payment', 'unreachable', reason));
    saga.time = new Date(ACCEPTED_AT.getTime() + ageMs(saga));
    return saga;
  }

  it('waits with its stock until the limit of such payments', async () => {
    const saga = failing(({ failingPaymentLimitMs }) => failingPaymentLimitMs - 1);
    const { order, failure } = await saga.run();
    expect(order).toMatchObject({ status: 'PENDING', reason: 'PAYMENT_UNAVAILABLE' });
    expect(failure?.outcome).toBe('PENDING');
    expect(saga.inventory.reservations.get('order-1')).toBe('RESERVED');
  });

  it('fails at that limit, and returns stock and money, which may have been captured', async () => {
    const saga = failing(({ failingPaymentLimitMs }) => failingPaymentLimitMs);
    saga.payment.charges.set('order-1', 'COMPLETED');
    const { order } = await saga.run();
    expect(order).toMatchObject({ status: 'FAILED', reason: 'PAYMENT_FAILED' });
    expect(order.timeline).toContainEqual(
      expect.objectContaining({
        step: 'PROCESS_PAYMENT',
        state: 'REFUSED',
        detail: 'the payment provider fails every attempt of this payment',
      }),
    );
    expect(saga.inventory.reservations.get('order-1')).toBe('RELEASED');
    expect(saga.payment.charges.get('order-1')).toBe('REFUNDED');
  });

  it.each(['PAYMENT_PROVIDER_UNAVAILABLE', ''])(
    'is not one that waits because payment or the provider is away for everyone (%j)',
    async (reason) => {
      const saga = failing(({ failingPaymentLimitMs }) => failingPaymentLimitMs, reason);
      expect((await saga.run()).order.status).toBe('PENDING');
    },
  );
});

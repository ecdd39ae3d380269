// What a run of the saga reports: how it ended, the details in the timeline, and the lines of the log.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ReserveStockResponseSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { ProcessPaymentResponseSchema } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { runSaga } from '#services/order/order-saga.ts';
import { createOrderResumer } from '#services/order/resume-orders.ts';
import { toStepFailure } from '#services/order/saga-table.ts';
import { callFailure, createFakeSaga, type FakeSaga } from '../../support/services/fake-dependencies.ts';
import { blockedOrder, frozenDeadline, pendingOrder, secondsLater } from '../../support/services/order-builders.ts';
import { recordLog } from '../platform/support/recorded-log.ts';

const answerCharge = (
  status: ChargeStatus,
  words: { declineMessage?: string; declineCode?: string; transactionId?: string } = {},
) => create(ProcessPaymentResponseSchema, { charge: { orderId: 'order-1', status, ...words } });

async function report(saga: FakeSaga) {
  const { log, lines } = recordLog('info');
  const result = await runSaga({ ...saga, log }, saga.store.current(), frozenDeadline(2_500));
  return { result, lines };
}

describe('a run', () => {
  it.each<[string, (saga: FakeSaga) => unknown, object, object[]]>([
    [
      'that confirms',
      () => undefined,
      { kind: 'ended', failure: undefined, order: { status: 'CONFIRMED' } },
      [{ msg: 'order confirmed' }],
    ],
    [
      'that is declined',
      (saga) => {
        saga.payment.decline = 'no money';
      },
      { kind: 'ended', failure: { reason: 'PAYMENT_FAILED' }, order: { status: 'FAILED' } },
      [{ msg: 'order failed', reason: 'PAYMENT_FAILED', detail: 'no money' }],
    ],
    [
      'that is blocked before the verdict',
      (saga) => saga.inventory.reserveStock.mockRejectedValue(callFailure('inventory', 'unreachable')),
      { kind: 'waiting', failure: { reason: 'INVENTORY_UNAVAILABLE' }, order: { status: 'PENDING' } },
      [{ msg: 'order blocked', step: 'RESERVE_STOCK', reason: 'INVENTORY_UNAVAILABLE' }],
    ],
    [
      'that is blocked after the verdict',
      (saga) => saga.inventory.confirmReservation.mockRejectedValue(callFailure('inventory', 'timeout')),
      { kind: 'waiting', failure: { reason: 'INVENTORY_UNAVAILABLE' }, order: { status: 'PENDING' } },
      [{ msg: 'order blocked', step: 'CONFIRM_RESERVATION' }],
    ],
    [
      'of an order whose time limit has passed',
      (saga) => {
        saga.time = secondsLater(900);
      },
      { kind: 'ended', failure: { reason: 'TIME_LIMIT_EXCEEDED' }, order: { status: 'FAILED' } },
      [{ msg: 'order failed', detail: 'the time limit of the order has passed' }],
    ],
  ])('%s reports how it ended', async (_, arrange, ended, logged) => {
    const saga = createFakeSaga(pendingOrder());
    arrange(saga);

    const { result, lines } = await report(saga);

    expect(result).toMatchObject(ended);
    expect(lines).toMatchObject(logged);
  });

  it.each<[string, (saga: FakeSaga) => unknown, string]>([
    [
      'an answer without a reservation',
      (saga) => saga.inventory.reserveStock.mockResolvedValue(create(ReserveStockResponseSchema)),
      'inventory answered without a reservation',
    ],
    [
      'a reservation whose id cannot be stored',
      (saga) =>
        saga.inventory.reserveStock.mockResolvedValue(
          create(ReserveStockResponseSchema, { reservation: { reservationId: 'res\u0000' } }),
        ),
      'inventory answered with an id that cannot be stored',
    ],
    [
      'a charge whose id cannot be stored',
      (saga) =>
        saga.payment.processPayment.mockResolvedValue(
          answerCharge(ChargeStatus.COMPLETED, { transactionId: 'x'.repeat(1_001) }),
        ),
      'payment answered with an id that cannot be stored',
    ],
    [
      'a charge that is not settled',
      (saga) => saga.payment.processPayment.mockResolvedValue(answerCharge(ChargeStatus.CHARGING)),
      'payment answered with a charge that is not settled',
    ],
    [
      'a decline with a message',
      (saga) =>
        saga.payment.processPayment.mockResolvedValue(
          answerCharge(ChargeStatus.DECLINED, { declineMessage: 'no money', declineCode: 'insufficient_funds' }),
        ),
      'no money',
    ],
    [
      'a decline with a code alone',
      (saga) =>
        saga.payment.processPayment.mockResolvedValue(
          answerCharge(ChargeStatus.DECLINED, { declineCode: 'insufficient_funds' }),
        ),
      'insufficient_funds',
    ],
    [
      'a refund that came first',
      (saga) => saga.payment.processPayment.mockResolvedValue(answerCharge(ChargeStatus.REFUNDED)),
      'the charge was refunded',
    ],
  ])('records %s in the timeline', async (_, arrange, detail) => {
    const saga = createFakeSaga(pendingOrder());
    arrange(saga);

    const { result } = await report(saga);

    expect(result.order.timeline.map((entry) => entry.detail)).toContain(detail);
  });
});

it('only a refused reservation is short of stock', () => {
  const reasons = (['refused', 'unreachable', 'internal'] as const).map(
    (failure) => toStepFailure('RESERVE_STOCK', failure, 'INSUFFICIENT_STOCK').reason,
  );

  expect(reasons).toEqual(['INSUFFICIENT_STOCK', 'INVENTORY_UNAVAILABLE', 'INVENTORY_ERROR']);
});

describe('the resumer', () => {
  it.each([
    { due: 1, claims: 1 },
    { due: 8, claims: 2 },
  ])('with $due orders due claims $claims times before its next period', async ({ due, claims }) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const orders = Array.from({ length: due }, (_, index) => ({ ...blockedOrder(), orderId: `order-${index}` }));
    const saga = createFakeSaga(...orders);
    const claimed = orders.map((order) => ({ order, attempts: 0, traceparent: '' }));
    const claim = vi.fn(async (limit: number) => claimed.splice(0, limit));
    const resumer = createOrderResumer({
      store: { claim },
      saga,
      budgetMs: 2_500,
      areDependenciesHealthy: () => true,
      log: saga.log,
    });
    await resumer.start();
    await vi.advanceTimersByTimeAsync(100);

    expect(claim).toHaveBeenCalledTimes(claims);
    expect(resumer.name).toBe('order resumer');
    await resumer.stop();
  });

  it('warns of an order that it could not resume', async () => {
    const saga = createFakeSaga(blockedOrder());
    saga.store.beforeSave = () => {
      throw new Error('the database is gone');
    };
    const { log, lines, messages } = recordLog('info');
    const resumer = createOrderResumer({
      store: { claim: vi.fn(saga.store.claim).mockResolvedValue([]).mockImplementationOnce(saga.store.claim) },
      saga: { ...saga, log },
      budgetMs: 2_500,
      areDependenciesHealthy: () => true,
      log,
    });
    await resumer.start();
    await expect.poll(() => messages('warn')).toEqual(['an order could not be resumed']);
    await resumer.stop();

    expect(lines.at(-1)).toMatchObject({ reason: 'the database is gone', order_id: 'order-1' });
  });
});

it('takes a transaction id of 1,000 characters', async () => {
  const transactionId = 'x'.repeat(1_000);
  const saga = createFakeSaga(pendingOrder());
  saga.payment.processPayment.mockResolvedValue(answerCharge(ChargeStatus.COMPLETED, { transactionId }));

  const { result } = await report(saga);

  expect(result.order).toMatchObject({ status: 'CONFIRMED', transactionId });
});

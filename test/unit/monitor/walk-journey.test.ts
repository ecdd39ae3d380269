import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { OrderReason, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponseSchema } from '#gen/shop/order/v1/order_service_pb.ts';
import { JourneyFailure, type JourneyName } from '#services/monitor/journey.ts';
import { walkJourney } from '#services/monitor/walk-journey.ts';
import type { Deadline } from '#services/platform/base/deadline.ts';
import { callFailure } from '../../support/services/fake-dependencies.ts';
import { changesOf, createFakeShop, type FakeShop, testOrder, testQuote } from '../../support/services/journeys.ts';
import { frozenDeadline } from '../../support/services/order-builders.ts';

const headers = { 'x-synthetic-credential': 'secret' };
const ignore = (): void => undefined;

async function walk(
  shop: FakeShop,
  journey: JourneyName,
  placed = ignore as (orderId: string) => void,
  deadline = frozenDeadline(900),
) {
  try {
    await walkJourney({ orders: shop, headers }, journey, 'key-1', deadline, placed);
    return 'succeeded';
  } catch (error) {
    if (!(error instanceof JourneyFailure)) throw error;
    return `${error.kind}: ${error.message}`;
  }
}

describe('a journey', () => {
  it.each(['ORDER', 'DECLINE', 'CANCEL', 'QUOTE'] as const)('%s succeeds when the shop is healthy', async (journey) => {
    expect(await walk(createFakeShop(), journey)).toBe('succeeded');
  });

  it('orders one test product, marked synthetic, with the credential and the remaining time', async () => {
    const shop = createFakeShop();
    await walk(shop, 'ORDER');
    expect(shop.createOrder.mock.calls).toEqual([
      [
        {
          idempotencyKey: 'key-1',
          customerId: 'monitor',
          items: [{ productId: 'test-product', quantity: 1 }],
          paymentMethod: 'pm_approved',
          synthetic: true,
        },
        { timeoutMs: 900, headers },
      ],
    ]);
  });

  it('reports the order as soon as it is placed, even when it ends wrongly', async () => {
    const shop = createFakeShop();
    shop.createOrder.mockResolvedValue(
      create(CreateOrderResponseSchema, { order: testOrder({ orderId: 'order-7', status: OrderStatus.CANCELLED }) }),
    );
    const placed = vi.fn();
    expect(await walk(shop, 'ORDER', placed)).toBe('WRONG_END: the order must be CONFIRMED, is CANCELLED');
    expect(placed.mock.calls).toEqual([['order-7']]);
  });

  it('reports the order that it could not cancel', async () => {
    const shop = createFakeShop();
    shop.cancelOrder.mockRejectedValue(callFailure('order', 'unreachable'));
    const placed = vi.fn();
    expect(await walk(shop, 'CANCEL', placed)).toBe('UNREACHABLE: order could not be reached');
    expect(placed.mock.calls).toEqual([['order-1']]);
  });

  it('watches a pending order until its end', async () => {
    const shop = createFakeShop();
    shop.createOrder.mockResolvedValue(create(CreateOrderResponseSchema, { order: testOrder() }));
    shop.watchOrder.mockReturnValue(changesOf(testOrder(), testOrder(), testOrder({ status: OrderStatus.CONFIRMED })));
    expect(await walk(shop, 'ORDER')).toBe('succeeded');
    expect(shop.watchOrder.mock.calls).toEqual([[{ orderId: 'order-1' }, { timeoutMs: 900, headers }]]);
  });

  it('fails when a watch ends before the order does', async () => {
    const shop = createFakeShop();
    shop.createOrder.mockResolvedValue(create(CreateOrderResponseSchema, { order: testOrder() }));
    shop.watchOrder.mockReturnValue(changesOf(testOrder()));
    expect(await walk(shop, 'ORDER')).toBe('WRONG_ANSWER: the order stopped changing while it was PENDING');
  });

  it('fails when a cancelled order is confirmed', async () => {
    const shop = createFakeShop();
    shop.cancelOrder.mockImplementation(async () => ({
      $typeName: 'shop.order.v1.CancelOrderResponse',
      order: testOrder({ status: OrderStatus.CONFIRMED, reason: OrderReason.UNSPECIFIED }),
    }));
    expect(await walk(shop, 'CANCEL')).toBe(
      'WRONG_END: the order must be CANCELLED (CANCELLED_BY_CUSTOMER), is CONFIRMED',
    );
  });

  it('fails when the shop loses the synthetic mark of the order', async () => {
    const shop = createFakeShop();
    shop.createOrder.mockResolvedValue(create(CreateOrderResponseSchema, { order: testOrder({ synthetic: false }) }));
    expect(await walk(shop, 'ORDER')).toBe('WRONG_ANSWER: the order is not marked as synthetic');
  });

  it('fails on a quote that does not add up', async () => {
    const shop = createFakeShop();
    shop.quoteOrder.mockResolvedValue(testQuote({ pricingVersion: '' }));
    expect(await walk(shop, 'QUOTE')).toBe('WRONG_ANSWER: the quote has no pricing version');
  });
});

describe('a call that fails', () => {
  it.each([
    { failure: 'unreachable', kind: 'UNREACHABLE: order could not be reached' },
    { failure: 'internal', kind: 'UNREACHABLE: order answered with an internal error' },
    { failure: 'circuit_open', kind: 'UNREACHABLE: order was not called: its circuit breaker is open' },
    { failure: 'overloaded', kind: 'UNREACHABLE: order sheds load' },
    { failure: 'refused', kind: 'REFUSED: order refused' },
    { failure: 'timeout', kind: 'TOO_SLOW: the journey did not end in time: order did not answer in time' },
    {
      failure: 'not_called',
      kind: 'TOO_SLOW: the journey did not end in time: order was not called: too little time was left',
    },
  ] as const)('as $failure is $kind', async ({ failure, kind }) => {
    const shop = createFakeShop();
    shop.createOrder.mockRejectedValue(callFailure('order', failure));
    expect(await walk(shop, 'ORDER')).toBe(kind);
  });

  it('during a watch is reported like one at its start', async () => {
    const shop = createFakeShop();
    shop.createOrder.mockResolvedValue(create(CreateOrderResponseSchema, { order: testOrder() }));
    shop.watchOrder.mockImplementation(async function* () {
      yield* changesOf(testOrder());
      throw new ConnectError('the connection was reset', Code.Aborted);
    });
    expect(await walk(shop, 'ORDER')).toBe('UNREACHABLE: order could not be reached');
  });

  it('because the journey’s deadline passed is TOO_SLOW, whatever the transport reports', async () => {
    const shop = createFakeShop();
    const deadline: Deadline = { remainingMs: () => 0 };
    shop.createOrder.mockRejectedValue(callFailure('order', 'unreachable'));
    expect(await walk(shop, 'ORDER', ignore, deadline)).toContain('TOO_SLOW');
  });

  it('because of a bug of ours is not reported as a failure of the shop', async () => {
    const shop = createFakeShop();
    shop.createOrder.mockRejectedValue(new TypeError('undefined is not a function'));
    await expect(walk(shop, 'ORDER')).rejects.toThrow(TypeError);
  });
});

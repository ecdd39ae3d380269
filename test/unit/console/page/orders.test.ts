import { describe, expect, it } from 'vitest';
import { OrderReason, OrderStatus, OrderStep, StepState } from '#gen/shop/order/v1/order_pb.ts';
import { changeBasket, itemsOf } from '#services/console/page/src/model/basket.ts';
import { describeReason, describeStatus, stepRows } from '#services/console/page/src/model/order-steps.ts';
import { addressOf, parseRoute } from '#services/console/page/src/model/routes.ts';

const entry = (step: OrderStep, milliseconds: number, state: StepState = StepState.DONE) => ({
  ...{ step, state, detail: '' },
  time: { seconds: 1_000n, nanos: milliseconds * 1_000_000 },
});

describe('the steps of an order', () => {
  it('begin where the one before ended, as shares of the whole', () => {
    const rows = stepRows([
      entry(OrderStep.CREATE, 0),
      entry(OrderStep.RESERVE_STOCK, 30),
      entry(OrderStep.PROCESS_PAYMENT, 100, StepState.REFUSED),
    ]);

    expect(rows.map(({ start, share, milliseconds, outcome }) => [start, share, milliseconds, outcome])).toEqual([
      [0, 0, 0, 'done'],
      [0, 0.3, 30, 'done'],
      [0.3, 0.7, 70, 'refused'],
    ]);
  });

  it('are drawn when there is one, none, or one of a later version', () => {
    expect(stepRows([])).toEqual([]);
    expect(stepRows([entry(OrderStep.CREATE, 5)])).toMatchObject([{ start: 0, share: 0 }]);
    expect(stepRows([entry(99 as OrderStep, 5, 99 as StepState)])).toMatchObject([
      { label: 'Unknown step', outcome: 'done' },
    ]);
  });

  it('never end before they begin, whatever the clocks of the services say', () => {
    const rows = stepRows([entry(OrderStep.CREATE, 50), entry(OrderStep.DECIDE, 20), entry(OrderStep.FINISH, 60)]);

    expect(rows.every(({ milliseconds, start }) => milliseconds >= 0 && start >= 0)).toBe(true);
  });
});

it.each([
  [OrderStatus.PENDING, 'PENDING', 'wait'],
  [OrderStatus.CONFIRMED, 'CONFIRMED', 'good'],
  [OrderStatus.FAILED, 'FAILED', 'bad'],
  [42 as OrderStatus, 'UNKNOWN', 'quiet'],
])('the status %i is %s', (status, label, tone) => {
  expect(describeStatus(status)).toEqual({ label, tone });
});

it.each([
  [OrderReason.UNSPECIFIED, ''],
  [OrderReason.PAYMENT_TIMEOUT, 'payment timeout'],
  [42 as OrderReason, 'unknown'],
])('the reason %i is %j', (reason, text) => {
  expect(describeReason(reason)).toBe(text);
});

describe('an address', () => {
  it.each([
    ['', { view: 'shop' }],
    ['#/', { view: 'shop' }],
    ['#/map', { view: 'map' }],
    ['#/nowhere', { view: 'shop' }],
    ['#/orders', { view: 'orders' }],
    ['#/orders/', { view: 'orders' }],
    ['#/orders/o1', { view: 'orders', id: 'o1' }],
    ['#/orders/%3Cb%3E', { view: 'orders', id: '<b>' }],
    ['#/orders/%E0%A4%A', { view: 'orders', id: '%E0%A4%A' }],
    ['#/map/o1', { view: 'map' }],
    ['#/__proto__', { view: 'shop' }],
  ])('%s is the view %j', (hash, route) => {
    expect(parseRoute(hash)).toEqual(route);
  });

  it('leads back to where it was made', () => {
    for (const id of ['o1', 'a/b', '<b>?#&', '🙂 ']) {
      expect(parseRoute(addressOf({ view: 'orders', id }))).toEqual({ view: 'orders', id });
    }
    expect(addressOf({ view: 'map' })).toBe('#/map');
  });
});

describe('the basket', () => {
  it.each([
    [0, 1, 5, 1],
    [5, 1, 5, 5],
    [1, -1, 5, undefined],
    [0, -1, 5, undefined],
    [0, 200, 500, 99],
    [3, 1, 0, undefined],
    [0, 1, -4, undefined],
  ])('with %i and %i more of %i in stock has %s', (before, change, available, after) => {
    const basket = new Map(before > 0 ? [['p', before]] : []);

    expect(changeBasket(basket, 'p', change, available).get('p')).toBe(after);
  });

  it('becomes the items of an order, in the order they were chosen', () => {
    const basket = changeBasket(changeBasket(new Map(), 'b', 2, 9), 'a', 1, 9);

    expect(itemsOf(basket)).toEqual([
      { productId: 'b', quantity: 2 },
      { productId: 'a', quantity: 1 },
    ]);
  });
});

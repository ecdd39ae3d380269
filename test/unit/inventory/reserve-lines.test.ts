// What is refused before any stock is looked at, when two requests are the same, and what a decision leaves in the log.
import { describe, expect, it } from 'vitest';
import { type ReserveStockRequest, ReserveStockRequestSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { adjustOnHand } from '#services/inventory/product.ts';
import { isTombstone, type Reservation, sameLines } from '#services/inventory/reservation.ts';
import { prepareReserve, reserveTogether, validateReserveRequest } from '#services/inventory/reserve-lines.ts';
import { DomainError } from '#services/platform/base/errors.ts';
import { createValidation, type Validation } from '#services/platform/base/validation.ts';
import { serve } from '../../support/services/serve.ts';
import { recordLog } from '../platform/support/recorded-log.ts';
import { dependOn, NEW_ID, NOW, reservationRow, reserveRow, scriptDatabase } from './scripted-database.ts';

const line = (productId: string, quantity = 1) => ({ productId, quantity });
const linesOf = (count: number) => Array.from({ length: count }, (_, index) => line(`p${index}`));

/** The violations of a check, as `field: description`. */
function faultsOf(check: () => unknown): string[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return error.violations.map(({ field, description }) => `${field}: ${description}`);
  }
}

describe('a request for stock', () => {
  it.each([
    { lines: [], synthetic: false, faults: ['lines: must not be empty'] },
    { lines: linesOf(100), synthetic: false, faults: [] },
    { lines: linesOf(101), synthetic: false, faults: ['lines: must have at most 100 entries, has 101'] },
    {
      lines: [...linesOf(99), line('p0')],
      synthetic: false,
      faults: ['lines[99].product_id: is the product of lines[0] again'],
    },
    {
      lines: [line('a'), line('b'), line('b')],
      synthetic: false,
      faults: ['lines[2].product_id: is the product of lines[1] again'],
    },
    { lines: [line('a', 10_001)], synthetic: false, faults: ['lines[0].quantity: must be at most 10000, is 10001'] },
    {
      lines: [line('a')],
      synthetic: true,
      faults: ['lines[0].product_id: must be test-product for a synthetic order'],
    },
    { lines: [line('test-product')], synthetic: true, faults: [] },
  ])('has the faults $faults', async ({ lines, synthetic, faults }) => {
    const request = { orderId: 'ord1', lines, synthetic };
    const check = (valid: ReserveStockRequest, validation: Validation): void =>
      validateReserveRequest(valid, 'lines', validation);
    const call = serve(
      ReserveStockRequestSchema,
      request,
      (valid) => {
        const validation = createValidation();
        check(valid, validation);
        return validation.violations();
      },
      check,
    ).catch((error: DomainError) => error.violations);

    expect((await call).map(({ field, description }) => `${field}: ${description}`)).toEqual(faults);
  });

  it('of an event, whose contract does not limit it, has at least one line', () => {
    const validation = createValidation();

    validateReserveRequest({ orderId: 'ord1', lines: [], synthetic: false }, 'items', validation);

    expect(validation.violations()).toEqual([{ field: 'items', description: 'must not be empty' }]);
  });

  it.each([
    { left: [line('a'), line('b')], right: [line('b'), line('a')], same: true },
    { left: [line('a'), line('b')], right: [line('a'), line('c')], same: false },
    { left: [line('a', 1)], right: [line('a', 2)], same: false },
    { left: [line('a')], right: [line('a'), line('b')], same: false },
  ])('of $left and one of $right are the same: $same', ({ left, right, same }) => {
    expect(sameLines(left, right)).toBe(same);
  });
});

it('only a released reservation without lines is a tombstone', () => {
  const reservation: Reservation = {
    orderId: 'ord1',
    reservationId: 'res1',
    state: 'RELEASED',
    lines: [],
    shortages: [],
    version: 1,
    synthetic: false,
    updateTime: NOW,
  };
  const states = ['RESERVED', 'REJECTED', 'RELEASED', 'CONFIRMED'] as const;

  expect(states.filter((state) => isTombstone({ ...reservation, state }))).toEqual(['RELEASED']);
  expect(isTombstone({ ...reservation, lines: [line('a')] })).toBe(false);
});

it('an adjustment beyond the range of stock says what would be left', () => {
  const product = {
    productId: 'a',
    name: 'A',
    unitPrice: { currencyCode: 'EUR', minorUnits: 1n },
    onHand: 1,
    reserved: 0,
    sold: 0n,
    version: 1n,
    updateTime: NOW,
  };

  expect(faultsOf(() => adjustOnHand(product, 2_147_483_647))).toEqual([
    'delta: must leave at most 2147483647 on hand, leaves 2147483648',
  ]);
});

describe('a decision', () => {
  const SHORT = { product_id: 'prod456', requested: 2, available: 1 };

  it.each([
    {
      decision: 'a reservation',
      answers: [[reserveRow({ ...reservationRow({ reservation_id: NEW_ID }), is_new: true })]],
      messages: ['stock reserved'],
    },
    {
      decision: 'a rejection',
      answers: [[reserveRow(undefined, [SHORT])], [reservationRow({ state: 'REJECTED', shortages: [SHORT] })]],
      messages: ['reservation rejected: not enough stock'],
    },
    {
      decision: 'a duplicate',
      answers: [[reserveRow({ ...reservationRow(), is_new: false })]],
      messages: [],
    },
  ])('$decision is logged as $messages', async ({ answers, messages }) => {
    const database = scriptDatabase(...answers);
    const { log, lines } = recordLog('info');

    const request = { orderId: 'ord1', lines: [line('prod456', 2)], synthetic: false };
    await reserveTogether({ log }, database, [prepareReserve(dependOn(database), request)]);

    expect(lines.map(({ msg }) => msg)).toEqual(messages);
  });

  it('of a rejection lists ten shortages in the log, and counts all', async () => {
    const shortages = linesOf(11).map(({ productId }) => ({ product_id: productId, requested: 1, available: 0 }));
    const database = scriptDatabase(
      [reserveRow(undefined, shortages)],
      [reservationRow({ state: 'REJECTED', shortages })],
    );
    const { log, lines } = recordLog('info');

    const request = { orderId: 'ord1', lines: linesOf(11), synthetic: false };
    await reserveTogether({ log }, database, [prepareReserve(dependOn(database), request)]);

    expect(lines).toMatchObject([{ shortage_count: 11 }]);
    expect(lines[0]?.shortages).toHaveLength(10);
  });

  it('that orders cannot share for lack of stock is made for each of them alone', async () => {
    const database = scriptDatabase(
      [reserveRow(undefined, [SHORT])],
      [reserveRow({ ...reservationRow({ order_id: 'ord1' }), is_new: true })],
      [reserveRow({ ...reservationRow({ order_id: 'ord2' }), is_new: false })],
    );
    const { log, messages } = recordLog('info');
    const intents = ['ord1', 'ord2'].map((orderId) =>
      prepareReserve(dependOn(database), { orderId, lines: [line('prod456', 2)], synthetic: false }),
    );

    const decisions = await reserveTogether({ log }, database, intents);

    expect(database.statements.map(({ values }) => values[0])).toEqual([['ord1', 'ord2'], ['ord1'], ['ord2']]);
    expect(decisions).toMatchObject([
      { reservation: { orderId: 'ord1' }, isNew: true },
      { reservation: { orderId: 'ord2' }, isNew: false },
    ]);
    expect(messages('info')).toEqual(['stock reserved']);
  });
});

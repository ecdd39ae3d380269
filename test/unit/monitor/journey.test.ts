import { describe, expect, it } from 'vitest';
import {
  checkEnd,
  checkPlaced,
  checkQuote,
  FAILURE_KINDS,
  hasEnded,
  JOURNEYS,
  JourneyFailure,
  ORDER_JOURNEYS,
  type SeenOrder,
  type SeenQuote,
} from '#services/monitor/journey.ts';

const placed: SeenOrder = { orderId: 'order-1', status: 'PENDING', reason: 'UNSPECIFIED', synthetic: true };
const quoted: SeenQuote = {
  total: 100n,
  pricingVersion: 'v1',
  lines: [{ productId: 'test-product', quantity: 1, amount: 100n }],
};

function failureOf(check: () => unknown): string {
  try {
    check();
  } catch (error) {
    expect(error).toBeInstanceOf(JourneyFailure);
    return `${(error as JourneyFailure).kind}: ${(error as JourneyFailure).message}`;
  }
  return '';
}

describe('an answer to a test order', () => {
  it('is accepted when it is synthetic', () => {
    expect(checkPlaced(placed)).toBe(placed);
  });

  it.each([
    { given: undefined, failure: 'WRONG_ANSWER: the answer has no order' },
    { given: { ...placed, orderId: '' }, failure: 'WRONG_ANSWER: the answer has no order' },
    { given: { ...placed, synthetic: false }, failure: 'WRONG_ANSWER: the order is not marked as synthetic' },
  ])('is refused with "$failure"', ({ given, failure }) => {
    expect(failureOf(() => checkPlaced(given))).toBe(failure);
  });

  it('has ended once it is no longer pending', () => {
    expect(['PENDING', 'CONFIRMED', 'FAILED', 'CANCELLED'].filter((status) => hasEnded({ ...placed, status }))).toEqual(
      ['CONFIRMED', 'FAILED', 'CANCELLED'],
    );
  });
});

describe('the end of a journey', () => {
  it.each([
    { journey: 'ORDER', status: 'CONFIRMED', reason: 'UNSPECIFIED' },
    { journey: 'DECLINE', status: 'FAILED', reason: 'PAYMENT_FAILED' },
    { journey: 'CANCEL', status: 'CANCELLED', reason: 'CANCELLED_BY_CUSTOMER' },
  ] as const)('$journey is $status', ({ journey, status, reason }) => {
    expect(failureOf(() => checkEnd({ ...placed, status, reason }, ORDER_JOURNEYS[journey]))).toBe('');
  });

  it.each([
    {
      journey: 'ORDER',
      status: 'FAILED',
      reason: 'INSUFFICIENT_STOCK',
      failure: 'the order must be CONFIRMED, is FAILED (INSUFFICIENT_STOCK)',
    },
    {
      journey: 'DECLINE',
      status: 'FAILED',
      reason: 'INSUFFICIENT_STOCK',
      failure: 'the order must be FAILED (PAYMENT_FAILED), is FAILED (INSUFFICIENT_STOCK)',
    },
    {
      journey: 'CANCEL',
      status: 'CONFIRMED',
      reason: 'UNSPECIFIED',
      failure: 'the order must be CANCELLED (CANCELLED_BY_CUSTOMER), is CONFIRMED',
    },
  ] as const)('$journey is not $status ($reason)', ({ journey, status, reason, failure }) => {
    expect(failureOf(() => checkEnd({ ...placed, status, reason }, ORDER_JOURNEYS[journey]))).toBe(
      `WRONG_END: ${failure}`,
    );
  });
});

describe('a quote', () => {
  it('is accepted when it adds up', () => {
    expect(failureOf(() => checkQuote(quoted))).toBe('');
  });

  it.each([
    { change: { total: undefined }, fault: 'no price' },
    { change: { total: 0n }, fault: 'no price' },
    { change: { pricingVersion: '' }, fault: 'no pricing version' },
    { change: { lines: [] }, fault: 'other lines' },
    { change: { lines: [...quoted.lines, { productId: '12345', quantity: 1, amount: 0n }] }, fault: 'other lines' },
    { change: { lines: [{ productId: '12345', quantity: 1, amount: 100n }] }, fault: 'other lines' },
    { change: { lines: [{ productId: 'test-product', quantity: 2, amount: 100n }] }, fault: 'other lines' },
    { change: { total: 99n }, fault: 'a total that is not the sum of its lines' },
  ])('is refused for $fault', ({ change, fault }) => {
    expect(failureOf(() => checkQuote({ ...quoted, ...change }))).toContain(`WRONG_ANSWER: the quote has ${fault}`);
  });

  it('reports all its faults at once', () => {
    expect(failureOf(() => checkQuote({ total: 5n, pricingVersion: '', lines: [] }))).toBe(
      'WRONG_ANSWER: the quote has no pricing version, other lines, a total that is not the sum of its lines',
    );
  });
});

describe('the journeys', () => {
  it('are four, of which three place an order', () => {
    expect(JOURNEYS).toEqual(['ORDER', 'DECLINE', 'CANCEL', 'QUOTE']);
    expect(Object.entries(ORDER_JOURNEYS).map(([name, plan]) => [name, plan.paymentMethod, plan.cancels])).toEqual([
      ['ORDER', 'pm_approved', false],
      ['DECLINE', 'pm_insufficient_funds', false],
      ['CANCEL', 'pm_provider_error', true],
    ]);
  });

  it('fail in one of a few kinds, with the cause when there is one', () => {
    expect(FAILURE_KINDS.toSorted()).toEqual([
      'INTERRUPTED',
      'REFUSED',
      'TOO_SLOW',
      'UNREACHABLE',
      'WRONG_ANSWER',
      'WRONG_END',
    ]);
    const cause = new Error('no answer');

    expect(new JourneyFailure('UNREACHABLE', 'gone', cause)).toMatchObject({ name: 'JourneyFailure', cause });
    expect(new JourneyFailure('TOO_SLOW', 'late')).not.toHaveProperty('cause');
  });
});

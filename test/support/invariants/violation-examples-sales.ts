// Examples of violations in the sums of analytics.
import { euros, of, type ViolationExample, without } from './violation-examples.ts';

export const SALES: ViolationExample[] = [
  [
    'sales-exact',
    'confirmed',
    'a sale is not counted',
    ({ sales }) => {
      of(sales, 'confirmed').total = undefined;
    },
  ],
  [
    'sales-exact',
    'confirmed',
    'a sale is counted with twice its total',
    ({ sales }) => {
      of(sales, 'confirmed').total = euros(2_000n);
    },
  ],
  [
    'sales-exact',
    'confirmed-in-dollars',
    'a product of a sale is not counted',
    ({ sales }) => {
      of(sales, 'confirmed-in-dollars').items.pop();
    },
  ],
  [
    'sales-exact',
    'declined',
    'a failed order is counted as sold',
    ({ sales }) => {
      of(sales, 'declined').total = euros(1_000n);
    },
  ],
  [
    'sales-exact',
    'ghost',
    'an order that does not exist is counted as sold',
    ({ sales }) => {
      sales.push({ ...of(sales, 'confirmed'), orderId: 'ghost' });
    },
  ],
  [
    'sales-exact',
    'refunded',
    'the sale of a refunded order is not counted',
    ({ sales }) => {
      of(sales, 'refunded').total = undefined;
    },
  ],
  [
    'sales-exact',
    'refunded',
    'a refund is not counted',
    ({ sales }) => {
      of(sales, 'refunded').refund = undefined;
    },
  ],
  [
    'sales-exact',
    'refunded',
    'a refund is counted with another amount',
    ({ sales }) => {
      of(sales, 'refunded').refund = euros(999n);
    },
  ],
  [
    'sales-exact',
    'confirmed',
    'a confirmed order is counted as refunded',
    ({ sales }) => {
      of(sales, 'confirmed').refund = euros(1_000n);
    },
  ],
  [
    'sales-steps',
    'short',
    'an order is not counted at all',
    (facts) => {
      facts.sales = without(facts.sales, 'short');
    },
  ],
  [
    'sales-steps',
    'cancelled',
    'a refund is not counted',
    ({ sales }) => {
      of(sales, 'cancelled').steps.pop();
    },
  ],
  [
    'sales-steps',
    'synthetic',
    'a synthetic order is not counted separately',
    (facts) => {
      facts.sales = without(facts.sales, 'synthetic');
    },
  ],
  [
    'sales-sums',
    'day: orders CONFIRMED EUR',
    'a sum is not that of its rows',
    (facts) => {
      facts.wrongSums = [{ what: 'day: orders CONFIRMED EUR', kept: '3', rows: '2' }];
    },
  ],
  [
    'synthetic-untouched',
    'synthetic',
    'a step of a synthetic order is counted',
    ({ sales }) => {
      of(sales, 'synthetic').steps.push('PAID');
    },
  ],
];

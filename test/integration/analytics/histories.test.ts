// Random histories of orders, delivered as events in any order with duplicates: the sums equal a plain count.
import { randomUUID } from 'node:crypto';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  OrderConfirmedSchema,
  OrderCreatedSchema,
  OrderFailedSchema,
  OrderRefundedSchema,
} from '#gen/shop/order/v1/order_events_pb.ts';
import { createAnalyticsSubscriptions } from '#services/analytics/routes.ts';
import { type Sales, summarizeSales } from '#services/analytics/sales.ts';
import { createSalesStore } from '#services/analytics/sales-store.ts';
import { openEventFixture } from '../../support/contracts/contracts.ts';
import { checkHistories, historyRuns, historyTimeoutMs } from '../../support/histories.ts';
import { NOON } from '../../support/services/sales-builders.ts';

const FILE = 'test/integration/analytics/histories.test.ts';
const RUNS = historyRuns(12);
const REASONS = [4, 5];

const order = fc.record({
  synthetic: fc.boolean(),
  end: fc.constantFrom('CONFIRMED', 'REFUNDED', 'FAILED', 'PENDING'),
  currencyCode: fc.constantFrom('EUR', 'CHF'),
  items: fc.uniqueArray(
    fc.record({
      productId: fc.constantFrom('lamp', 'mug', 'Ärmel', 'Zange'),
      quantity: fc.integer({ min: 1, max: 10_000 }),
      price: fc.bigInt(0n, 1n << 40n),
    }),
    { selector: ({ productId }) => productId, minLength: 1 },
  ),
  discount: fc.bigInt(0n, 5n),
  reason: fc.constantFrom(...REASONS),
  seconds: fc.integer({ min: 0, max: 150 }),
});
type Order = typeof order extends fc.Arbitrary<infer Value> ? Value : never;

const history = fc.record({
  orders: fc.array(order, { maxLength: 8 }),
  /** The choice of the next event among those left; an even one is delivered again later. */
  turns: fc.array(fc.nat(), { minLength: 1 }),
  from: fc.integer({ min: 0, max: 150 }),
  length: fc.integer({ min: 1, max: 150 }),
});

const at = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1_000);
const totalOf = ({ items, discount }: Order): bigint => {
  const sum = items.reduce((all, { quantity, price }) => all + BigInt(quantity) * price, 0n);
  return sum > discount ? sum - discount : sum;
};

const isSold = ({ end }: Order): boolean => end === 'CONFIRMED' || end === 'REFUNDED';

/** The events of an order. */
function eventsOf(one: Order, index: number) {
  const { synthetic, end, currencyCode, seconds } = one;
  const orderId = `order-${index}`;
  const event = <Schema extends DescMessage>(schema: Schema, init: MessageInitShape<Schema>) => ({
    subject: schema.typeName,
    headers: { 'ce-id': randomUUID() },
    payload: toBinary(schema, create(schema, init)),
  });
  const time = timestampFromDate(at(seconds));
  const events = [event(OrderCreatedSchema, { orderId, synthetic, createTime: time })];
  if (end === 'FAILED')
    events.push(event(OrderFailedSchema, { orderId, synthetic, reason: one.reason as never, failTime: time }));
  if (isSold(one)) {
    const items = one.items.map(({ price, ...item }) => ({
      ...item,
      unitPrice: { currencyCode, minorUnits: price },
    }));
    const total = { currencyCode, minorUnits: totalOf(one) };
    events.push(event(OrderConfirmedSchema, { orderId, synthetic, items, total, confirmTime: time }));
    if (end === 'REFUNDED') events.push(event(OrderRefundedSchema, { orderId, synthetic, total, refundTime: time }));
  }
  return events;
}

/** The expected sums of a span, by a plain count. */
function countPlainly(orders: readonly Order[], from: number, to: number) {
  const within = orders.filter(({ seconds }) => seconds >= from && seconds < to);
  const real = within.filter(({ synthetic }) => !synthetic);
  const sold = real.filter(isSold);
  const refunded = sold.filter(({ end }) => end === 'REFUNDED');
  const inOrder = <Key, Value>(entries: Iterable<readonly [Key, Value]>) => Object.fromEntries(entries);
  const sum = (amounts: readonly (readonly [string, bigint])[]) => {
    const sums = new Map<string, bigint>();
    for (const [key, amount] of amounts) sums.set(key, (sums.get(key) ?? 0n) + amount);
    return inOrder(sums);
  };
  const lines = sold.flatMap(({ items, currencyCode }) => items.map((item) => ({ ...item, currencyCode })));
  return {
    created: BigInt(real.length),
    synthetic: BigInt(within.length - real.length),
    revenue: sum(sold.map((one) => [one.currencyCode, totalOf(one)])),
    refunds: sum(refunded.map((one) => [one.currencyCode, totalOf(one)])),
    minutes: sum(sold.map((one) => [`${Math.floor(one.seconds / 60)} ${one.currencyCode}`, totalOf(one)])),
    quantities: sum(lines.map(({ productId, quantity }) => [productId, BigInt(quantity)])),
    gross: sum(lines.map((line) => [`${line.productId} ${line.currencyCode}`, BigInt(line.quantity) * line.price])),
    failures: sum(real.filter(({ end }) => end === 'FAILED').map(({ reason }) => [`${reason}`, 1n])),
  };
}

/** The same sums, from the service. */
function readSales(sales: Sales): ReturnType<typeof countPlainly> {
  const minuteOf = (minute: Date): number => (minute.getTime() - NOON.getTime()) / 60_000;
  return {
    created: sales.steps.find(({ step }) => step === 'CREATED')?.orders ?? 0n,
    synthetic: sales.syntheticOrders,
    revenue: Object.fromEntries(sales.revenue.map((one) => [one.currencyCode, one.minorUnits])),
    refunds: Object.fromEntries(sales.refunds.map((one) => [one.currencyCode, one.minorUnits])),
    minutes: Object.fromEntries(
      sales.minutes.flatMap(({ minute, revenue }) =>
        revenue.map((one) => [`${minuteOf(minute)} ${one.currencyCode}`, one.minorUnits]),
      ),
    ),
    quantities: Object.fromEntries(sales.products.map(({ productId, quantity }) => [productId, quantity])),
    gross: Object.fromEntries(
      sales.products.flatMap(({ productId, gross }) =>
        gross.map((one) => [`${productId} ${one.currencyCode}`, one.minorUnits]),
      ),
    ),
    failures: Object.fromEntries(sales.failures.map(({ reason, orders }) => [`${reason}`, orders])),
  };
}

it(
  'the sums equal a plain count, in any order of delivery and with duplicates',
  async () => {
    await using fixture = await openEventFixture('analytics', () => createAnalyticsSubscriptions(() => undefined));
    const store = createSalesStore(fixture.database);
    const property = fc.asyncProperty(history, async ({ orders, turns, from, length }) => {
      await fixture.empty();
      await fixture.sql("insert into generation (generation, state) values (1, 'SERVING')");
      const left = orders.flatMap(eventsOf);
      for (let turn = 0; left.length > 0; turn += 1) {
        const draw = turns[turn % turns.length] ?? 0;
        const index = draw % left.length;
        const event = left[index];
        if (event === undefined) throw new Error('there is no such event');
        // Without its inbox row, only the rows of the projection keep it from counting twice.
        await (draw % 3 === 0 ? fixture.handleAgain(event) : fixture.handle(event));
        if (draw % 2 === 1 || turn > 40) left.splice(index, 1);
      }

      const sums = await store.sum({ start: at(from), end: at(from + length) });

      expect(readSales(summarizeSales(sums))).toEqual(countPlainly(orders, from, from + length));
    });
    await checkHistories(FILE, property, RUNS);
  },
  historyTimeoutMs(RUNS),
);

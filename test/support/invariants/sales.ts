// The invariants of analytics: its sales match the orders, and its steps match the events. Pure.
import { equalMoney } from '#services/platform/base/money.ts';
import type { OrderFact, SaleFact } from './facts.ts';
import {
  describeMoney,
  type FactView,
  type Finding,
  type Invariant,
  sumBy,
  sumMoneyByCurrency,
  type Violation,
} from './finding.ts';

export const SALES_INVARIANTS: readonly Invariant[] = [
  {
    name: 'sales-exact',
    promise:
      'the sales of analytics are exactly the confirmed and refunded orders, with their products and totals, and the refunds those of the refunded ones',
    find: findWrongSales,
  },
  {
    name: 'sales-steps',
    promise: 'analytics counts the step of every order event, and synthetic orders separately',
    find: findMissingSteps,
  },
  {
    name: 'sales-sums',
    promise: 'the sums that analytics keeps by minute and by day are those of its rows',
    find: findWrongSums,
  },
];

/** The step that analytics counts for each event. */
export const STEP_BY_SUBJECT: Readonly<Record<string, string>> = {
  'shop.order.v1.OrderCreated': 'CREATED',
  'shop.order.v1.OrderConfirmed': 'CONFIRMED',
  'shop.order.v1.OrderFailed': 'FAILED',
  'shop.order.v1.OrderCancelled': 'CANCELLED',
  'shop.order.v1.OrderRefunded': 'ORDER_REFUNDED',
  'shop.inventory.v1.StockReserved': 'RESERVED',
  'shop.inventory.v1.InsufficientStock': 'SHORT',
  'shop.inventory.v1.StockReleased': 'RELEASED',
  'shop.payment.v1.PaymentCompleted': 'PAID',
  'shop.payment.v1.PaymentFailed': 'DECLINED',
  'shop.payment.v1.PaymentRefunded': 'REFUNDED',
  'shop.notification.v1.NotificationSent': 'NOTIFIED',
};

function findWrongSales({ sold: soldOrders, sales, orderOf, streamOf }: FactView): Finding {
  const saleOf = new Map(sales.map((sale) => [sale.orderId, sale]));
  const since = streamOf.get('order')?.since;
  const violations: Violation[] = [];
  for (const order of soldOrders) {
    // Analytics may never have received an order from before the oldest stored event.
    if (since !== undefined && order.createTime < since && !saleOf.has(order.orderId)) continue;
    const mismatch = findSaleMismatch(order, saleOf.get(order.orderId));
    if (mismatch !== undefined) violations.push({ id: order.orderId, detail: mismatch });
  }
  const sold = sales.filter(({ total }) => total !== undefined);
  for (const { orderId } of sold) {
    const order = orderOf.get(orderId);
    if (order === undefined || !soldOrders.includes(order)) {
      violations.push({ id: orderId, detail: `is counted as sold, but is ${order?.status ?? 'no order'}` });
    }
  }
  const refunds = sales.filter(({ refund }) => refund !== undefined);
  for (const { orderId } of refunds) {
    const status = orderOf.get(orderId)?.status;
    if (status !== 'REFUNDED') {
      violations.push({ id: orderId, detail: `is counted as refunded, but is ${status ?? 'no order'}` });
    }
  }
  const counts = {
    'sold orders': soldOrders.length,
    cost: describeMoney(sumMoneyByCurrency(soldOrders.map(({ total }) => total))),
    'counted sales': sold.length,
    revenue: describeMoney(sumMoneyByCurrency(sold.flatMap(({ total }) => total ?? []))),
    refunds: describeMoney(sumMoneyByCurrency(refunds.flatMap(({ refund }) => refund ?? []))),
  };
  return { counts, violations };
}

function findWrongSums({ sales, wrongSums }: FactView): Finding {
  const violations = wrongSums.map(({ what, kept = 'nothing', rows = 'nothing' }) => ({
    id: what,
    detail: `is kept as ${kept}, but the rows add up to ${rows}`,
  }));
  return { counts: { 'orders summed': sales.length, 'wrong sums': wrongSums.length }, violations };
}

function findSaleMismatch(order: OrderFact, sale: SaleFact | undefined): string | undefined {
  if (sale?.total === undefined) return `is ${order.status}, but is not counted as sold`;
  if (!equalMoney(sale.total, order.total)) return 'is counted with another total';
  if (order.status === 'REFUNDED' && (sale.refund === undefined || !equalMoney(sale.refund, order.total))) {
    return 'is refunded, but its total is not counted as a refund';
  }
  const quantities = ({ items }: Pick<OrderFact, 'items'>): string =>
    JSON.stringify([...sumBy(items.map((item) => [item.productId, item.quantity] as const))].sort());
  return quantities(sale) === quantities(order) ? undefined : 'is counted with other products';
}

function findMissingSteps({ streams, sales, orderOf }: FactView): Finding {
  const saleOf = new Map(sales.map((sale) => [sale.orderId, sale]));
  const violations: Violation[] = [];
  let steps = 0;
  for (const { subject, body } of streams.flatMap(({ events }) => events)) {
    const step = STEP_BY_SUBJECT[subject];
    const order = orderOf.get(body?.orderId ?? '');
    if (step === undefined || order === undefined) continue;
    if (order.synthetic && step !== 'CREATED') continue;
    steps += 1;
    const sale = saleOf.get(order.orderId);
    const isCounted = order.synthetic ? sale?.synthetic === true : sale?.steps.includes(step) === true;
    if (!isCounted)
      violations.push({ id: order.orderId, detail: `its step ${step} was published, but is not counted` });
  }
  return { counts: { 'steps published': steps, 'orders counted': sales.length }, violations };
}

// The invariants of analytics: its sales are those of the orders, and its steps those that the events tell of. Pure.
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
    promise: 'analytics counts as sold what confirmed orders took, for what they cost, and nothing else',
    find: findWrongSales,
  },
  {
    name: 'sales-steps',
    promise: 'analytics counts every step that an event tells of an order, and test orders apart',
    find: findMissingSteps,
  },
];

/** What the events are told of at analytics. */
export const STEP_OF: Readonly<Record<string, string>> = {
  'shop.order.v1.OrderCreated': 'CREATED',
  'shop.order.v1.OrderConfirmed': 'CONFIRMED',
  'shop.order.v1.OrderFailed': 'FAILED',
  'shop.order.v1.OrderCancelled': 'CANCELLED',
  'shop.inventory.v1.StockReserved': 'RESERVED',
  'shop.inventory.v1.InsufficientStock': 'SHORT',
  'shop.inventory.v1.StockReleased': 'RELEASED',
  'shop.payment.v1.PaymentCompleted': 'PAID',
  'shop.payment.v1.PaymentFailed': 'DECLINED',
  'shop.payment.v1.PaymentRefunded': 'REFUNDED',
  'shop.notification.v1.NotificationSent': 'NOTIFIED',
};

function findWrongSales({ confirmed, sales, orderOf, streamOf }: FactView): Finding {
  const saleOf = new Map(sales.map((sale) => [sale.orderId, sale]));
  const since = streamOf.get('order')?.since;
  const violations: Violation[] = [];
  for (const order of confirmed) {
    // What was sold before the stream begins analytics may never have been told.
    if (since !== undefined && order.createTime < since && !saleOf.has(order.orderId)) continue;
    const fault = findSaleFault(order, saleOf.get(order.orderId));
    if (fault !== undefined) violations.push({ id: order.orderId, detail: fault });
  }
  const sold = sales.filter(({ total }) => total !== undefined);
  for (const { orderId } of sold) {
    const order = orderOf.get(orderId);
    if (order?.status !== 'CONFIRMED' || order.synthetic) {
      violations.push({ id: orderId, detail: `counts as sold, but is ${order?.status ?? 'no order'}` });
    }
  }
  const counts = {
    'confirmed orders': confirmed.length,
    cost: describeMoney(sumMoneyByCurrency(confirmed.map(({ total }) => total))),
    'counted sales': sold.length,
    revenue: describeMoney(sumMoneyByCurrency(sold.flatMap(({ total }) => total ?? []))),
  };
  return { counts, violations };
}

function findSaleFault(order: OrderFact, sale: SaleFact | undefined): string | undefined {
  if (sale?.total === undefined) return 'is confirmed, but does not count as sold';
  if (!equalMoney(sale.total, order.total)) return 'was sold for another amount than it cost';
  const quantities = ({ items }: Pick<OrderFact, 'items'>): string =>
    JSON.stringify([...sumBy(items.map((item) => [item.productId, item.quantity] as const))].sort());
  return quantities(sale) === quantities(order) ? undefined : 'was sold with other products than it has';
}

function findMissingSteps({ streams, sales, orderOf }: FactView): Finding {
  const saleOf = new Map(sales.map((sale) => [sale.orderId, sale]));
  const violations: Violation[] = [];
  let told = 0;
  for (const { subject, body } of streams.flatMap(({ events }) => events)) {
    const step = STEP_OF[subject];
    const order = orderOf.get(body?.orderId ?? '');
    if (step === undefined || order === undefined) continue;
    if (order.synthetic && step !== 'CREATED') continue;
    told += 1;
    const sale = saleOf.get(order.orderId);
    const isCounted = order.synthetic ? sale?.apart === true : sale?.steps.includes(step) === true;
    if (!isCounted) violations.push({ id: order.orderId, detail: `its step ${step} was told and does not count` });
  }
  return { counts: { 'steps told': told, 'orders counted': sales.length }, violations };
}
